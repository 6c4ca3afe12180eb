//! launch: webhook launches over HTTP, each durable before it is answered, while the server's workers work what they start.

use std::{path::Path, time::Duration};

use crate::{
    Failure,
    figures::{Figures, median},
    load::{self, Window},
    scale,
    served::Server,
};

/// A sync launcher that starts an async worker, as applications write them.
const LAUNCHER: &str = r#"{
  "identifier": "Launch",
  "events": [{ "identifier": "launch", "type": "webhook" }],
  "elements": [
    { "name": "launch", "type": "event/webhook", "to": { "default": { "start": ["default"] } } },
    { "name": "start", "type": "action/run",
      "options": { "workflow": "Work", "async": true, "scope": true, "input": { "order": "$.order" } } }
  ]
}"#;

const WORKER: &str = r#"{
  "identifier": "Work", "async": true,
  "elements": [{ "name": "done", "type": "op/set", "options": { "recipes": { "seen": "$order.id" } } }]
}"#;

const WINDOWS: usize = 5;

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let window = Duration::from_millis(if quick { 300 } else { 2_000 });
    let folder = tempfile::tempdir_in(".")?;
    let workflows = folder.path().join("systems/bench/workflows");
    std::fs::create_dir_all(&workflows)?;
    std::fs::write(workflows.join("launch.workflow.json"), LAUNCHER.replace("$.order", "${this.order}"))?;
    std::fs::write(workflows.join("work.workflow.json"), WORKER)?;

    let before = scale::fdatasync_per_s(folder.path(), window)?;
    let launch = load::request("POST", "/bench/webhook/launch", r#"{"order":{"id":7,"name":"a launch"}}"#);
    let healthz = load::request("GET", "/healthz", "");
    let server = Server::start(folder.path(), &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (one, many, health) = runtime.block_on(async {
        let address = &server.address;
        let health = load::run(address, &healthz, 64, window, WINDOWS).await?;
        let one = load::run(address, &launch, 1, window, WINDOWS).await?;
        let many = load::run(address, &launch, 64, window, WINDOWS).await?;
        Ok::<_, Failure>((one, many, health))
    })?;
    server.stop()?;
    let after = scale::fdatasync_per_s(folder.path(), window)?;
    let syncs = syncs_per_launch(folder.path(), &launch, window);

    let rate = |windows: &[Window]| median(windows.iter().map(|window| window.per_s).collect());
    let at = |p: f64| median(many.iter().map(|window| window.percentile(p)).collect());
    let fdatasync = (before + after) / 2.0;
    let mut figures = Figures::of("launch");
    figures.scale("fdatasync_per_s", fdatasync);
    figures.scale("healthz_per_s", rate(&health));
    figures.add("launches_per_s_1", rate(&one), "1/s");
    figures.add("launches_per_s_64", rate(&many), "1/s");
    figures.add("p50_ms", at(0.5), "ms");
    figures.add("p99_ms", at(0.99), "ms");
    figures.add("healthz_per_s", rate(&health), "1/s");
    figures.add("launches_per_fdatasync", rate(&many) / fdatasync, "ratio");
    figures.add("launches_per_healthz", rate(&many) / rate(&health), "ratio");
    match syncs {
        Ok(syncs) => figures.add("fsyncs_per_launch", syncs, "1"),
        Err(error) => eprintln!("fsyncs_per_launch was not measured: {error}"),
    }
    Ok(figures)
}

/// A run of its own under strace, which slows the server down: only the count is used.
fn syncs_per_launch(project: &Path, launch: &[u8], window: Duration) -> Result<f64, Failure> {
    let log = project.join("strace.log");
    let log_path = log.to_str().ok_or("the folder's name is no text")?;
    let strace = ["strace", "-f", "-q", "-e", "trace=fsync,fdatasync", "-o", log_path];
    let server = Server::start(project, &strace)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let windows = runtime.block_on(load::run(&server.address, launch, 64, window, 1))?;
    let answered: usize = windows.iter().map(|window| window.latencies_ms.len()).sum();
    server.stop()?;
    let trace = std::fs::read_to_string(&log)?;
    // The warm-up is as long as the window, so that half of the syncs belong to it.
    let syncs = trace.lines().filter(|line| line.contains("sync(")).count() as f64 / 2.0;
    Ok(syncs / answered.max(1) as f64)
}
