//! pickup: on an idle machine, from the launcher's answer to the worker's first element, which writes a line to the log: a
//! subscriber of the log takes the time on the worker's own thread. Also from the launcher's call, as other systems are
//! measured. A worker that begins before the answer has come back has waited for nothing.

use std::{
    sync::{Mutex, Once, PoisonError},
    time::{Duration, Instant},
};

use engine::{Call, Door, Person, Started};
use recipe::Value;
use tracing::span;

use crate::{
    Failure,
    figures::{Figures, median},
    inside::{self, Inside},
    load::Window,
    place, scale, works,
};

const WINDOWS: usize = 5;

/// When the newest line was written.
static SAID: Mutex<Option<Instant>> = Mutex::new(None);

fn said() -> Option<Instant> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Takes the time of lines that workflows write.
struct Lines;

impl tracing::Subscriber for Lines {
    fn enabled(&self, about: &tracing::Metadata<'_>) -> bool {
        about.target() == "workflow"
    }

    fn event(&self, _: &tracing::Event<'_>) {
        *SAID.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let mut figures = Figures::of("pickup");
    inside::runtime()?.block_on(async {
        let inside = Inside::open(&works::all()).await?;
        let fdatasync = scale::fdatasync_per_s(inside.folder(), Duration::from_millis(500))?;
        let picked = picked(&inside, "Launch", quick).await?;
        inside.close().await?;
        figures.scale("fdatasync_per_s", fdatasync);
        picked.add_to(&mut figures, "");
        place::add_scale(&mut figures, quick)
    })?;
    Ok(figures)
}

/// Since the answer, and since the call, of each window.
pub(crate) struct Picked(Vec<(Window, Window)>);

impl Picked {
    pub(crate) fn add_to(&self, figures: &mut Figures, of: &str) {
        let at = |p: f64, which: fn(&(Window, Window)) -> &Window| {
            median(self.0.iter().map(|window| which(window).percentile(p)).collect())
        };
        figures.add(format!("p50_ms{of}"), at(0.5, |(answer, _)| answer), "ms");
        figures.add(format!("p99_ms{of}"), at(0.99, |(answer, _)| answer), "ms");
        figures.add(format!("p50_ms_from_call{of}"), at(0.5, |(_, call)| call), "ms");
        figures.add(format!("p99_ms_from_call{of}"), at(0.99, |(_, call)| call), "ms");
    }
}

/// What that launcher starts, while this process works what it works.
pub(crate) async fn picked(inside: &Inside, launcher: &str, quick: bool) -> Result<Picked, Failure> {
    static ONCE: Once = Once::new();
    // A second one would not be heard either.
    ONCE.call_once(|| drop(tracing::subscriber::set_global_default(Lines)));
    let count = if quick { 30 } else { 300 };
    let workers = inside.work();
    let mut windows = Vec::new();
    for _ in 0..=WINDOWS {
        windows.push(window(inside, launcher, count / WINDOWS).await?);
    }
    workers.stop().await?;
    Ok(Picked(windows.split_off(1)))
}

/// Since the answer, and since the call.
async fn window(inside: &Inside, launcher: &str, count: usize) -> Result<(Window, Window), Failure> {
    let (mut answers, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(20)).await;
        said();
        let asked = Instant::now();
        let call = Call {
            system: "bench".to_owned(),
            door: Door::Workflow(launcher.to_owned()),
            input: Value::Null,
            person: Some(Person::local()),
        };
        match inside.engine.call(call).await {
            Ok(Started::Done(answer)) if answer.status == store::Status::Succeeded => {}
            other => return Err(format!("the launcher did not launch: {other:?}").into()),
        }
        let answered = Instant::now();
        let began = loop {
            match said() {
                Some(at) => break at,
                None => tokio::time::sleep(Duration::from_micros(100)).await,
            }
        };
        answers.push(began.saturating_duration_since(answered).as_secs_f64() * 1e3);
        calls.push((began - asked).as_secs_f64() * 1e3);
    }
    let window = |mut latencies_ms: Vec<f64>| {
        latencies_ms.sort_by(f64::total_cmp);
        Window { per_s: f64::NAN, latencies_ms }
    };
    Ok((window(answers), window(calls)))
}
