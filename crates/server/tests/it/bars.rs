//! Which bars there are: one for each `process` of a tree of runs.

use serde_json::{Value, json};

use crate::scene::Scene;

fn bar(name: &str, process: Option<&str>, progress: i32, next: Option<&str>) -> Value {
    let mut bar = json!({ "name": name, "type": "cast/progress",
        "options": { "title": "Publishing project", "total": 4, "progress": progress, "statusMessage": name } });
    if let Some(process) = process {
        bar["options"]["process"] = process.into();
    }
    if let Some(next) = next {
        bar["to"] = json!({ "default": { next: ["default"] } });
    }
    bar
}

/// (process, progress, status) of the bars that a run of these elements leaves.
async fn left(elements: &[Value]) -> Vec<(String, i64, String)> {
    let workflow = json!({ "identifier": "Bars", "async": true, "entry": "first", "elements": elements });
    let scene = Scene::of(&[("bars", workflow)], None).await;
    let run = scene.run("Bars", &json!({})).await;
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let mut bars: Vec<_> = run["progress"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (text(item, "process"), item["progress"].as_i64().unwrap(), text(item, "status")))
        .collect();
    bars.sort();
    scene.stop().await;
    bars
}

fn ended(process: &str, progress: i64) -> (String, i64, String) {
    (process.to_owned(), progress, "succeeded".to_owned())
}

#[tokio::test]
async fn one_value_is_one_bar_and_none_means_the_one_that_the_file_names() {
    let elements = [
        bar("first", None, 1, Some("second")),
        bar("second", Some("project_publish"), 3, Some("third")),
        bar("third", Some("project_publish"), 4, None),
    ];
    assert_eq!(left(&elements).await, [ended("project_publish", 4)]);
}

#[tokio::test]
async fn two_values_are_two_bars() {
    let elements = [bar("first", Some("files"), 4, Some("second")), bar("second", Some("mails"), 2, None)];
    assert_eq!(left(&elements).await, [ended("files", 4), ended("mails", 2)]);
}

#[tokio::test]
async fn a_file_that_names_none_or_several_falls_back_to_its_identifier() {
    assert_eq!(left(&[bar("first", None, 4, None)]).await, [ended("Bars", 4)]);
    let several = [
        bar("first", None, 1, Some("second")),
        bar("second", Some("a"), 2, Some("third")),
        bar("third", Some("b"), 3, None),
    ];
    assert_eq!(left(&several).await, [ended("Bars", 1), ended("a", 2), ended("b", 3)]);
}

#[tokio::test]
async fn updates_after_an_end_by_hand_are_counted_for_all_to_see() {
    let mut first = bar("first", None, 1, Some("second"));
    first["options"]["status"] = "cancelled".into();
    let elements = [first, bar("second", None, 2, Some("third")), bar("third", None, 3, None)];
    let workflow = json!({ "identifier": "Bars", "async": true, "entry": "first", "elements": elements });
    let scene = Scene::of(&[("bars", workflow)], None).await;
    let run = scene.run("Bars", &json!({})).await;
    let shown = &run["progress"][0];
    let figures = [&shown["status"], &shown["progress"], &shown["ignored"], &shown["eta_seconds"]];
    assert_eq!(json!(figures), json!(["cancelled", 1, 2, null]));
    let item = scene.client.get(&format!("/main/progress/{}", shown["id"].as_str().unwrap())).await.json();
    assert_eq!(&item, shown);
    let page = scene.client.get(&format!("/ui/main/runs/{}", run["id"].as_str().unwrap())).await;
    assert!(page.text().contains("updates ignored since: 2"), "{}", page.text());
    scene.stop().await;
}
