//! What is made of a provider's answers.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::provider::{Answer, Body, Provider};

use crate::scene::call;

const MARKER: &str = "the provider's own words";

/// `{"a":1}` and many blanks, packed: 1,407 bytes in 38.
const PACKED: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 84, 178, 50, 172, 85, 24, 5, 163, 96, 20, 140, 130, 81, 64,
    87, 0, 0, 242, 22, 173, 174, 127, 5, 0, 0,
];

/// Calls a provider that answers so, with these options.
async fn answered(answer: Answer, options: Value) -> Value {
    let provider = Provider::start().await;
    provider.answer("/x", answer);
    let mut all = json!({ "uri": provider.url("/x"), "timeout": "10s" });
    for (name, value) in options.as_object().unwrap() {
        all[name] = value.clone();
    }
    let value = call(&provider, all).await;
    let text = value.to_string();
    if value.get("code").is_some() {
        assert!(!text.contains(MARKER) && !text.contains(&provider.host()), "{text}");
    }
    value
}

fn of(status: u16, body: &str) -> Answer {
    Answer::of(status, &[("content-type", "application/json"), ("x-words", MARKER)], body.to_owned())
}

#[tokio::test]
async fn json_text_and_files() {
    let json_answer = answered(of(200, r#"{"a": [1]}"#), json!({})).await;
    assert_eq!((&json_answer["status"], &json_answer["body"]), (&json!(200), &json!({ "a": [1] })));
    assert_eq!(json_answer["headers"]["x-words"], MARKER);
    assert_eq!(answered(of(200, ""), json!({})).await["body"], Value::Null);
    assert_eq!(answered(Answer::status(204), json!({})).await["body"], Value::Null);
    assert_eq!(
        answered(of(200, r#"{"a": 1}"#), json!({ "response_type": "text" })).await["body"],
        r#"{"a": 1}"#
    );
    assert_eq!(answered(of(200, ""), json!({ "response_type": "text" })).await["body"], "");
    let file = |kind: &str, bytes: &'static [u8]| Answer::of(200, &[("content-type", kind)], bytes);
    let options = json!({ "response_type": "file" });
    assert_eq!(answered(file("text/csv", b"a;b"), options.clone()).await["body"], "a;b");
    assert_eq!(
        answered(file("image/png", b"\x89PNG"), options).await["body"],
        json!({ "content_type": "image/png", "base64": "iVBORw==" })
    );
}

#[tokio::test]
async fn an_answer_without_a_body() {
    let head = answered(of(200, "{}"), json!({ "method": "HEAD", "max_bytes": 1 })).await;
    assert_eq!((&head["status"], &head["body"]), (&json!(200), &Value::Null));
}

#[tokio::test]
async fn no_json() {
    for body in [MARKER, "{", "{} {}", "\u{1}"] {
        let error = answered(of(200, body), json!({})).await;
        assert_eq!(
            (&error["code"], &error["retryable"]),
            (&json!("bad_answer"), &json!(false)),
            "{body}: {error}"
        );
        assert!(error.get("status").is_none(), "{error}");
    }
    let bytes = Answer::of(200, &[], Bytes::from_static(b"\"\xff\""));
    assert_eq!(answered(bytes, json!({})).await["code"], "bad_answer");
}

#[tokio::test]
async fn which_statuses_are_expected() {
    let some = [
        (200, json!(null), true),
        (299, json!("2xx"), true),
        (404, json!(null), false),
        (404, json!(404), true),
        (404, json!("404"), true),
        (404, json!([200, "404"]), true),
        (404, json!(["2xx", "4xx"]), true),
        (200, json!(404), false),
        (200, json!("4xx"), false),
        (200, json!([201, "3xx"]), false),
    ];
    for (status, expect, met) in some {
        let answer = answered(of(status, "{}"), json!({ "expect": expect })).await;
        assert_eq!(answer["status"], status, "{answer}");
        assert_eq!(answer.get("code").is_none(), met, "{status} {expect}: {answer}");
    }
}

#[tokio::test]
async fn statuses_that_another_attempt_may_mend() {
    for (status, retryable) in [
        (400, false),
        (401, false),
        (404, false),
        (408, true),
        (409, false),
        (425, true),
        (429, true),
        (500, true),
        (503, true),
        (599, true),
    ] {
        let error = answered(of(status, MARKER), json!({})).await;
        let expected = json!({ "code": "http_status", "message": format!("the provider answered {status}"),
            "element": "call", "retryable": retryable, "status": status });
        assert_eq!(error, expected);
    }
}

fn chunks(size: usize) -> Answer {
    Answer::body(Body::Chunked(vec![
        Bytes::from_static(b"[1,"),
        Bytes::from(" ".repeat(size - 5)),
        Bytes::from_static(b"2]"),
    ]))
}

#[tokio::test]
async fn more_than_may_be_read() {
    let limit = |bytes: u64| json!({ "max_bytes": bytes });
    assert_eq!(answered(of(200, "[1, 2, 3]"), limit(9)).await["body"], json!([1, 2, 3]));
    let too_large = answered(of(200, "[1, 2, 3]"), limit(8)).await;
    assert_eq!((&too_large["code"], &too_large["retryable"]), (&json!("too_large"), &json!(false)));
    assert_eq!(answered(chunks(100), limit(100)).await["body"], json!([1, 2]));
    assert_eq!(answered(chunks(100), limit(99)).await["code"], "too_large");
    let endless = || Answer::body(Body::Endless(Bytes::from(vec![b' '; 64 << 10])));
    assert_eq!(answered(endless(), limit(100)).await["code"], "too_large");
    assert_eq!(answered(endless(), json!({})).await["code"], "too_large", "10 MiB unless told otherwise");
    let refused = Answer { status: 500, ..endless() };
    assert_eq!(answered(refused, limit(100)).await["code"], "http_status");
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let packed =
        || Answer::of(200, &[("content-encoding", "gzip"), ("content-type", "application/json")], PACKED);
    let options = json!({ "max_bytes": PACKED.len() });
    assert_eq!(answered(packed(), options).await["code"], "bad_answer");
    let file = answered(packed(), json!({ "response_type": "file" })).await;
    assert!(file["body"]["base64"].as_str().unwrap().starts_with("H4sI"), "{file}");
}

#[tokio::test]
async fn an_answer_that_takes_too_long() {
    let slow = [
        Answer::body(Body::Stuck(Bytes::from_static(b"[1"))),
        Answer::body(Body::Dripping(Bytes::from_static(b" "), Duration::from_millis(5))),
        Answer { delay: Duration::from_secs(60), ..of(200, "{}") },
        Answer { status: 404, ..Answer::body(Body::Stuck(Bytes::new())) },
    ];
    for answer in slow {
        let error = answered(answer, json!({ "timeout": "150ms" })).await;
        assert_eq!((&error["code"], &error["retryable"]), (&json!("timeout"), &json!(true)), "{error}");
    }
    let seconds = answered(Answer::body(Body::Stuck(Bytes::new())), json!({ "timeout": 0.1 })).await;
    assert_eq!(seconds["code"], "timeout", "a number is in seconds");
}

#[tokio::test]
async fn a_connection_that_breaks() {
    for body in [Body::Closed, Body::Cut(Bytes::from_static(b"[1"))] {
        let error = answered(Answer::body(body), json!({})).await;
        assert_eq!((&error["code"], &error["retryable"]), (&json!("connect"), &json!(true)), "{error}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let provider = Provider::start().await;
    let (url, host) = (provider.url("/x"), provider.host());
    drop(provider);
    let error = crate::scene::call_allowing(&[&host], json!({ "uri": url })).await;
    assert_eq!(
        error,
        json!({ "code": "connect", "message": "the provider could not be reached", "element": "call", "retryable": true })
    );
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_passed_over() {
    let provider = Provider::start().await;
    provider.answer("/", Answer::of(200, &[("content-type", "application/json")], "\u{feff}{\"n\": 1}"));
    let response = call(&provider, json!({ "uri": provider.url("/") })).await;
    assert_eq!(response["body"], json!({ "n": 1 }), "{response}");
}
