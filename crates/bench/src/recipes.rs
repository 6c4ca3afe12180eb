//! recipes: ten expressions, compiled once, beside the same ones in other languages. Those live in a workspace of their
//! own (`peers/recipes`), which is built and run here and measures all of them in one process.

use std::{
    collections::HashMap,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::Failure;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../peers/recipes/Cargo.toml");

/// What the first column holds; the others are peers.
const OURS: &str = "hefe";

/// Nanoseconds of one evaluation of an expression by each language; None where it cannot express it.
struct Row {
    expression: String,
    ns: Vec<(String, Option<f64>)>,
}

impl Row {
    fn ours(&self) -> f64 {
        self.ns.iter().find(|(engine, _)| engine == OURS).and_then(|(_, ns)| *ns).unwrap_or(f64::NAN)
    }

    /// The fastest of the others.
    fn best(&self) -> (&str, f64) {
        let peers = self.ns.iter().filter(|(engine, _)| engine != OURS);
        let known = peers.filter_map(|(engine, ns)| Some((engine.as_str(), (*ns)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("nobody", f64::NAN))
    }

    /// How many times as long as we the fastest of the others takes.
    fn ratio(&self) -> f64 {
        self.best().1 / self.ours()
    }
}

pub(crate) fn measure(quick: bool, as_json: bool) -> Result<(), Failure> {
    let rows = run(quick)?;
    let geomean = (rows.iter().map(|row| row.ratio().ln()).sum::<f64>() / rows.len().max(1) as f64).exp();
    if as_json {
        print_json(&rows, geomean);
    } else {
        print_table(&rows, geomean);
    }
    Ok(())
}

fn run(quick: bool) -> Result<Vec<Row>, Failure> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--release", "--locked", "--quiet", "--manifest-path", MANIFEST, "--"]);
    if quick {
        cargo.arg("--quick");
    }
    let output = cargo.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the measurement in peers/recipes failed".into());
    }
    let mut rows: Vec<Row> = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: HashMap<String, Value> = serde_json::from_str(line)?;
        let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let expression = text("expression");
        if rows.last().is_none_or(|row| row.expression != expression) {
            rows.push(Row { expression, ns: Vec::new() });
        }
        if let Some(row) = rows.last_mut() {
            row.ns.push((text("engine"), line.get("ns").and_then(Value::as_f64)));
        }
    }
    Ok(rows)
}

fn print_json(rows: &[Row], geomean: f64) {
    let line = |figure: String, value: f64, unit: &str, more: Value| {
        let value = (value * 100.0).round() / 100.0;
        let mut line = json!({ "work": "recipes", "figure": figure, "value": value, "unit": unit });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        println!("{line}");
    };
    for row in rows {
        let expression = &row.expression;
        for (engine, ns) in row.ns.iter().filter_map(|(engine, ns)| Some((engine, (*ns)?))) {
            let figure = match engine.as_str() {
                OURS => format!("ns_{expression}"),
                peer => format!("ns_{expression}_{peer}"),
            };
            line(figure, ns, "ns", json!({ "expression": expression, "engine": engine }));
        }
        let best = json!({ "expression": expression, "best": row.best().0 });
        line(format!("ratio_{expression}"), row.ratio(), "ratio", best);
    }
    line("geomean_ratio".into(), geomean, "ratio", json!({}));
}

fn print_table(rows: &[Row], geomean: f64) {
    let Some(first) = rows.first() else { return };
    print!("{:18}", "ns");
    first.ns.iter().for_each(|(engine, _)| print!("{engine:>14}"));
    println!("{:>9}", "ratio");
    for row in rows {
        print!("{:18}", row.expression);
        for (_, ns) in &row.ns {
            match ns {
                Some(ns) => print!("{ns:>14.0}"),
                None => print!("{:>14}", "-"),
            }
        }
        println!("{:>9.2}  ({})", row.ratio(), row.best().0);
    }
    println!("\nratio: the best peer's time by ours; its geometric mean is {geomean:.2}.");
    println!(
        "-: the language cannot express it. Compiling and turning the input into each language's values"
    );
    println!("are not measured; all values were compared before.");
}
