//! The list of attacks: each is carried out over the wire against real processes, and must come to nothing. A kind of attack is
//! a file with a table, an attack a row of it; adding a kind is that file and one line of the list in [`check`].
//!
//! Beside each trick stands a control: the same request without it, which must succeed. A server that refuses everything would
//! refuse every attack. A control that fails ends the proof with words, as it could not be carried out.

mod calls;
mod channels;
mod hosts;
mod lines;
mod markup;
mod origins;
mod paths;
mod scene;
mod sessions;
mod sizes;
mod slow;
mod tokens;
mod wire;

use serde_json::Map;

pub use self::markup::Laid;
use self::scene::Scene;
use crate::proof::{Report, Sabotage};

/// What a stranger tries, all of it refused
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {}

/// One attack.
struct Row {
    kind: &'static str,
    name: String,
    sent: String,
    answered: String,
    through: bool,
}

/// All that were carried out.
#[derive(Default)]
pub(crate) struct Rows {
    kind: &'static str,
    rows: Vec<Row>,
}

impl Rows {
    fn of(kind: &'static str) -> Rows {
        Rows { kind, rows: Vec::new() }
    }

    /// One more: what was sent, what came back, and whether it got through.
    pub(crate) fn add(&mut self, name: &str, sent: &str, answered: &str, through: bool) {
        let (name, sent, answered) = (brief(name), brief(sent), brief(answered));
        self.rows.push(Row { kind: self.kind, name, sent, answered, through });
    }

    /// The same without a trick.
    pub(crate) fn control(&self, what: &str, succeeds: bool, answered: &str) {
        assert!(succeeds, "{}: the control `{what}` does not succeed: {answered}", self.kind);
    }
}

/// Carries out everything.
pub async fn check(_: Asked, sabotage: Sabotage) -> Report {
    let scene = Scene::start(&sabotage).await;
    let scene = &scene;
    // Who is slow has to be waited for: meanwhile the others go on.
    let slow = slow::all(scene, Rows::of("slow clients"));
    let others = async {
        vec![
            calls::all(scene, Rows::of("calls to private addresses")).await,
            lines::all(scene, Rows::of("log and header injection")).await,
            paths::all(scene, Rows::of("paths and names")).await,
            sizes::all(scene, Rows::of("size and depth")).await,
            markup::all(scene, Rows::of("stored markup")).await,
            origins::all(scene, Rows::of("other origins")).await,
            sessions::all(scene, Rows::of("sessions and keys")).await,
            tokens::all(scene, Rows::of("tokens")).await,
            channels::all(scene, Rows::of("channels and streams")).await,
            hosts::all(scene, Rows::of("hosts and proxies")).await,
        ]
    };
    let (slow, mut all) = tokio::join!(slow, others);
    let left = scene.ada().get("/readyz").await;
    slow.control("the server lives after all of it", left.status == 200, &left.text());
    all.push(slow);
    report(all.into_iter().flat_map(|rows| rows.rows).collect())
}

fn report(rows: Vec<Row>) -> Report {
    let through: Vec<&Row> = rows.iter().filter(|row| row.through).collect();
    let mut figures = Map::new();
    figures.insert("attacks".to_owned(), rows.len().into());
    figures.insert("through".to_owned(), through.len().into());
    let words =
        |row: &Row| format!("{}: {}: sent {}, answered {}", row.kind, row.name, row.sent, row.answered);
    let broken = through.into_iter().map(words).collect();
    Report { proof: "attack", figures, broken, table: table(&rows) }
}

fn table(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        if n == 0 || rows[n - 1].kind != row.kind {
            lines.push(format!("\n{}", row.kind));
        }
        let word = if row.through { "THROUGH" } else { "refused" };
        lines.push(format!("  {word}  {:52}  {:60}  {}", row.name, row.sent, row.answered));
    }
    lines
}

/// On one line, and no longer than a table has room for.
fn brief(text: &str) -> String {
    let plain = |letter: char| match letter.is_control() {
        true => letter.escape_debug().to_string(),
        false => letter.to_string(),
    };
    let text: String = text.chars().take(100).map(plain).collect();
    let cut: String = text.chars().take(88).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
