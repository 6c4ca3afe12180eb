//! Figures: a table for people, a JSON line each for programs.

use serde_json::{Value, json};

/// What one work gave.
#[derive(Default)]
pub(crate) struct Figures {
    work: &'static str,
    /// Behind each name.
    of: String,
    scale: Vec<(&'static str, f64)>,
    list: Vec<(String, f64, &'static str)>,
}

impl Figures {
    pub(crate) fn of(work: &'static str) -> Figures {
        Figures { work, ..Figures::default() }
    }

    /// All that is added is of that form of the work.
    pub(crate) fn of_form(work: &'static str, form: String) -> Figures {
        Figures { work, of: form, ..Figures::default() }
    }

    /// What the machine itself can do, measured in the same run.
    pub(crate) fn scale(&mut self, name: &'static str, value: f64) {
        self.scale.push((name, value));
    }

    pub(crate) fn add(&mut self, name: impl std::fmt::Display, value: f64, unit: &'static str) {
        self.list.push((format!("{name}{}", self.of), value, unit));
    }

    /// The median of windows, the first, the last and the worst of them, for `name` and what stands behind it.
    pub(crate) fn add_windows(&mut self, name: &str, of: &str, windows: &[f64], unit: &'static str) {
        let slowest = if unit == "1/s" { f64::min } else { f64::max };
        let end = |window: Option<&f64>| window.copied().unwrap_or(f64::NAN);
        self.add(format!("{name}{of}"), median(windows.to_vec()), unit);
        self.add(format!("{name}{of}_first"), end(windows.first()), unit);
        self.add(format!("{name}{of}_last"), end(windows.last()), unit);
        self.add(
            format!("{name}{of}_worst"),
            windows.iter().copied().reduce(slowest).unwrap_or(f64::NAN),
            unit,
        );
    }

    /// The last tenth of windows divided by the first, each by its median: 1 where nothing decays.
    pub(crate) fn add_tenths(&mut self, name: &str, windows: &[f64]) {
        let tenth = (windows.len() / 10).max(1);
        let of = |part: &[f64]| median(part.to_vec());
        let last = windows.get(windows.len().saturating_sub(tenth)..).map_or(f64::NAN, of);
        let first = windows.get(..tenth).map_or(f64::NAN, of);
        self.add(format!("{name}_last_by_first_tenth"), last / first, "ratio");
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
    if value == 0.0 || value.abs() >= 100.0 {
        return value.round();
    }
    let shift = 10f64.powi(2 - value.abs().log10().floor() as i32);
    (value * shift).round() / shift
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(windows: &[f64], unit: &'static str) -> Vec<(String, f64)> {
        let mut figures = Figures::of_form("drain", "_2_workers".to_owned());
        figures.add_windows("it", "_1k", windows, unit);
        figures.add_tenths("it", windows);
        figures.list.into_iter().map(|(name, value, _)| (name, value)).collect()
    }

    #[test]
    fn the_worst_window_is_the_fewest_a_second_and_the_longest_time() {
        let worst = |unit| of(&[2.0, 9.0, 4.0], unit)[3].clone();
        assert_eq!(worst("1/s"), ("it_1k_worst_2_workers".to_owned(), 2.0));
        assert_eq!(worst("us"), ("it_1k_worst_2_workers".to_owned(), 9.0));
    }

    #[test]
    fn three_digits_of_a_small_figure_are_kept() {
        let all = [0.0, 0.000_123_45, 0.1234, 12.345, 99.99, 1_234.5];
        assert_eq!(all.map(round), [0.0, 0.000_123, 0.123, 12.3, 100.0, 1_235.0]);
    }

    #[test]
    fn decay_is_the_last_tenth_by_the_first() {
        let mut windows = vec![5.0; 20];
        (windows[0], windows[1], windows[18], windows[19]) = (4.0, 4.0, 8.0, 8.0);
        assert_eq!(of(&windows, "us")[4], ("it_last_by_first_tenth_2_workers".to_owned(), 2.0));
        assert_eq!(of(&[3.0], "us")[4].1, 1.0, "of one window it is that window");
    }
}
