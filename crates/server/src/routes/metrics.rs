//! GET /metrics, in Prometheus' text form. It is short enough to be written out; what is counted, the store and the hub count anyway.

use std::{
    fmt::{Display, Write},
    sync::Arc,
};

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::on,
};

use crate::{
    answer::{Answer, bytes_of_json},
    app::App,
    door::Rank,
    route::{Gives, Kind, PLAIN, Route, Who},
};

pub(crate) const ROUTES: &[Route] = &[Route {
    path: "/metrics",
    who: Who::From(Rank::Operator),
    does: "figures for Prometheus",
    gives: &[Gives(200, Kind::Text("text/plain"))],
    call: |verb| on(verb, show),
    ..PLAIN
}];

async fn show(State(app): State<Arc<App>>) -> Answer {
    let store = app.engine.store();
    let account = store.account().await?;
    let now_ms = app.engine.clock_ms();
    let mut page = Page::default();
    page.family("hefe_runs_accepted_total", "counter", "Runs that were ever accepted.");
    page.line(&[], account.accepted);
    page.family("hefe_runs_ended_total", "counter", "Runs that have ended.");
    for (status, count) in
        [("succeeded", account.succeeded), ("failed", account.failed), ("cancelled", account.cancelled)]
    {
        page.line(&[("status", status)], count);
    }
    page.family("hefe_runs", "gauge", "Runs that have not ended.");
    for (status, count) in
        [("queued", account.queued), ("running", account.running), ("waiting", account.waiting)]
    {
        page.line(&[("status", status)], count);
    }
    let lanes = store.lanes().await?;
    page.family("hefe_queue_ready", "gauge", "Runs of a queue that could be claimed now.");
    for lane in &lanes {
        page.line(&[("queue", &lane.queue), ("system", &lane.system)], lane.ready);
    }
    page.family("hefe_queue_oldest_seconds", "gauge", "How long ago the oldest of them was started.");
    for lane in &lanes {
        let age_s = (now_ms - lane.oldest.ms()).max(0) as f64 / 1e3;
        page.line(&[("queue", &lane.queue), ("system", &lane.system)], age_s);
    }
    page.family("hefe_queue_paused", "gauge", "1 for a queue of which nothing is begun.");
    for published in app.engine.systems() {
        let queues = store.queues(&published.system.name).await?;
        for pause in queues.into_iter().filter_map(|queue| queue.paused) {
            page.line(&[("queue", &pause.queue), ("system", &pause.system)], 1);
        }
    }
    page.family("hefe_live_clients", "gauge", "Open streams of events.");
    page.line(&[], app.live.open());
    page.family("hefe_store_writable", "gauge", "1 where starts are taken, 0 where the disk refuses.");
    page.line(&[], u8::from(store.room().is_ok()));
    Ok(page.sent())
}

#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing to a text never fails.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let label = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
        let labels: Vec<String> = labels.iter().map(label).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }

    fn sent(self) -> Response {
        let mut response = bytes_of_json(StatusCode::OK, self.text);
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
