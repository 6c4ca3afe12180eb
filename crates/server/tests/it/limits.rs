//! What a system may start, and when it may again.

use engine::Settings;
use serde_json::json;

use crate::scene::{Scene, hook};

async fn scene(settings: Settings) -> Scene {
    let go = json!({ "name": "go", "type": "flow/stop" });
    Scene::limited(&[("x", hook("x", "go", &[go]))], settings).await
}

#[tokio::test]
async fn too_many_starts_and_a_full_queue_are_429_with_when_to_try_again() {
    for (settings, says) in [
        (Settings { starts_per_s: 0, ..Settings::default() }, "within a second"),
        (Settings { queued_max: 0, ..Settings::default() }, "are queued"),
    ] {
        let scene = scene(settings).await;
        let keyed = scene.client.with("idempotency-key", "k");
        for client in [&scene.client, &keyed, &keyed] {
            let refused = client.post("/main/webhook/x", &json!({})).await;
            assert_eq!(refused.status, 429, "{}", refused.text());
            assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
            assert_eq!(refused.json()["code"], "too_many");
            assert!(refused.json()["message"].as_str().unwrap().contains(says), "{}", refused.text());
        }
        assert_eq!(scene.client.post("/main/webhook/nothing", &json!({})).await.status, 404);
        assert_eq!(scene.client.get("/account").await.json()["accepted"], 0);
        scene.stop().await;
    }
}
