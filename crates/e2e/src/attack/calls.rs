//! Server-side request forgery through api/http. The address of a call comes from who asks: none may lead inside, however it is
//! written, resolved or redirected. What is inside counts every connection.

use serde_json::{Value, json};
use testkit::provider::Answer;

use super::{Rows, scene::Scene, wire::JSON};

/// What stands for a host, and what that trick is. `@` in it is before the port.
const HOSTS: &[(&str, &str)] = &[
    ("127.0.0.1", "loopback"),
    ("127.1", "two parts"),
    ("127.0.1", "three parts"),
    ("2130706433", "decimal"),
    ("0x7f000001", "hexadecimal"),
    ("0x7f.0.0.1", "hexadecimal part"),
    ("017700000001", "octal"),
    ("0177.0.0.1", "octal part"),
    ("127.255.255.254", "all of 127/8"),
    ("0.0.0.0", "any"),
    ("0", "any, as zero"),
    ("[::]", "any in IPv6"),
    ("[::1]", "loopback in IPv6"),
    ("[0:0:0:0:0:0:0:1]", "the same, long"),
    ("[::ffff:127.0.0.1]", "mapped into IPv6"),
    ("[::ffff:7f00:1]", "mapped, in hexadecimal"),
    ("[::127.0.0.1]", "compatible with IPv4"),
    ("[64:ff9b::7f00:1]", "NAT64"),
    ("[64:ff9b:1::7f00:1]", "NAT64 of a network's own"),
    ("[2002:7f00:1::]", "6to4"),
    ("[2001:0:7f00:1::]", "Teredo"),
    ("[fd00::1]", "unique local"),
    ("[fd00:ec2::254]", "metadata in IPv6"),
    ("[fe80::1]", "link-local in IPv6"),
    ("169.254.169.254", "metadata"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("192.168.0.1", "private"),
    ("100.64.0.1", "carrier's"),
    ("localhost", "its name"),
    ("LOCALHOST", "its name, large"),
    ("localhost.", "its name to the root"),
    ("public.test@127.0.0.1", "a user that looks like a host"),
    ("public.test%3A80%40@127.0.0.1", "the same, encoded"),
    ("127.0.0.1%00.public.test", "a NUL"),
    ("１２７.０.０.１", "fullwidth digits"),
    ("127。0。0。1", "ideographic dots"),
    ("127%2e0%2e0%2e1", "encoded dots"),
    ("①②⑦.⓪.⓪.①", "circled digits"),
    ("ⓛocalhost", "a circled letter"),
    ("loopback.test", "a name of loopback"),
    ("loopback6.test", "a name of loopback in IPv6"),
    ("mapped.test", "a name of a mapped address"),
    ("any.test", "a name of any"),
    ("metadata.test", "a name of the metadata's"),
    ("inside.test", "a name of a private address"),
];

/// Whole addresses; PORT is the one inside.
const ADDRESSES: &[(&str, &str)] = &[
    ("file:///etc/passwd", "a file"),
    ("gopher://127.0.0.1:PORT/_x", "gopher"),
    ("ftp://127.0.0.1:PORT/x", "ftp"),
    ("unix:/var/run/docker.sock", "a socket"),
    ("data:text/plain,x", "data"),
    ("HTTP://127.0.0.1:PORT/x", "a large scheme"),
    ("http:127.0.0.1:PORT/x", "no slashes"),
    ("http:/\\127.0.0.1:PORT/x", "slashes of both kinds"),
    ("http:\\\\127.0.0.1:PORT\\x", "backslashes"),
    ("http://127.0.0.1:PORT\\@public.test/x", "a backslash before the user"),
    ("http://127.0.0.1:PORT#@public.test/x", "a fragment before the user"),
    ("http://127.0.0.1:PORT?@public.test/x", "a query before the user"),
    (" http://127.0.0.1:PORT/x", "a space before"),
    ("ht\ntp://127.0.0.1:PORT/x", "a line break inside"),
];

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    for path in ["/x", "/y", "/z"] {
        // A connection that is kept would not be looked up again.
        scene.public.answer(path, Answer::of(200, &[("connection", "close"), JSON], "{}"));
    }
    let good = called(scene, &scene.public.url("/x").replace("127.0.0.2", "public.test")).await;
    rows.control(
        "a public name is called",
        good["ok"] == true && scene.public.seen().len() == 1,
        &good.to_string(),
    );
    let port = scene.inside.port();
    for (host, trick) in HOSTS {
        one(scene, &mut rows, trick, &format!("http://{host}:{port}/x")).await;
    }
    for (address, trick) in ADDRESSES {
        one(scene, &mut rows, trick, &address.replace("PORT", &port.to_string())).await;
    }
    redirected(scene, &mut rows).await;
    rebound(scene, &mut rows).await;
    let by_proxy = scene.proxy.connections();
    rows.add(
        "proxies of the environment",
        "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY",
        &format!("{by_proxy} calls by them"),
        by_proxy > 0,
    );
    rows
}

/// Each of them again, as where a public provider redirects to.
async fn redirected(scene: &Scene, rows: &mut Rows) {
    let port = scene.inside.port();
    let from = format!("http://public.test:{port}/away");
    scene.public.answer("/fine", Answer::redirect(302, "/x"));
    let good = called(scene, &from.replace("/away", "/fine")).await;
    rows.control("a redirect to a public address is followed", good["ok"] == true, &good.to_string());
    for (n, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let to = format!("http://127.0.0.1:{port}/x");
        redirect(
            scene,
            rows,
            &format!("redirect, {status}"),
            (status, &to),
            &from.replace("away", &format!("away{n}")),
        )
        .await;
    }
    for (n, (host, trick)) in HOSTS.iter().enumerate() {
        // A header of HTTP holds no letters beyond ASCII.
        if host.is_ascii() {
            let to = format!("http://{host}:{port}/x");
            let from = from.replace("away", &format!("to{n}"));
            redirect(scene, rows, &format!("redirect: {trick}"), (302, &to), &from).await;
        }
    }
    for (n, (to, trick)) in [
        ("file:///etc/passwd", "a file"),
        ("//127.0.0.1:PORT/x", "no scheme"),
        ("gopher://127.0.0.1:PORT/", "gopher"),
    ]
    .iter()
    .enumerate()
    {
        let to = to.replace("PORT", &port.to_string());
        let from = from.replace("away", &format!("scheme{n}"));
        redirect(scene, rows, &format!("redirect: {trick}"), (302, &to), &from).await;
    }
}

async fn redirect(scene: &Scene, rows: &mut Rows, trick: &str, (status, to): (u16, &str), from: &str) {
    let path = from.rsplit_once('/').map_or("", |(_, path)| path);
    scene.public.answer(&format!("/{path}"), Answer::redirect(status, to));
    let before = scene.reached();
    let answer = called(scene, from).await;
    // One that is no address is not followed: the redirect itself is the answer.
    let through = scene.reached() > before || !(is_refusal(&answer) || answer["code"] == "http_status");
    rows.add(trick, &format!("-> {to}"), &answer.to_string(), through);
}

/// A name that is public when it is looked at and loopback afterwards, and one that is both.
async fn rebound(scene: &Scene, rows: &mut Rows) {
    let port = scene.inside.port();
    let before = scene.reached();
    let mut last = Value::Null;
    for path in ["x", "y", "z"] {
        last = called(scene, &format!("http://rebind.test:{port}/{path}")).await;
    }
    let through = scene.reached() > before || !is_refusal(&last);
    rows.add("a name that changes", "http://rebind.test/x, y, z", &last.to_string(), through);
    let before = scene.reached();
    let both = called(scene, &format!("http://mixed.test:{port}/x")).await;
    rows.add("a name of two addresses", "http://mixed.test/x", &both.to_string(), scene.reached() > before);
}

async fn one(scene: &Scene, rows: &mut Rows, trick: &str, uri: &str) {
    let before = scene.reached();
    let answer = called(scene, uri).await;
    let through = scene.reached() > before || !is_refusal(&answer);
    rows.add(trick, uri, &answer.to_string(), through);
}

/// Neither called nor tried.
fn is_refusal(answer: &Value) -> bool {
    ["address_refused", "invalid"].iter().any(|code| answer["code"] == *code)
}

/// What a run says that calls that address.
async fn called(scene: &Scene, uri: &str) -> Value {
    scene.ada().post("/shop/webhook/call", &json!({ "uri": uri })).await.json()
}
