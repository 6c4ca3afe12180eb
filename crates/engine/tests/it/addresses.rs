//! Which addresses are called at all.

use serde_json::json;
use testkit::provider::{Answer, Provider};

use crate::scene::{call, call_allowing};

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    let provider = Provider::start().await;
    let port = provider.port();
    for host in [
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0177.1",
        "127.1",
        "localhost",
        "LOCALHOST",
        "[::]",
        "10.0.0.1",
        "169.254.169.254",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "user:pw@127.0.0.1",
    ] {
        let error =
            call_allowing(&[], json!({ "uri": format!("http://{host}:{port}/x"), "timeout": "5s" })).await;
        assert_eq!(
            (&error["code"], &error["retryable"]),
            (&json!("address_refused"), &json!(false)),
            "{host}: {error}"
        );
    }
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn an_allowed_port_opens_no_other() {
    let (open, closed) = (Provider::start().await, Provider::start().await);
    let allow = format!("localhost:{}", open.port());
    let uri = |provider: &Provider| json!({ "uri": format!("http://localhost:{}/x", provider.port()) });
    assert_eq!(call_allowing(&[&allow], uri(&open)).await["status"], 200);
    assert_eq!(call_allowing(&[&allow], uri(&closed)).await["code"], "address_refused");
    assert_eq!(
        call_allowing(&["localhost"], uri(&closed)).await["status"],
        200,
        "a host without a port is all of it"
    );
    assert_eq!(
        call_allowing(&["127.0.0.1"], uri(&closed)).await["code"],
        "address_refused",
        "another name of it"
    );
}

/// Runs this test's own program again with a proxy in its environment.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    let proxied = "HEFE_TEST_PROXIED";
    let provider = Provider::start().await;
    if std::env::var_os(proxied).is_some() {
        assert_eq!(call(&provider, json!({ "uri": provider.url("/x") })).await["status"], 200);
        assert_eq!(provider.seen().len(), 1);
        return;
    }
    provider.answer("/x", Answer::status(500));
    let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "addresses::proxies_of_the_environment_are_ignored"]).env(proxied, "1");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        again
            .env(name, provider.url(""))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env_remove("REQUEST_METHOD");
    }
    let output = again.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(provider.connections(), 0);
}
