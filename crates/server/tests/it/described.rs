//! What is served is described: /openapi.json is made from the table that the router is made from.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::scene::{Scene, hook};

async fn scene() -> Scene {
    let go = json!({ "name": "go", "type": "flow/stop" });
    Scene::of(&[("x", hook("x", "go", &[go]))], None).await
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere_and_every_name_is_its_own() {
    let scene = scene().await;
    let document = scene.client.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    refer(&document, &mut references);
    assert!(references.len() > 50, "{references:?}");
    for reference in references {
        let path = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(path).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, of) in document["paths"].as_object().unwrap() {
        for (verb, operation) in of.as_object().unwrap().iter().filter(|(verb, _)| *verb != "parameters") {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{verb} {path}: {id}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{verb} {path}");
            assert!(
                operation["responses"].as_object().unwrap().keys().any(|status| status < &"300".to_owned())
            );
        }
    }
    let run = &document["components"]["schemas"]["RunView"];
    assert_eq!(run["properties"]["status"]["$ref"], "#/components/schemas/Status", "{run}");
    let required = run["required"].as_array().unwrap();
    assert!(required.contains(&json!("why")) && !required.contains(&json!("journal")), "{run}");
    scene.stop().await;
}

fn refer<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| refer(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| refer(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn people_read_it_at_docs() {
    let scene = scene().await;
    let page = scene.client.get("/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for words in ["POST /{system}/runs/{run}/retry", "own or viewer", "Idempotency-Key", "/openapi.json"] {
        assert!(page.text().contains(words), "{words}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn prometheus_reads_what_stands_where() {
    let scene = scene().await;
    scene.inside("x", &json!({})).await;
    let page = scene.client.get("/metrics").await;
    assert!(page.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{page:?}");
    let text = page.text();
    for line in [
        "hefe_runs_accepted_total 1",
        "hefe_runs_ended_total{status=\"succeeded\"} 1",
        "hefe_runs{status=\"queued\"} 0",
        "# TYPE hefe_queue_ready gauge",
        "hefe_store_writable 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    scene.stop().await;
}
