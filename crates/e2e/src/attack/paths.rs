//! Paths and names that lead out of where they stand: out of a system, out of the project, past the door.

use serde_json::json;

use super::{
    Rows,
    scene::{SECRET, Scene},
    wire::{self, Ask, FORM, GET, JSON, POST},
};

/// Asked with the key of `eve`, who has a role in `shop` alone. `ID` is a run of `other`.
const TARGETS: &[(&str, &str)] = &[
    ("/other/runs", "another system"),
    ("/other/runs/ID", "a run of another system"),
    ("/shop/runs/ID", "the same by the own system"),
    ("/shop/../other/runs", "dots"),
    ("/shop/./../other/runs/ID", "more dots"),
    ("/shop/%2e%2e/other/runs", "encoded dots"),
    ("/shop/%252e%252e/other/runs", "twice encoded dots"),
    ("/shop%2f..%2fother/runs", "encoded slashes"),
    ("/shop/..%2fother/runs", "one encoded slash"),
    ("/shop/runs/..%2f..%2fother%2fruns%2fID", "a run's id with slashes"),
    ("/shop/..;/other/runs", "a parameter of a path"),
    ("/shop/..\\other/runs", "a backslash"),
    ("/shop/..%5cother/runs", "an encoded backslash"),
    ("//other/runs", "two slashes"),
    ("/%6fther/runs", "an encoded letter"),
    ("/OTHER/runs", "large letters"),
    ("/other%00/runs", "a NUL behind"),
    ("/shop%00other/runs", "a NUL between"),
    ("/other./runs", "a dot behind"),
    ("/other%20/runs", "a space behind"),
    ("/other%0a/runs", "a line feed behind"),
    ("/%ef%bd%8fther/runs", "a fullwidth letter"),
    ("/oth%ce%b5r/runs", "a letter that looks the same"),
    ("/other%e2%80%8b/runs", "a space of no width"),
    ("/%c0%ae%c0%ae/other/runs", "overlong dots"),
    ("/sh%ffop/runs", "no UTF-8"),
    ("/../hefe.toml", "the settings"),
    ("/%2e%2e%2fhefe.toml", "the settings, encoded"),
    ("/ui/assets/../../hefe.toml", "the settings by the assets"),
    ("/ui/assets/%2e%2e/%2e%2e/hefe.toml", "the same, encoded"),
    ("/ui/assets/..%2f..%2f.hefe%2fhefe.db", "the database"),
    ("/ui/assets//etc/passwd", "a file of the machine's"),
    ("/file:///etc/passwd", "a scheme"),
    ("/.hefe/hefe.db", "the database by its name"),
    ("/systems/shop/workflows/call.workflow.json", "a file of the project"),
    ("/ui/other/mine", "a page of another system"),
    ("/ui/shop/../other/mine", "a page, by dots"),
    ("/ui/shop%2f..%2fother/mine", "a page, by slashes"),
    ("/ui/shop/runs/ID", "a page of a run of another system"),
    ("/app/runs", "a system named as a route: app"),
    ("/users", "a system named as a route: users"),
    ("/users/runs", "below it"),
    ("/ui/runs", "a system named as a route: ui"),
    ("/ui/ui/runs", "a page of that"),
    ("/docs/runs", "a system named as a route: docs"),
    ("/audit/runs", "a system named as a route: audit"),
    ("/shop/progress/..%2f..%2fother%2fprogress", "an item's id with slashes"),
    ("/shop/runs?cursor=../../other", "a cursor"),
    ("/shop/runs?workflow=..%2f..%2fother&system=other", "a filter of another system"),
    ("/account?system=other", "the installation's account"),
    ("/audit", "the trail"),
    ("/other/events", "a stream of another system"),
    ("/other/events?ticket=x.y", "a ticket that is none"),
];

/// The same as what is started: name or identifier, in the address.
const NAMES: &[&str] = &[
    "..%2f..%2fother%2fwebhook%2fecho",
    "%2e%2e%2fother",
    "../../other/webhook/echo",
    "echo%00",
    "echo%2f..",
    "ECHO",
    "%c0%ae%c0%ae%2fecho",
    "e%ccho",
    "%25%32%65",
    "%3Cscript%3E",
];

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let key = ("x-api-key", scene.keys.eve.as_str());
    let runs = scene.root().get("/other/runs").await;
    rows.control("who has a role there sees it", runs.status == 200, &runs.text());
    let run = runs.json()["items"][0]["id"].as_str().expect("a run").to_owned();
    let shown = scene.root().get(&format!("/other/runs/{run}")).await;
    rows.control("the secret stands in it", shown.text().contains(SECRET), &shown.text());
    let own = scene.eve().get("/shop/runs").await;
    rows.control("eve sees what is hers", own.status == 200, &own.text());
    for (target, trick) in TARGETS {
        let target = target.replace("ID", &run);
        let answer = scene.send(&Ask { target: &target, headers: &[key], ..GET }).await;
        // A filter and a cursor are the caller's own: what is found must not be another's.
        let narrows = target.starts_with("/shop/runs?") || target.starts_with("/account");
        let leaks = answer.text().contains(SECRET) || answer.body().contains(&run) && !target.contains(&run);
        rows.add(trick, &target, &answer.says(), leaks || (answer.is_good() && !narrows));
    }
    for name in NAMES {
        for target in [format!("/shop/webhook/{name}"), format!("/shop/workflows/{name}/run")] {
            let body = json!({ "x": SECRET }).to_string();
            let answer = scene
                .send(&Ask { target: &target, headers: &[key, JSON], body: body.as_bytes(), ..POST })
                .await;
            rows.add("what is started", &target, &answer.says(), answer.is_good());
        }
    }
    lines_of_requests(scene, &mut rows).await;
    people(scene, &mut rows).await;
    signals(scene, &mut rows, &run).await;
    rows
}

/// Where a request's first line is unusual.
async fn lines_of_requests(scene: &Scene, rows: &mut Rows) {
    let key = &scene.keys.eve;
    let long = format!("/{}/runs", "a".repeat(1 << 16));
    for (line, trick) in [
        ("GET http://127.0.0.1/other/runs HTTP/1.1", "a whole address"),
        ("GET other/runs HTTP/1.1", "no slash"),
        ("GET \\other\\runs HTTP/1.1", "backslashes alone"),
        ("get /other/runs HTTP/1.1", "a small method"),
        ("OPTIONS * HTTP/1.1", "no path at all"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", "a tunnel"),
        ("TRACE /shop/runs HTTP/1.1", "a trace"),
        ("GET /other/runs HTTP/0.9", "an old version"),
        (&format!("GET {long} HTTP/1.1"), "a name of 64 KiB"),
    ] {
        let bytes =
            format!("{line}\r\nhost: {}\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n", scene.address());
        let answer = wire::exchange(scene.address(), bytes.as_bytes()).await;
        // What may be asked of a server as a whole tells nothing.
        rows.add(trick, line, &answer.says(), answer.is_good() && !answer.body().is_empty());
    }
}

/// Users are not made or removed by who may not, whatever their names lead to.
async fn people(scene: &Scene, rows: &mut Rows) {
    let key = ("x-api-key", scene.keys.eve.as_str());
    for (verb, target) in [
        ("DELETE", "/users/ada"),
        ("DELETE", "/users/..%2fusers%2fada"),
        ("DELETE", "/shop/../users/ada"),
        ("DELETE", "/users/%61da"),
        ("POST", "/users"),
        ("POST", "/users/"),
    ] {
        let body = json!({ "name": "../../eve", "roles": ["admin"], "systems": [], "key": true }).to_string();
        let answer = scene.send(&Ask { verb, target, headers: &[key, JSON], body: body.as_bytes() }).await;
        rows.add("users", &format!("{verb} {target}"), &answer.says(), answer.is_good());
    }
    let here = scene.ada().get("/shop/runs").await;
    rows.control("ada is still there", here.status == 200, &here.text());
}

/// The address of a signal is its own credential: none is guessed, and none leads elsewhere.
async fn signals(scene: &Scene, rows: &mut Rows, run: &str) {
    for target in [
        format!("/other/signal/{run}/go?sig="),
        format!("/other/signal/{run}/go?sig={}", "0".repeat(64)),
        format!("/other/signal/{run}/..%2fgo?sig=x"),
        format!("/shop/signal/{run}/go"),
        "/shop/signal/..%2f..%2fother/go?sig=x".to_owned(),
    ] {
        for verb in ["GET", "POST"] {
            let answer =
                scene.send(&Ask { verb, target: &target, headers: &[FORM], body: b"answer=yes" }).await;
            rows.add("signals", &format!("{verb} {target}"), &answer.says(), answer.is_good());
        }
    }
}
