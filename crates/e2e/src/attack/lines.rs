//! Line breaks and sequences of a terminal's where a log, a header, a stream of events or a terminal reads lines.

use serde_json::{Value, json};
use testkit::{process, provider::Answer};

use super::{
    Rows,
    scene::Scene,
    wire::{Ask, FORM, GET, JSON, POST},
};

/// What a forged line says; alone on a line it would be one.
const FORGED: &str = "2026-01-01T00:00:00.000000Z ERROR hefe: forged";

/// What is put before it.
const BREAKS: &[(&str, &str)] = &[
    ("\n", "a line feed"),
    ("\r", "a carriage return"),
    ("\r\n", "both"),
    ("\u{b}", "a vertical tab"),
    ("\u{c}", "a form feed"),
    ("\u{85}", "a next line"),
    ("\u{2028}", "a line separator"),
    ("\u{1b}[2J\u{1b}[1;1H", "a terminal that is cleared"),
    ("\u{1b}]0;owned\u{7}", "a terminal's title"),
    ("\u{9b}2K", "a sequence of one byte"),
    ("\u{8}\u{8}\u{8}\u{8}", "backspaces"),
    ("\0", "a NUL"),
];

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    log(scene, &mut rows).await;
    terminal(scene, &mut rows).await;
    headers_of_calls(scene, &mut rows).await;
    headers_of_answers(scene, &mut rows).await;
    events(scene, &mut rows).await;
    rows
}

/// A line of the log that moves a cursor, or one that nobody but the attacker has written.
fn is_forged(line: &str) -> bool {
    line.trim_start().starts_with(FORGED)
        || line.chars().any(|letter| letter.is_control() || letter == '\u{2028}')
}

async fn log(scene: &Scene, rows: &mut Rows) {
    let ada = scene.ada();
    ada.post("/shop/webhook/log", &json!({ "text": "a plain message" })).await;
    let plain = scene.hefe.message("a plain message").await;
    rows.control("a message is logged", plain.contains("workflow"), &plain);
    for (n, (before, trick)) in BREAKS.iter().enumerate() {
        for field in ["text", "level"] {
            let word = format!("word{n}{field}");
            let mut input = json!({ "text": format!("says {word}") });
            let said = format!("{}{before}{FORGED}", input[field].as_str().unwrap_or_default());
            input[field] = json!(said);
            let from = scene.hefe.messages().len();
            ada.post("/shop/webhook/log", &input).await;
            scene.hefe.message(&word).await;
            look(scene, rows, from, &format!("log: {trick} in a {field}"), &said);
        }
        let header = format!(r#"{{"alg":"RS256","kid":"x{before}{FORGED}"}}"#);
        let token = scene
            .issuer
            .signed(&header, &scene.issuer.claims(&json!({ "sub": format!("a{before}{FORGED}") })));
        let bearer = format!("Bearer {token}");
        let from = scene.hefe.messages().len();
        scene.send(&Ask { target: "/shop/runs", headers: &[("authorization", &bearer)], ..GET }).await;
        look(scene, rows, from, &format!("log: {trick} in a token"), &header);
    }
    let target = format!("/shop/webhook/%0a{}", FORGED.replace(' ', "%20"));
    let from = scene.hefe.messages().len();
    scene
        .send(&Ask { target: &target, headers: &[("x-api-key", &scene.keys.ada), JSON], body: b"{}", ..POST })
        .await;
    look(scene, rows, from, "log: a line feed in a path", &target);
}

/// What has come to the server's standard error since.
fn look(scene: &Scene, rows: &mut Rows, from: usize, trick: &str, sent: &str) {
    let lines = scene.hefe.messages();
    let forged = lines[from..].iter().find(|line| is_forged(line));
    rows.add(trick, sent, forged.map_or("no line of its own", String::as_str), forged.is_some());
}

/// `hefe run` and `hefe runs` show what a run says on the terminal of whoever looks.
async fn terminal(scene: &Scene, rows: &mut Rows) {
    let folder = scene.project.path().display().to_string();
    for (before, trick) in BREAKS {
        let said = format!("a bar{before}{FORGED}");
        let input = json!({ "text": said }).to_string();
        let shown = process::run(["run", "shop/layFlow", "--input", &input, "--project", &folder]).await;
        let text = [shown.stdout, shown.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains("a bar"), "`hefe run` shows no bar: {text}");
        let forged = text.split('\n').find(|line| is_forged(line));
        rows.add(
            &format!("terminal: {trick} in a bar"),
            &said,
            forged.unwrap_or("no line of its own"),
            forged.is_some(),
        );
    }
}

async fn headers_of_calls(scene: &Scene, rows: &mut Rows) {
    let ada = scene.ada();
    let uri = format!("http://public.test:{}/headers", scene.public.port());
    scene.public.answer("/headers", Answer::json(&json!({})));
    let call = async |headers: Value, uri: &str| {
        ada.post("/shop/webhook/call", &json!({ "uri": uri, "headers": headers })).await.json()
    };
    let good = call(json!({ "x-plain": "1" }), &uri).await;
    let has = |name: &str| {
        scene.public.seen().iter().any(|seen| seen.header(name).is_some() || seen.path == "/injected")
    };
    rows.control("a header is sent", good["ok"] == true && has("x-plain"), &good.to_string());
    let smuggled = "1\r\ncontent-length: 0\r\n\r\nGET /injected HTTP/1.1\r\nhost: a";
    for (headers, trick) in [
        (json!({ "x-a": "1\r\nx-injected: 1" }), "a line break in a value"),
        (json!({ "x-a": "1\nx-injected: 1" }), "a line feed in a value"),
        (json!({ "x-a": "1\rx-injected: 1" }), "a carriage return in a value"),
        (json!({ "x-a": "1\0\r\nx-injected: 1" }), "a NUL in a value"),
        (json!({ "x-a\r\nx-injected": "1" }), "a line break in a name"),
        (json!({ "x-a: 1\r\nx-injected": "1" }), "a whole header in a name"),
        (json!({ "x-a": smuggled }), "a second request in a value"),
        (json!({ "content-length": "0", "x-b": smuggled }), "a second request behind a length"),
        (json!({ "x-a": "1嘊嘍x-injected: 1" }), "letters whose last bytes are a line break"),
    ] {
        let answer = call(headers.clone(), &uri).await;
        rows.add(&format!("call: {trick}"), &headers.to_string(), &answer.to_string(), has("x-injected"));
    }
    for (tail, trick) in [
        (" HTTP/1.1\r\nx-injected: 1\r\n\r\n", "a line break in an address"),
        ("?a=1\r\nx-injected: 1", "a line break in a query"),
        ("#\r\nx-injected: 1", "a line break in a fragment"),
    ] {
        let uri = format!("{uri}{tail}");
        let answer = call(json!({}), &uri).await;
        rows.add(&format!("call: {trick}"), &uri, &answer.to_string(), has("x-injected"));
    }
}

async fn headers_of_answers(scene: &Scene, rows: &mut Rows) {
    let key = ("x-api-key", scene.keys.ada.as_str());
    let respond = async |headers: &Value| {
        let body = json!({ "headers": headers, "text": "x" }).to_string();
        scene
            .send(&Ask {
                target: "/shop/webhook/respond",
                headers: &[key, JSON],
                body: body.as_bytes(),
                ..POST
            })
            .await
    };
    let good = respond(&json!({ "x-plain": "1" })).await;
    rows.control("a header is answered", good.header("x-plain").is_some(), &good.head());
    for (headers, trick) in [
        (json!({ "x-a": "1\r\nx-injected: 1" }), "a line break in a value"),
        (json!({ "x-a": "1\nx-injected: 1" }), "a line feed in a value"),
        (json!({ "x-a": "1\rx-injected: 1" }), "a carriage return in a value"),
        (json!({ "x-a\r\nx-injected": "1" }), "a line break in a name"),
        (json!({ "location": "/x\r\nx-injected: 1" }), "a line break in a redirect"),
        (json!({ "set-cookie": "a=b\r\nx-injected: 1" }), "a line break in a cookie"),
        (json!({ "x-a": "1\r\n\r\n<script>x-injected: 1" }), "a body in a value"),
        (
            json!({ "transfer-encoding": "chunked", "content-length": "0", "connection": "x-injected" }),
            "how the answer is sent",
        ),
    ] {
        let answer = respond(&headers).await;
        let framed = answer.header("transfer-encoding").is_some()
            || answer.header("content-length").as_deref() != Some("3");
        let through = !answer.is_good() || answer.text().contains("x-injected") || framed;
        rows.add(&format!("answer: {trick}"), &headers.to_string(), &answer.head(), through);
    }
    for next in [
        "/ui%0d%0ax-injected:%201",
        "/ui%0ax-injected:%201",
        "/ui/%E5%98%8D%E5%98%8Ax-injected:1",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/ui",
    ] {
        let body = format!("key={}&next={next}", scene.keys.ada);
        let answer =
            scene.send(&Ask { target: "/ui/signin", headers: &[FORM], body: body.as_bytes(), ..POST }).await;
        let location = answer.header("location").unwrap_or_default();
        let through = answer.header("x-injected").is_some() || !location.starts_with("/ui");
        rows.add(
            "answer: where a sign-in goes on",
            next,
            &location,
            through || location.contains("injected"),
        );
    }
}

/// A stream of events is lines, too.
async fn events(scene: &Scene, rows: &mut Rows) {
    let ada = scene.ada();
    let mut stream = ada.events("/shop/events").await;
    let forged = "x\nevent: notification\ndata: {\"title\":\"forged\"}\n\n";
    for name in [forged, "x\rdata: forged", "x\u{2028}data: forged", "progress", "notification"] {
        ada.post("/shop/webhook/cast", &json!({ "name": name })).await;
        ada.post("/shop/webhook/cast", &json!({ "name": "end" })).await;
        let mut came = Vec::new();
        loop {
            let event = stream.next().await.expect("the stream goes on");
            if event.event == "end" {
                break;
            }
            came.push(format!("{} {}", event.event, event.data));
        }
        let through = came
            .iter()
            .any(|event| event.contains("forged") && !event.starts_with("run ") || event.ends_with("\"x\""));
        rows.add(
            "stream: the name of an event",
            name,
            &came.join("; "),
            through && !name.contains('\u{2028}'),
        );
    }
}
