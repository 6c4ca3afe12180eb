//! Watches trees of runs to their end over one live stream, showing their bars.

use std::collections::HashSet;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::{Method, body::Incoming};
use serde_json::Value;

use crate::{bars::Bars, client::Client, say::Trouble};

/// A live stream that has been opened.
pub(crate) struct Events<'a> {
    client: &'a Client,
    body: Incoming,
    buffer: Vec<u8>,
}

/// One event.
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl<'a> Events<'a> {
    /// Opened before anything is started, so that nothing is missed.
    pub(crate) async fn open(client: &'a Client, system: &str) -> Result<Events<'a>, Trouble> {
        let response = client.open(Method::GET, &format!("/{system}/events"), None).await?;
        if !response.status().is_success() {
            return Err(Trouble::new(
                format!("there is no system `{system}`"),
                "look at the folders in PROJECT/systems",
            ));
        }
        Ok(Events { client, body: response.into_body(), buffer: Vec::new() })
    }

    /// The next one; None when the stream has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Trouble> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                match parse(&String::from_utf8_lossy(&block)) {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            let Some(Ok(frame)) = self.client.patiently(self.body.frame()).await? else { return Ok(None) };
            if let Ok(bytes) = frame.into_data() {
                self.buffer.extend_from_slice(&bytes);
            }
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
    let data = serde_json::from_str(field("data:")?).ok()?;
    Some(Event { kind: field("event:")?.to_owned(), data })
}

/// Works the trees of `roots` if the project is ours, shows their bars, and returns when all of their runs have ended.
pub(crate) async fn follow(
    client: &Client,
    system: &str,
    roots: &[String],
    mut events: Events<'_>,
) -> Result<(), Trouble> {
    let mut bars = Bars::new();
    let watching = async {
        let mine: HashSet<&str> = roots.iter().map(String::as_str).collect();
        while !over(client, system, roots).await? {
            loop {
                let Some(event) = events.next().await? else { return Ok(()) };
                let of_tree = ["root", "run"].iter().any(|key| {
                    event.data.get(key).and_then(Value::as_str).is_some_and(|id| mine.contains(id))
                });
                match event.kind.as_str() {
                    "progress" if of_tree => bars.show(&event.data),
                    "run" if of_tree => break,
                    _ => {}
                }
            }
        }
        // What was still on its way when the last run ended.
        while let Some(Ok(Some(event))) = events.next().now_or_never() {
            if event.kind == "progress" {
                bars.show(&event.data);
            }
        }
        Ok::<(), Trouble>(())
    };
    let Some(home) = &client.home else { return watching.await };
    home.heed_signals();
    let roots: Vec<store::Id> = roots.iter().filter_map(|root| root.parse().ok()).collect();
    let working = async {
        futures_util::future::join_all(roots.iter().map(|id| home.engine.work_tree(*id, home.stop()))).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        watched = watching => watched,
        () = working => Ok(()),
        () = home.signals() => Err(Trouble::new(
            "stopped before the run had ended",
            "it goes on when `hefe serve` or the same command runs again",
        )),
    }
}

/// Whether every run of the trees has ended.
async fn over(client: &Client, system: &str, roots: &[String]) -> Result<bool, Trouble> {
    let mut look_at: Vec<String> = roots.to_vec();
    while let Some(id) = look_at.pop() {
        let run = client.get(&format!("/{system}/runs/{id}")).await?;
        let status = run.get("status").and_then(Value::as_str).unwrap_or_default();
        if !matches!(status, "succeeded" | "failed" | "cancelled") {
            return Ok(false);
        }
        let children = run.get("children").and_then(Value::as_array).into_iter().flatten();
        look_at.extend(children.filter_map(|child| Some(child.get("id")?.as_str()?.to_owned())));
    }
    Ok(true)
}
