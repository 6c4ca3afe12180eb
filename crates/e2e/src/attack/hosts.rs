//! A server that is open to its own machine: whoever comes by another name, or through a proxy, is a page's or a stranger's.

use super::{
    Rows,
    scene::Scene,
    wire::{self, Ask, FORM, GET, JSON, POST},
};

/// What a request says of the server's name. PORT is its port.
const HOSTS: &[(&str, &str)] = &[
    ("evil.example", "another name"),
    ("evil.example:PORT", "another name with our port"),
    ("localhost.evil.example:PORT", "a name that begins like ours"),
    ("127.0.0.1.evil.example", "an address that is none"),
    ("evil.example@127.0.0.1:PORT", "a user"),
    ("127.0.0.1@evil.example", "ours as a user"),
    ("127.0.0.1:PORT@evil.example", "ours with a port as a user"),
    ("[::1].evil.example", "an address that goes on"),
    ("[::1", "half an address"),
    ("127.0.0.1:evil.example", "a name for a port"),
    ("127.0.0.1 evil.example", "two names"),
    ("127.0.0.1, evil.example", "a list of names"),
    ("127.0.0.1/evil.example", "a path"),
    ("127.0.0.1#.evil.example", "a fragment"),
    ("0.0.0.0:PORT", "any address"),
    ("127.0.0.2:PORT", "another loopback"),
    ("[::ffff:127.0.0.1]:PORT", "a mapped address"),
    ("2130706433:PORT", "a decimal address"),
    ("192.168.0.1:PORT", "a private address"),
    ("", "no name"),
];

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let address = scene.open.base().trim_start_matches("http://");
    let port = address.rsplit(':').next().unwrap_or_default();
    let send = async |ask: &Ask<'_>| wire::exchange(address, &wire::bytes(address, ask)).await;
    let good = send(&Ask { target: "/main/runs", ..GET }).await;
    rows.control("this machine comes in", good.is_good(), &good.says());
    for (host, trick) in HOSTS {
        let host = host.replace("PORT", port);
        for target in ["/main/runs", "/ui/main/mine", "/main/events"] {
            let answer = send(&Ask { target, headers: &[("host", &host)], ..GET }).await;
            rows.add(&format!("{trick}, {target}"), &host, &answer.says(), answer.is_good());
        }
        let answer = send(&Ask {
            target: "/main/webhook/echo",
            headers: &[("host", &host), JSON],
            body: b"{}",
            ..POST
        })
        .await;
        rows.add(&format!("{trick}, a write"), &host, &answer.says(), answer.is_good());
    }
    for header in [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-forwarded-server",
        "via",
        "cf-connecting-ip",
        "true-client-ip",
    ] {
        let answer = send(&Ask { target: "/main/runs", headers: &[(header, "127.0.0.1")], ..GET }).await;
        rows.add("through a proxy", header, &answer.says(), answer.is_good());
    }
    for (lines, trick) in [
        ("GET /main/runs HTTP/1.1\r\nhost: ADDRESS\r\nhost: evil.example\r\n", "two hosts"),
        ("GET /main/runs HTTP/1.1\r\nhost: evil.example\r\nhost: ADDRESS\r\n", "two hosts, ours last"),
        ("GET http://evil.example/main/runs HTTP/1.1\r\nhost: ADDRESS\r\n", "a whole address of another"),
        ("GET /main/runs HTTP/1.1\r\nhost: evil.example\r\n x: ADDRESS\r\n", "a header that goes on"),
        ("GET /main/runs HTTP/1.1\r\nhost : ADDRESS\r\n", "a space in a header's name"),
        ("GET /main/runs HTTP/1.1\r\nx-host: ADDRESS\r\n", "no host"),
        ("GET /main/runs HTTP/1.0\r\n", "an old version without one"),
    ] {
        let bytes = format!("{}connection: close\r\n\r\n", lines.replace("ADDRESS", address));
        let answer = wire::exchange(address, bytes.as_bytes()).await;
        rows.add(trick, lines, &answer.says(), answer.is_good());
    }
    for origin in ["https://evil.example", "http://127.0.0.1:1", "null"] {
        for (kind, body) in [(JSON, "{}"), (FORM, "a=b"), (("content-type", "text/plain"), "{}")] {
            let ask = Ask {
                target: "/main/webhook/echo",
                headers: &[("origin", origin), kind],
                body: body.as_bytes(),
                ..POST
            };
            let answer = send(&ask).await;
            rows.add(
                "another page writes",
                &format!("{origin} {}", kind.1),
                &answer.says(),
                answer.is_good(),
            );
        }
    }
    rows
}
