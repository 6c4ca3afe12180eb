//! Progress items on the terminal: bars for people, a line a change when piped.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::say;

/// The bars of one command.
pub(crate) struct Bars {
    /// None: plain lines.
    screen: Option<MultiProgress>,
    bars: HashMap<String, ProgressBar>,
    shown: HashMap<String, String>,
}

impl Bars {
    pub(crate) fn new() -> Bars {
        let screen = stderr().is_terminal().then(MultiProgress::new);
        Bars { screen, bars: HashMap::new(), shown: HashMap::new() }
    }

    /// A line above the bars.
    pub(crate) fn say(&self, text: &str) {
        match &self.screen {
            Some(screen) => drop(screen.println(say::inline(text))),
            None => say::note(text),
        }
    }

    /// An item's newest state, as GET progress gives it.
    pub(crate) fn show(&mut self, item: &Value) {
        let text = |key: &str| say::inline(item.get(key).and_then(Value::as_str).unwrap_or_default());
        let number = |key: &str| item.get(key).and_then(Value::as_f64);
        let (id, title, message, status) =
            (text("id"), text("title"), text("status_message"), text("status"));
        let (id, status) = (&*id, &*status);
        let mark = match status {
            "succeeded" => "✓",
            "failed" => "✗",
            "cancelled" => "–",
            _ => " ",
        };
        let (progress, total) = (number("progress").unwrap_or(0.0), number("total"));
        let Some(screen) = &self.screen else {
            let of = total.map_or_else(String::new, |total| format!("{progress}/{total} "));
            let line = format!("{mark} {title} {of}{message}");
            if self.shown.get(id) != Some(&line) {
                say::note(&line);
                self.shown.insert(id.to_owned(), line);
            }
            return;
        };
        let bar = self.bars.entry(id.to_owned()).or_insert_with(|| {
            let bar = screen.add(ProgressBar::new(0));
            bar.set_style(style(total.is_some()));
            bar
        });
        if let Some(total) = total {
            bar.set_length(total.round() as u64);
            bar.set_position(progress.round() as u64);
        } else {
            bar.tick();
        }
        bar.set_prefix(format!("{mark} {title}"));
        bar.set_message(message.into_owned());
        if status != "running" {
            bar.abandon();
        }
    }
}

fn style(with_total: bool) -> ProgressStyle {
    let template = match with_total {
        true => "{prefix:28} {bar:28.yellow/dim} {pos}/{len}  {wide_msg}",
        false => "{prefix:28} {spinner:.yellow}  {wide_msg}",
    };
    // A template that does not parse would be ours; the usual style shows the same.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▉ ")
}
