//! What a provider is sent.

use serde_json::{Value, json};
use testkit::provider::{Provider, Seen};

use crate::scene::call;

/// Calls `/x` with these options and gives what arrived. `HOST` stands for the provider's address.
async fn sent(options: &str) -> Seen {
    let provider = Provider::start().await;
    let options = options.replace("HOST", &provider.url(""));
    let answer = call(&provider, serde_json::from_str(&options).unwrap()).await;
    assert_eq!(answer["status"], 200, "{options}: {answer}");
    let mut seen = provider.seen();
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

fn line(seen: &Seen) -> String {
    let query = if seen.query.is_empty() { String::new() } else { format!("?{}", seen.query) };
    format!("{} {}{query}", seen.method, seen.path)
}

#[tokio::test]
async fn addresses_and_methods() {
    for (options, expected) in [
        (r#"{ "uri": "HOST/x" }"#, "GET /x"),
        (r#"{ "uri": "HOST/x", "method": "patch" }"#, "PATCH /x"),
        (r#"{ "base_uri": "HOST", "uri": "v1/x" }"#, "GET /v1/x"),
        (r#"{ "base_uri": "HOST/v1/", "uri": "/x" }"#, "GET /v1/x"),
        (r#"{ "base_uri": "HOST/v1" }"#, "GET /v1"),
        (r#"{ "base_uri": "HOST/v1", "uri": "HOST/y" }"#, "GET /y"),
        (
            r#"{ "uri": "HOST/x?a=1#there", "query": { "b": "2 & 3", "c": ["x", "y"], "d": null, "ä": true } }"#,
            "GET /x?a=1&b=2%20%26%203&c=x&c=y&%C3%A4=true",
        ),
        (r#"{ "uri": "HOST/x", "query": [] }"#, "GET /x"),
        (r#"{ "uri": "HOST/x", "params": { "query": { "a": 1 } } }"#, "GET /x?a=1"),
        (r#"{ "uri": "x", "params": { "base_uri": "HOST/v2" }, "query": null }"#, "GET /v2/x"),
        (r#"{ "uri": "HOST/x", "query": { "a": 2 }, "params": { "query": { "a": 1 } } }"#, "GET /x?a=2"),
    ] {
        assert_eq!(line(&sent(options).await), expected, "{options}");
    }
}

#[tokio::test]
async fn bodies() {
    for (options, kind, body) in [
        (r#""json": { "a": [1, null, "x"] }"#, Some("application/json"), r#"{"a":[1,null,"x"]}"#),
        (r#""json": []"#, Some("application/json"), "[]"),
        (r#""params": { "json": { "a": 1 } }"#, Some("application/json"), r#"{"a":1}"#),
        (
            r#""form": { "a b": "c&d", "e": [1, 2], "f": null }"#,
            Some("application/x-www-form-urlencoded"),
            "a%20b=c%26d&e=1&e=2",
        ),
        (r#""body": "plain ü""#, Some("text/plain; charset=utf-8"), "plain ü"),
        (r#""body": "<a/>", "headers": { "Content-Type": "text/xml" }"#, Some("text/xml"), "<a/>"),
        (r#""json": null"#, None, ""),
    ] {
        let seen = sent(&format!(r#"{{ "uri": "HOST/x", "method": "POST", {options} }}"#)).await;
        assert_eq!(
            (seen.header("content-type"), String::from_utf8_lossy(&seen.body).as_ref()),
            (kind, body),
            "{options}"
        );
    }
}

#[tokio::test]
async fn headers_and_credentials() {
    let plain = sent(r#"{ "uri": "HOST/x", "headers": { "X-Count": 3, "X-None": null }, "params": { "headers": { "X-Other": "no" } } }"#).await;
    assert_eq!(
        (plain.header("x-count"), plain.header("x-none"), plain.header("x-other")),
        (Some("3"), None, None)
    );
    assert!(plain.header("user-agent").unwrap().starts_with("hefe/"));
    assert_eq!(plain.header("accept-encoding"), None, "nothing is unpacked");
    let nested = sent(r#"{ "uri": "HOST/x", "params": { "headers": { "X-Other": "yes" } } }"#).await;
    assert_eq!(nested.header("x-other"), Some("yes"));
    let bearer =
        sent(r#"{ "uri": "HOST/x", "auth": { "bearer": "abc" }, "headers": { "authorization": "old" } }"#)
            .await;
    let all: Vec<_> = bearer.headers.iter().filter(|(name, _)| name == "authorization").collect();
    assert_eq!(all, [&("authorization".to_owned(), "Bearer abc".to_owned())]);
    let basic = sent(
        r#"{ "uri": "HOST/x", "auth": { "bearer": null, "basic": { "user": "ada", "password": "pä" } } }"#,
    )
    .await;
    assert_eq!(basic.header("authorization"), Some("Basic YWRhOnDDpA=="));
}

#[tokio::test]
async fn the_input_is_not_sent_but_seen() {
    let provider = Provider::start().await;
    provider.answer("/first", testkit::provider::Answer::json(&json!({ "id": 7 })));
    let workflow = crate::scene::calls(&[
        ("first", json!({ "uri": provider.url("/first") })),
        (
            "second",
            json!({ "uri": provider.url("/second/${body.id}"), "method": "POST", "query": { "id": "${body.id}" } }),
        ),
    ]);
    let scene = crate::scene::Scene::of(&[("Call", workflow)], &[&provider.host()]).await;
    scene.start("Call", json!({})).await;
    let seen = provider.seen();
    assert_eq!((line(&seen[1]).as_str(), seen[1].body.len()), ("POST /second/7?id=7", 0));
    scene.close().await;
}

#[tokio::test]
async fn keys_and_traces() {
    let provider = Provider::start().await;
    let options = || json!({ "uri": provider.url("/x") });
    let workflow = crate::scene::calls(&[("one", options()), ("two", options())]);
    let scene = crate::scene::Scene::of(&[("Call", workflow)], &[&provider.host()]).await;
    for _ in 0..2 {
        scene.start("Call", json!({})).await;
    }
    let keys = provider.by_key();
    assert!(keys.len() == 4 && keys.iter().all(|(key, count)| key.len() >= 32 && *count == 1), "{keys:?}");
    let traces: Vec<String> =
        provider.seen().iter().map(|seen| seen.header("traceparent").unwrap().to_owned()).collect();
    let parts: Vec<Vec<&str>> = traces.iter().map(|trace| trace.split('-').collect()).collect();
    for part in &parts {
        assert_eq!((part[0], part[1].len(), part[2].len(), part[3]), ("00", 32, 16, "01"), "{part:?}");
    }
    assert_eq!(parts[0][1], parts[1][1], "one run is one trace");
    assert_ne!(parts[0][1], parts[2][1]);
    assert_ne!(parts[0][2], parts[1][2], "a firing is a span");
    scene.close().await;
}

#[tokio::test]
async fn what_cannot_be_sent() {
    let provider = Provider::start().await;
    let host = provider.url("/x");
    for options in [
        json!({}),
        json!({ "uri": "ftp://example.com/x" }),
        json!({ "uri": "http://" }),
        json!({ "uri": "file:///etc/passwd" }),
        json!({ "uri": host, "method": "G E T" }),
        json!({ "uri": host, "headers": { "s3cret name": "x" } }),
        json!({ "uri": host, "headers": { "X-A": "s3cret\r\nx: y" } }),
        json!({ "uri": host, "auth": { "bearer": null } }),
        json!({ "uri": host, "timeout": "soon" }),
        json!({ "uri": host, "response_type": "xml" }),
        json!({ "uri": host, "expect": "fine" }),
    ] {
        let error: Value = call(&provider, options.clone()).await;
        assert_eq!(
            (&error["code"], &error["retryable"]),
            (&json!("invalid"), &json!(false)),
            "{options}: {error}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert_eq!(provider.connections(), 0);
}
