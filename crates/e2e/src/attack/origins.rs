//! Requests that another site's page makes a signed-in browser send: with its cookie, and with the origin that it names.

use super::{
    Rows,
    scene::Scene,
    wire::{Ask, FORM, GET, JSON, POST},
};

/// What the browser says of where it comes from. HOST is the server's own name and port, PORT its port.
const FROM: &[(&[(&str, &str)], &str)] = &[
    (&[("origin", "https://evil.example")], "another origin"),
    (&[("origin", "null")], "an origin that is hidden"),
    (&[("origin", "")], "an empty origin"),
    (&[("origin", "file://")], "a file"),
    (&[("origin", "http://HOST.evil.example")], "an origin that begins like ours"),
    (&[("origin", "http://evil.example:PORT")], "an origin with our port"),
    (&[("origin", "http://127.0.0.1:1")], "another port of this machine"),
    (&[("origin", "http://HOST@evil.example")], "an origin with a user"),
    (&[("origin", "http://evil.example/http://HOST")], "ours in its path"),
    (&[("origin", "http://evil.example#HOST")], "ours in its fragment"),
    (&[("origin", "http://evil.example"), ("origin", "http://HOST")], "two origins"),
    (&[("origin", "http://evil.example, http://HOST")], "two origins in one"),
    (&[("origin", "http://evil.example"), ("x-forwarded-host", "evil.example")], "a forwarded host"),
    (
        &[("origin", "http://evil.example"), ("forwarded", "host=evil.example")],
        "a forwarded host, the other way",
    ),
    (&[("origin", "http://evil.example"), ("referer", "http://HOST/ui")], "a referer of ours"),
    (&[("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")], "a site that is ours"),
    (&[("sec-fetch-site", "cross-site")], "no origin, another site"),
    (&[("sec-fetch-site", "same-site")], "no origin, a neighbour"),
    (&[("referer", "https://evil.example/page")], "no origin, another referer"),
    (&[("referer", "https://evil.example/?http://HOST/")], "no origin, ours in the referer"),
];

/// What a page can send without asking: content type and body.
const FORMS: &[(&str, &str, &str)] = &[
    ("application/x-www-form-urlencoded", "a=b", "a form"),
    ("multipart/form-data; boundary=x", "--x--", "a form in parts"),
    ("text/plain", "{\"a\":1}", "JSON as text"),
    ("text/plain;application/json", "{\"a\":1}", "JSON as text that looks like it"),
    ("application/json", "{\"a\":1}", "JSON"),
];

/// What a browser's own pages write to; `ada` may all of it.
const TARGETS: &[(&str, &str, &str)] = &[
    ("POST", "/shop/workflows/echoFlow/run", "{}"),
    ("POST", "/shop/runs/bulk", "{\"action\":\"cancel\"}"),
    ("POST", "/shop/broadcasting/auth", "{\"socket_id\":\"1.1\",\"channel_name\":\"private-user.ada\"}"),
    ("POST", "/shop/events/ticket", ""),
    ("PATCH", "/shop/notifications/read", "{}"),
    ("PATCH", "/shop/notifications/deleteAll", "{}"),
    ("DELETE", "/shop/notifications/delete", "{\"notifications\":[]}"),
    ("POST", "/ui/shop/runs/bulk?action=cancel", "how=start"),
    ("POST", "/ui/signout", ""),
    ("POST", "/ui/signin", "key=KEY"),
];

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let cookie = scene.cookie(&scene.keys.ada).await;
    let own = scene.hefe.base().to_owned();
    let headers = [("cookie", cookie.as_str()), ("origin", &own), JSON];
    let good =
        scene.send(&Ask { target: "/shop/webhook/echo", headers: &headers, body: b"{}", ..POST }).await;
    rows.control("a page of ours writes", good.is_good(), &good.says());
    let (host, port) = (scene.address(), scene.address().rsplit(':').next().unwrap_or_default());
    for (from, trick) in FROM {
        let from: Vec<(&str, String)> = from
            .iter()
            .map(|(name, value)| (*name, value.replace("HOST", host).replace("PORT", port)))
            .collect();
        for (kind, body, form) in FORMS {
            let mut headers = vec![("cookie", cookie.as_str()), ("content-type", kind)];
            headers.extend(from.iter().map(|(name, value)| (*name, value.as_str())));
            let answer = scene
                .send(&Ask { target: "/shop/webhook/echo", headers: &headers, body: body.as_bytes(), ..POST })
                .await;
            rows.add(&format!("{trick}, {form}"), &format!("{from:?}"), &answer.says(), answer.is_good());
        }
    }
    for (verb, target, body) in TARGETS {
        let body = body.replace("KEY", &scene.keys.eve);
        let kind = if target.starts_with("/ui") { FORM } else { JSON };
        let headers = [("cookie", cookie.as_str()), ("origin", "https://evil.example"), kind];
        let answer = scene.send(&Ask { verb, target, headers: &headers, body: body.as_bytes() }).await;
        rows.add(
            "another origin",
            &format!("{verb} {target}"),
            &answer.says(),
            (200..400).contains(&answer.status()),
        );
    }
    reading(scene, &mut rows, &cookie).await;
    rows
}

/// What another origin reads, and what writes though it seems to read.
async fn reading(scene: &Scene, rows: &mut Rows, cookie: &str) {
    for origin in ["https://evil.example", "null"] {
        let headers = [("cookie", cookie), ("origin", origin)];
        for target in
            ["/shop/runs", "/shop/mine", "/account", "/openapi.json", "/ui/shop/mine", "/shop/nothing"]
        {
            let answer = scene.send(&Ask { target, headers: &headers, ..GET }).await;
            let allowed = answer.header("access-control-allow-origin");
            rows.add(
                "reading by another origin",
                &format!("GET {target} from {origin}"),
                &format!("{} {allowed:?}", answer.status()),
                allowed.is_some(),
            );
        }
        let asked = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-api-key,content-type"),
        ];
        let answer =
            scene.send(&Ask { verb: "OPTIONS", target: "/shop/runs", headers: &asked, body: b"" }).await;
        let allowed = answer.header("access-control-allow-origin");
        rows.add(
            "asking before",
            &format!("OPTIONS /shop/runs from {origin}"),
            &format!("{} {allowed:?}", answer.status()),
            allowed.is_some(),
        );
    }
    for target in ["/shop/webhook/echo", "/shop/workflows/echoFlow/run", "/ui/signout"] {
        let over = [("cookie", cookie), ("x-http-method-override", "POST"), ("x-method-override", "POST")];
        let answer = scene.send(&Ask { target, headers: &over, ..GET }).await;
        let through = answer.is_good() && !answer.body().contains("<html") || answer.status() == 303;
        rows.add("a write that seems to read", &format!("GET {target} as POST"), &answer.says(), through);
    }
}
