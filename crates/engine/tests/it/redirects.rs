//! Where a provider sends a call on to.

use serde_json::{Value, json};
use testkit::provider::{Answer, Provider};

use crate::scene::{call, call_allowing};

fn post(uri: &str) -> Value {
    json!({ "uri": uri, "method": "POST", "json": { "a": 1 }, "auth": { "bearer": "s3cret" },
        "headers": { "Cookie": "s3cret", "X-Api-Key": "s3cret", "X-Auth-Token": "s3cret", "Accept": "application/json", "Host": "named.example" } })
}

#[tokio::test]
async fn what_becomes_get_and_what_stays() {
    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let provider = Provider::start().await;
        provider.answer("/x", Answer::redirect(status, "/y"));
        let answer = call(&provider, post(&provider.url("/x"))).await;
        assert_eq!(answer["status"], 200, "{status}: {answer}");
        let there = provider.seen_at("/y").remove(0);
        let kept = method == "POST";
        assert_eq!(there.method, method, "{status}");
        assert_eq!(there.body.len(), if kept { 7 } else { 0 }, "{status}");
        assert_eq!(there.header("content-type"), kept.then_some("application/json"), "{status}");
        assert_eq!(there.header("authorization"), Some("Bearer s3cret"), "the same host");
        assert_eq!(provider.by_key().len(), 1, "one firing, one key");
    }
}

#[tokio::test]
async fn head_stays_head() {
    let provider = Provider::start().await;
    provider.answer("/x", Answer::redirect(303, "/y"));
    call(&provider, json!({ "uri": provider.url("/x"), "method": "HEAD" })).await;
    assert_eq!(provider.seen_at("/y")[0].method, "HEAD");
}

#[tokio::test]
async fn five_are_followed() {
    let provider = Provider::start().await;
    provider.chain("/hop", 6, 302);
    let answer = call(&provider, json!({ "uri": provider.url("/hop/5") })).await;
    assert_eq!((&answer["status"], provider.seen().len()), (&json!(200), 6));
    let error = call(&provider, json!({ "uri": provider.url("/hop/6") })).await;
    assert_eq!((&error["code"], &error["retryable"]), (&json!("redirects"), &json!(false)), "{error}");
    assert_eq!(provider.seen_at("/hop/0").len(), 1, "the sixth is not followed");
}

#[tokio::test]
async fn redirects_share_one_timeout() {
    let provider = Provider::start().await;
    provider
        .answer("/x", Answer { delay: std::time::Duration::from_millis(50), ..Answer::redirect(302, "/y") });
    provider.answer("/y", Answer { held: Some(testkit::provider::Gate::new()), ..Answer::default() });
    let error = call(&provider, json!({ "uri": provider.url("/x"), "timeout": "300ms" })).await;
    assert_eq!(error["code"], "timeout");
    assert_eq!(provider.seen_at("/y").len(), 1);
}

#[tokio::test]
async fn credentials_are_dropped_on_another_host() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    first.answer("/x", Answer::redirect(307, &second.url("/y")));
    let answer = call_allowing(&[&first.host(), &second.host()], post(&first.url("/x"))).await;
    assert_eq!(answer["status"], 200, "{answer}");
    let (here, there) = (first.seen().remove(0), second.seen().remove(0));
    assert!(!format!("{:?}", there.headers).contains("s3cret"), "{:?}", there.headers);
    assert_eq!(here.headers.iter().filter(|(_, value)| value.contains("s3cret")).count(), 4);
    assert_eq!((here.header("host"), there.header("host")), (Some("named.example"), Some(&*second.host())));
    assert_eq!((there.method.as_str(), there.body.len()), ("POST", 7));
    assert_eq!(there.header("accept"), Some("application/json"));
    assert_eq!(there.header("idempotency-key"), here.header("idempotency-key"));
    assert!(there.header("idempotency-key").is_some());
}

#[tokio::test]
async fn a_redirect_to_a_private_host_is_refused() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let port = second.port();
    for to in [
        second.url("/y"),
        format!("http://localhost:{port}/y"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest".into(),
    ] {
        first.answer("/x", Answer::redirect(302, &to));
        let error = call(&first, json!({ "uri": first.url("/x") })).await;
        assert_eq!(
            (&error["code"], &error["retryable"]),
            (&json!("address_refused"), &json!(false)),
            "{to}: {error}"
        );
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
    first.answer("/x", Answer::redirect(302, "file:///etc/passwd"));
    assert_eq!(call(&first, json!({ "uri": first.url("/x") })).await["code"], "invalid");
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_answer() {
    let provider = Provider::start().await;
    provider.answer("/x", Answer::status(302));
    let error = call(&provider, json!({ "uri": provider.url("/x") })).await;
    assert_eq!((&error["code"], &error["status"]), (&json!("http_status"), &json!(302)));
}
