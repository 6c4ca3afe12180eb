//! Clients that take their time, to hold what others need: every connection ends by itself.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testkit::client::Client;

use super::{
    Rows,
    scene::{Scene, TIMEOUT_S},
    wire::is_ended,
};

/// The machine is busy with the other attacks.
const GRACE_S: u64 = 6;

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let (address, key) = (scene.address(), &scene.keys.ada);
    let head = |verb: &str, target: &str, more: &str| {
        format!("{verb} {target} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\n{more}")
    };
    let form = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nkey=";
    let json = "content-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let pieces = "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
    let signal = asked(scene).await;
    let all = [
        ("not a byte", String::new(), 0),
        ("half a first line", "GET /shop".to_owned(), b'x'),
        ("a head without an end", head("GET", "/shop/runs", "x-a: "), b'x'),
        ("headers without an end", head("GET", "/shop/runs", ""), b'x'),
        ("a body without an end", head("POST", "/shop/webhook/echo", json), b' '),
        ("a body that has stopped", head("POST", "/shop/webhook/echo", json), 0),
        ("pieces without an end", head("POST", "/shop/webhook/echo", pieces), 0),
        ("a body of a call by name", head("POST", "/shop/workflows/echoFlow/run", json), b' '),
        ("a body nobody reads", head("GET", "/shop/runs", json), b' '),
        ("a form to sign in", head("POST", "/ui/signin", form), b'x'),
        ("a form of a page", head("POST", "/ui/shop/runs/bulk?action=cancel", form), b'x'),
        ("a form of a channel", head("POST", "/shop/broadcasting/auth", form), b'x'),
        ("a form of a signal", head("POST", &signal, form), b'x'),
        ("a user's body", head("POST", "/users", json), b' '),
        ("a connection that is kept", head("GET", "/healthz", "\r\n"), 0),
    ];
    let within = Duration::from_secs(TIMEOUT_S + GRACE_S);
    let tried = all.iter().map(|(_, first, then)| {
        let every = if *then == 0 { within * 2 } else { Duration::from_millis(200) };
        is_ended(address, first.as_bytes(), *then, every, within)
    });
    for ((trick, first, _), (ended, answer)) in all.iter().zip(join_all(tried).await) {
        let says = if ended { answer.says() } else { format!("still open after {} s", within.as_secs()) };
        let begin = first.lines().next().unwrap_or_default();
        rows.add(trick, begin, &says, !ended);
    }
    rows
}

/// The address of a signal that waits for its answer, without scheme and host.
async fn asked(scene: &Scene) -> String {
    let ada: Client = scene.ada();
    let run = scene.run(&ada, "lay", &json!({ "text": "a question", "asks": true }), &["waiting"]).await;
    scene.signal_of(&run).await
}
