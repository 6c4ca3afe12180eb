//! Figures: a table for people, a JSON line each for programs.

use serde_json::{Value, json};

/// What one work gave.
#[derive(Default)]
pub(crate) struct Figures {
    work: &'static str,
    scale: Vec<(&'static str, f64)>,
    list: Vec<(String, f64, &'static str)>,
}

impl Figures {
    pub(crate) fn of(work: &'static str) -> Figures {
        Figures { work, ..Figures::default() }
    }

    /// What the machine itself can do, measured in the same run.
    pub(crate) fn scale(&mut self, name: &'static str, value: f64) {
        self.scale.push((name, value));
    }

    pub(crate) fn add(&mut self, name: impl std::fmt::Display, value: f64, unit: &'static str) {
        self.list.push((name.to_string(), value, unit));
    }

    pub(crate) fn print(&self, json: bool) {
        let scale: serde_json::Map<String, Value> =
            self.scale.iter().map(|(name, value)| ((*name).to_owned(), json!(round(*value)))).collect();
        if !json {
            for (name, value) in &self.scale {
                println!("{:28} {:>12}  (the machine)", name, round(*value));
            }
        }
        for (name, value, unit) in &self.list {
            let value = round(*value);
            if json {
                let line = json!({
                    "work": self.work, "figure": name, "value": value, "unit": unit, "store": crate::place::name(), "scale": scale,
                });
                println!("{line}");
            } else {
                println!("{name:28} {value:>12} {unit}");
            }
        }
    }
}

/// Three digits that mean something.
fn round(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
