//! What is too large, too deep or too many, in requests and in a provider's answers. The server refuses it and goes on.

use serde_json::json;
use testkit::provider::{Answer, Body};

use super::{
    Rows,
    scene::{BODY_BYTES_MAX, Scene},
    wire::{self, Ask, FORM, JSON, POST, Reply},
};

/// How deep what is too deep is.
const DEEP: usize = 100_000;

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let good = posted(scene, br#"{"a":[[[1]]]}"#, &[JSON]).await;
    rows.control("a small body is taken", good.is_good(), &good.says());
    bodies(scene, &mut rows).await;
    framed(scene, &mut rows).await;
    heads(scene, &mut rows).await;
    doubles(scene, &mut rows).await;
    providers(scene, &mut rows).await;
    let good = posted(scene, b"{}", &[JSON]).await;
    rows.control("a small body is taken afterwards", good.is_good(), &good.says());
    rows
}

async fn posted(scene: &Scene, body: &[u8], headers: &[(&str, &str)]) -> Reply {
    let all = [&[("x-api-key", scene.keys.ada.as_str())], headers].concat();
    scene.send(&Ask { target: "/shop/webhook/echo", headers: &all, body, ..POST }).await
}

/// Whether a server is there that would have answered.
async fn one(scene: &Scene, rows: &mut Rows, (trick, sent): (&str, &str), answer: Reply) {
    let lives = scene.nobody().get("/healthz").await.status == 200;
    rows.add(trick, sent, &answer.says(), answer.is_good() || answer.status() >= 500 || !lives);
}

async fn bodies(scene: &Scene, rows: &mut Rows) {
    let text = |text: String| text.into_bytes();
    let all = [
        ("a body over the limit", text(format!("\"{}\"", "x".repeat(BODY_BYTES_MAX)))),
        ("lists in lists", text("[".repeat(DEEP))),
        ("lists in lists that end", text(format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP)))),
        ("objects in objects", text("{\"a\":".repeat(DEEP))),
        (
            "a payload that is deep inside",
            text(format!("{{\"a\":{{\"b\":{}{}}}}}", "[".repeat(200), "]".repeat(200))),
        ),
        ("a number without an end", text(format!("{{\"a\":{}}}", "9".repeat(BODY_BYTES_MAX)))),
        ("a number beyond all", text("{\"a\":1e999999999}".to_owned())),
        ("half a text", text("{\"a\":\"".to_owned())),
        ("half a letter", vec![b'"', 0xc3, b'"']),
        ("a surrogate alone", text("\"\\ud800\"".to_owned())),
        ("a NUL in JSON", vec![b'{', 0, b'}']),
        ("JSON and more", text("{}{}".to_owned())),
        ("no JSON", text("a=b".to_owned())),
        ("not a number", text("NaN".to_owned())),
    ];
    for (trick, body) in all {
        let answer = posted(scene, &body, &[JSON]).await;
        one(scene, rows, (trick, &String::from_utf8_lossy(&body)), answer).await;
    }
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let answer = posted(scene, &bomb, &[JSON, ("content-encoding", "gzip")]).await;
    one(scene, rows, ("a body that would unfold", "content-encoding: gzip"), answer).await;
    for target in ["/ui/signin", "/shop/broadcasting/auth"] {
        let body = format!("key=a&socket_id=1.1&channel_name={}", "x".repeat(3 << 20));
        let ask =
            Ask { target, headers: &[("x-api-key", &scene.keys.ada), FORM], body: body.as_bytes(), ..POST };
        let answer = scene.send(&ask).await;
        one(scene, rows, ("a form over the limit", target), answer).await;
    }
}

/// What is said of a body's length, and what follows.
async fn framed(scene: &Scene, rows: &mut Rows) {
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
    let endless = format!("{}2\r\n{{}}\r\n0\r\n\r\n", chunk.repeat(BODY_BYTES_MAX / (1 << 16) + 2));
    let chunked = ("transfer-encoding", "chunked");
    for (headers, body, trick) in [
        (vec![JSON, chunked], endless.as_str(), "pieces over the limit"),
        (vec![JSON, ("content-length", "99999999999999")], "{}", "a length over the limit"),
        (vec![JSON, ("content-length", "99999999999999999999999999")], "{}", "a length that is no number"),
        (vec![JSON, ("content-length", "-1")], "{}", "a negative length"),
        (vec![JSON, ("content-length", "2"), ("content-length", "4")], "{}{}", "two lengths"),
        (vec![JSON, ("content-length", "2, 4")], "{}{}", "two lengths in one"),
        (vec![JSON, ("content-length", "+2")], "{}", "a length with a sign"),
        (
            vec![JSON, ("transfer-encoding", "chunked, identity")],
            "2\r\n{}\r\n0\r\n\r\n",
            "pieces that are not last",
        ),
        (vec![JSON, ("transfer-encoding", "xchunked")], "2\r\n{}\r\n0\r\n\r\n", "pieces of another kind"),
        (vec![JSON, chunked], "ffffffffffffffffff\r\n{}", "a piece of any length"),
        (vec![JSON, chunked], "-2\r\n{}\r\n0\r\n\r\n", "a piece of a negative length"),
    ] {
        let answer = posted(scene, body.as_bytes(), &headers).await;
        let sent = format!("{:?} {} bytes", &headers[1..], body.len());
        one(scene, rows, (trick, &sent), answer).await;
    }
}

async fn heads(scene: &Scene, rows: &mut Rows) {
    let large = "x".repeat(1 << 20);
    let many = "x-a: 1\r\n".repeat(10_000);
    for (head, trick) in [
        (format!("GET /shop/runs?q={large} HTTP/1.1\r\n"), "an address of 1 MiB"),
        (format!("GET /shop/runs HTTP/1.1\r\nx-a: {large}\r\n"), "a header of 1 MiB"),
        (format!("GET /shop/runs HTTP/1.1\r\n{large}: 1\r\n"), "a header's name of 1 MiB"),
        (format!("GET /shop/runs HTTP/1.1\r\n{many}"), "10,000 headers"),
        (format!("GET /shop/runs HTTP/1.1\r\nx-api-key: {large}\r\n"), "a key of 1 MiB"),
        (format!("GET /shop/runs HTTP/1.1\r\ncookie: hefe_session={large}\r\n"), "a cookie of 1 MiB"),
    ] {
        let key = &scene.keys.ada;
        let bytes =
            format!("{head}host: {}\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n", scene.address());
        let answer = wire::exchange(scene.address(), bytes.as_bytes()).await;
        one(scene, rows, (trick, &head), answer).await;
    }
    for (name, trick) in [("idempotency-key", "a key of a request"), ("last-event-id", "a place in a stream")]
    {
        let long = "x".repeat(10_000);
        let answer = posted(scene, b"{}", &[JSON, (name, &long)]).await;
        // What is not asked for here is passed over.
        rows.add(
            trick,
            name,
            &answer.says(),
            answer.status() >= 500 || name == "idempotency-key" && answer.is_good(),
        );
    }
}

/// One name twice: whoever looks sees the same one.
async fn doubles(scene: &Scene, rows: &mut Rows) {
    let answer = posted(scene, br#"{"a":"first","a":"second"}"#, &[JSON]).await;
    let both = answer.body().contains("first") == answer.body().contains("second");
    rows.add(
        "a name twice in JSON",
        r#"{"a":"first","a":"second"}"#,
        &answer.says(),
        both || answer.status() >= 500,
    );
    let names: String = (0..20_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let answer = posted(scene, format!("{{{names}\"z\":1}}").as_bytes(), &[JSON]).await;
    rows.add(
        "20,000 names",
        "{\"k0\":0,…}",
        &answer.head(),
        !answer.is_good() || !answer.body().contains("\"k19999\""),
    );
}

/// A provider is a stranger, too.
async fn providers(scene: &Scene, rows: &mut Rows) {
    let deep = Answer::of(200, &[JSON], format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP)));
    let endless = Answer::body(Body::Endless("x".repeat(1 << 16).into()));
    let announced = Answer::of(200, &[JSON], " ".repeat(11 << 20));
    let headers: Vec<(String, String)> = (0..200).map(|n| (format!("x-{n}"), "x".repeat(1000))).collect();
    let many = Answer { headers, ..Answer::json(&json!({})) };
    let stuck = Answer::body(Body::Stuck("{".into()));
    for (n, (answer, trick)) in [
        (deep, "an answer that is deep"),
        (endless, "an answer without an end"),
        (announced, "an answer over its limit"),
        (many, "an answer of 200 headers"),
        (stuck, "an answer that stops"),
        (Answer::redirect(302, "/large0"), "a redirect to itself"),
        (Answer::body(Body::Cut("{".into())), "an answer that is cut off"),
    ]
    .into_iter()
    .enumerate()
    {
        let n = if trick == "a redirect to itself" { 0 } else { n + 1 };
        scene.public.answer(&format!("/large{n}"), answer);
        let uri = format!("http://public.test:{}/large{n}", scene.public.port());
        let said = scene.ada().post("/shop/webhook/call", &json!({ "uri": uri })).await;
        rows.add(trick, &uri, &said.text(), said.status != 200 || said.json()["code"].is_null());
    }
}
