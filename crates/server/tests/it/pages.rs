//! Pages as a browser gets them.

use serde_json::json;

use crate::scene::{Scene, hook};

const EVIL: &str = "<script>alert(1)</script>\"'&";

async fn scene() -> (Scene, String) {
    let mut evil = hook(
        "evil",
        "stop",
        &[json!({ "name": "stop", "type": "flow/stop",
        "options": { "status": "failed", "message": EVIL } })],
    );
    evil["title"] = json!(EVIL);
    evil["description"] = json!(EVIL);
    evil["elements"][1]["name"] = json!(EVIL);
    evil["elements"][0]["to"]["default"] = json!({ EVIL: ["default"] });
    let bar = json!({ "identifier": "Bar", "async": true, "entry": "bar", "elements": [{ "name": "bar", "type": "cast/progress",
        "options": { "title": EVIL, "total": 2, "progress": 1, "statusMessage": EVIL, "link": "javascript:alert(1)" } }] });
    let scene = Scene::of(&[("evil", evil), ("bar", bar)], None).await;
    let (_, failed) = scene.inside("evil", &json!({ "typed": EVIL })).await;
    let id = failed["id"].as_str().unwrap().to_owned();
    scene.run("Bar", &json!({ "typed": EVIL })).await;
    (scene, id)
}

#[tokio::test]
async fn what_people_typed_is_text_on_every_page() {
    let (scene, id) = scene().await;
    for page in
        ["mine", "runs", "progress", "workflows", "runs?q=%3Cscript%3Ealert(1)", &format!("runs/{id}")]
    {
        let answer = scene.client.get(&format!("/ui/main/{page}")).await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(!answer.text().contains("<script>alert"), "{page}: {}", answer.text());
        assert!(!answer.text().contains(" style="), "the policy would drop it");
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_runs_page_shows_the_way_it_took() {
    let (scene, id) = scene().await;
    let page = scene.client.get(&format!("/ui/main/runs/{id}")).await.text();
    assert!(page.contains("class=\"element fired failed\""), "the failed element is marked");
    assert!(page.contains("class=\"edge taken\""), "the edge that was taken is marked");
    assert!(page.contains("class=\"badge failed\""));
    scene.stop().await;
}

#[tokio::test]
async fn the_start_leads_to_the_only_system_and_unknown_ones_are_404_in_words() {
    let (scene, _) = scene().await;
    let start = scene.client.get("/ui").await;
    assert_eq!((start.status, start.header("location")), (307, Some("/ui/main/mine")));
    let unknown = scene.client.get("/ui/nothing/runs").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("there is no system `nothing`"));
    scene.stop().await;
}

#[tokio::test]
async fn the_script_for_other_pages_is_small_and_never_reads_markup() {
    let (scene, _) = scene().await;
    let script = scene.client.get("/hefe.js").await;
    assert!(script.body.len() < 10_000, "{} bytes", script.body.len());
    assert!(!script.text().contains("innerHTML"));
    scene.stop().await;
}
