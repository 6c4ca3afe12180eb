//! The matrix of permissions: every route that /openapi.json lists, and every page, by every kind of person, in every system, with
//! every way to sign in; then what the answers show to whom, and what live streams bring to whom. What is expected stands in
//! `rules`, written down a second time, from delivery.md and not from the product. A route without a rule is an error.

mod live;
mod people;
mod rules;
mod scene;

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value};
use testkit::client::{Answer, Client};

use self::{
    people::Way,
    rules::{Ask, RULES, Rule, SHOWN},
    scene::Scene,
};
use crate::proof::{Report, Sabotage};

/// Who may call what: every route by every kind of person
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {}

/// What was looked at, and what was not as it should be.
#[derive(Default)]
pub(crate) struct Cells {
    count: usize,
    wrong: usize,
    broken: Vec<String>,
}

impl Cells {
    /// One more cell.
    pub(crate) fn see(&mut self, fits: bool, says: impl FnOnce() -> String) {
        self.count += 1;
        if !fits {
            self.wrong += 1;
            self.broken.push(says());
        }
    }
}

/// Asks everything.
pub async fn check(_: Asked, sabotage: Sabotage) -> Report {
    let scene = Scene::start(&sabotage).await;
    let mut cells = Cells::default();
    let document = scene.nobody().get("/openapi.json").await.json();
    let served = served(&document);
    complete(&served, &mut cells);
    // First what stands there: some calls delete.
    shown(&scene, &mut cells).await;
    for rule in RULES {
        if let Some(route) = served.iter().find(|route| route.call == rule.call) {
            calls(&scene, route, rule, &mut cells).await;
        }
    }
    live::check(&scene, &mut cells).await;
    let mut figures = Map::new();
    figures.insert("cells".to_owned(), cells.count.into());
    figures.insert("wrong".to_owned(), cells.wrong.into());
    figures.insert("routes".to_owned(), served.len().into());
    figures.insert("people".to_owned(), scene.people.len().into());
    Report { proof: "matrix", figures, broken: cells.broken, ..Report::default() }
}

/// A route as the product lists it.
struct Served {
    /// `get /{system}/runs`
    call: String,
    who: String,
    /// The statuses that it may answer; empty for pages, which are not described that far.
    statuses: BTreeSet<String>,
}

fn served(document: &Value) -> Vec<Served> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for (path, of) in document["paths"].as_object().expect("paths") {
        for (verb, operation) in
            of.as_object().expect("a path").iter().filter(|(verb, _)| *verb != "parameters")
        {
            let statuses = operation["responses"].as_object().expect("responses").keys().cloned().collect();
            all.push(Served {
                call: format!("{verb} {path}"),
                who: text(&operation["x-hefe-who"]),
                statuses,
            });
        }
    }
    for page in document["x-hefe-pages"].as_array().expect("pages") {
        let call = format!("{} {}", text(&page["method"]), text(&page["path"]));
        all.push(Served { call, who: text(&page["who"]), statuses: BTreeSet::new() });
    }
    all
}

/// Every route has a rule that says the same of it, and every rule a route.
fn complete(served: &[Served], cells: &mut Cells) {
    for route in served {
        let rule = RULES.iter().find(|rule| rule.call == route.call);
        cells.see(rule.is_some(), || format!("no rule says who may `{}`", route.call));
        if let Some(rule) = rule {
            let says = || format!("`{}` is for `{}`, the rule says `{}`", route.call, route.who, rule.who);
            cells.see(rule.who == route.who, says);
        }
    }
    for rule in RULES {
        let found = served.iter().any(|route| route.call == rule.call);
        cells.see(found, || format!("`{}` is not served", rule.call));
    }
}

/// One route by everyone, everywhere, in every way.
async fn calls(scene: &Scene, route: &Served, rule: &Rule, cells: &mut Cells) {
    let systems: &[&str] = if rule.call.contains("{system}") { &["shop", "other", "nowhere"] } else { &[""] };
    for person in &scene.people {
        for way in person.ways() {
            if *way == Way::Cookie && rule.call == "post /ui/signout" {
                // The cookie is needed on.
                continue;
            }
            for system in systems {
                for ask in rule.asks {
                    let answer = send(&person.client(*way), scene, rule, ask, system).await;
                    let expected = rules::expected(rule, ask, person, system);
                    let said = route.statuses.is_empty()
                        || route.statuses.contains("default")
                        || route.statuses.contains(&answer.status.to_string());
                    let fits = expected.contains(&answer.status) && said;
                    cells.see(fits, || {
                        let name = &person.name;
                        let path = scene.path(ask.path, system);
                        format!(
                            "{name} by {way:?}: {} {path}: {}, expected {expected:?}",
                            rule.verb(),
                            answer.status
                        )
                    });
                }
            }
        }
    }
}

async fn send(client: &Client, scene: &Scene, rule: &Rule, ask: &Ask, system: &str) -> Answer {
    let path = scene.path(ask.path, system);
    let verb = rule.verb().to_uppercase();
    let kind = if rule.is_page() { "application/x-www-form-urlencoded" } else { "application/json" };
    let headers = [("content-type", kind)];
    let headers = if ask.body.is_empty() { &headers[..0] } else { &headers[..] };
    let body = Bytes::from(scene.path(ask.body, system));
    if path.contains("/events") && verb == "GET" {
        return client.status(&verb, &path, headers, body).await;
    }
    client.request(&verb, &path, headers, body).await
}

/// What stands in an answer, by who reads it.
async fn shown(scene: &Scene, cells: &mut Cells) {
    for person in
        scene.people.iter().filter(|person| person.level("shop").is_some_and(|level| level.has_role()))
    {
        for (path, part, who) in SHOWN {
            let path = scene.path(path, "shop");
            let part = scene.path(part, "shop");
            let text = person.client(Way::Key).get(&path).await.text();
            let sees = rules::sees(*who, person);
            let says =
                || format!("{} {} `{part}` in {path}", person.name, if sees { "misses" } else { "sees" });
            cells.see(text.contains(&part) == sees, says);
        }
    }
}
