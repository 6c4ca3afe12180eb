//! What streams bring to whom: everyone listens while `owner` and nobody start things. A public bar that reaches everyone closes
//! it, and another one after that: what was there before the first is sent with it, and so before the second.

use std::collections::HashMap;

use serde_json::Value;
use testkit::client::{Event, Events};

use super::{
    Cells,
    people::{Person, Way},
    rules::{Seen, sees},
    scene::Scene,
};

pub(crate) async fn check(scene: &Scene, cells: &mut Cells) {
    let listeners: Vec<&Person> = scene
        .people
        .iter()
        .filter(|person| person.level("shop").is_some_and(|level| level.has_role()))
        .collect();
    let mut streams = Vec::new();
    for person in &listeners {
        streams.push(person.client(Way::Key).events("/shop/events").await);
    }
    let root = scene.person("root");
    let mut watched = root.events("/shop/events").await;
    let mut other = scene.person("elsewhere").events("/other/events").await;
    let (owner, nobody) = (scene.person("owner"), scene.nobody());
    let mut runs = HashMap::new();
    for (by, webhook) in [(&owner, "private"), (&nobody, "orphan"), (&owner, "public")] {
        let path = format!("/shop/webhook/{webhook}");
        runs.insert(Scene::run(by, &path, &mut watched).await, webhook);
    }
    let mut came = vec![Vec::new(); streams.len()];
    for _ in 0..2 {
        let last = Scene::run(&owner, "/shop/webhook/public", &mut watched).await;
        for (stream, came) in streams.iter_mut().zip(&mut came) {
            hear(stream, &last, came).await;
        }
    }
    for (person, came) in listeners.iter().zip(&came) {
        one(person, came, &runs, cells);
    }
    let mut came = Vec::new();
    let mut watched = root.events("/other/events").await;
    let last = Scene::run(&root, "/other/webhook/public", &mut watched).await;
    hear(&mut other, &last, &mut came).await;
    for (run, webhook) in &runs {
        let strange = came.iter().any(|(_, data)| data.to_string().contains(run.as_str()));
        cells.see(!strange, || format!("the stream of another system tells of the {webhook} run"));
    }
}

/// Everything up to the end of that run's bar.
async fn hear(stream: &mut Events, last: &str, came: &mut Vec<(String, Value)>) {
    while let Some(Event { event, data, .. }) = stream.next().await {
        let data: Value = serde_json::from_str(&data).unwrap_or_default();
        let is_last = event == "progress" && data["run"] == *last && data["status"] == "succeeded";
        came.push((event, data));
        if is_last {
            return;
        }
    }
}

/// Whose each thing is that a stream brought, and that what is one's own came.
fn one(person: &Person, came: &[(String, Value)], runs: &HashMap<String, &str>, cells: &mut Cells) {
    for (run, webhook) in runs {
        let bar = match *webhook {
            "private" => Seen::OwnOnly,
            "orphan" => Seen::Operators,
            _ => Seen::SignedIn,
        };
        let row = if *webhook == "orphan" { Seen::Viewers } else { Seen::OwnOrViewers };
        let note = if *webhook == "orphan" { Seen::Nobody } else { Seen::OwnOnly };
        for (kind, field, who) in
            [("progress", "run", bar), ("run", "id", row), ("notification", "run", note)]
        {
            let got = came
                .iter()
                .any(|(event, data)| event == kind && data[field] == **run && data["gone"].is_null());
            let should = sees(who, person);
            let says = || {
                let verb = if got { "hears of" } else { "does not hear of" };
                format!("{} {verb} the {kind} of the {webhook} run on the stream", person.name)
            };
            cells.see(got == should, says);
        }
    }
}
