//! Measures recipes beside other embeddable languages, in one process, window by window in turn. Prints a JSON line for
//! each expression and language: nanoseconds of one evaluation, null where a language cannot express it.
//! `bench recipes` builds and runs this and prints what comes of it.
//!
//! Compiling and turning the input into each language's values are not measured; each value must equal ours.

mod cases;
mod engines;

use std::time::{Duration, Instant};

use engines::{Program, cel, hefe, minijinja, quickjs, rhai};
use serde_json::{Value, json};

/// What a measurement may fail with: its words are all that matters.
type Failure = Box<dyn std::error::Error>;

const ENGINES: [&str; 6] = ["hefe", "cel", "minijinja", "rhai", "rhai_bytecode", "quickjs"];

const WINDOWS: usize = 9;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let window = Duration::from_millis(if args.iter().any(|arg| arg == "--quick") { 4 } else { 40 });
    let only = args.iter().find(|arg| !arg.starts_with("--"));
    let runtime = rquickjs::Runtime::new()?;
    let context = rquickjs::Context::full(&runtime)?;
    context.with(|js| measure_all(&js, window, only.map(String::as_str)))
}

fn measure_all(js: &rquickjs::Ctx<'_>, window: Duration, only: Option<&str>) -> Result<(), Failure> {
    let input = cases::input();
    let recipe_vars = hefe::variables(&input);
    let jinja_env = ::minijinja::Environment::new();
    let jinja_vars = ::minijinja::Value::from(::minijinja::value::Serde(&input));
    let rhai_engine = rhai::engine();
    let rhai_scope = rhai::scope(&input)?;
    let js_input = js.json_parse(input.to_string())?;
    for case in cases::CASES.iter().filter(|case| only.is_none_or(|only| only == case.name)) {
        let jinja =
            case.minijinja.map(|source| minijinja::compile(&jinja_env, source, &jinja_vars)).transpose()?;
        let cel = case.cel.map(|source| cel::compile(source, &input)).transpose()?;
        let mut programs: [Option<Box<dyn Program + '_>>; ENGINES.len()] = [
            Some(Box::new(hefe::compile(case.hefe, &recipe_vars)?)),
            cel.map(|program| Box::new(program) as _),
            jinja.map(|program| Box::new(program) as _),
            Some(Box::new(rhai::tree(&rhai_engine, case.rhai, &rhai_scope)?)),
            Some(Box::new(rhai::bytecode(&rhai_engine, case.rhai, &rhai_scope)?)),
            Some(Box::new(quickjs::compile(js, case.quickjs, &js_input)?)),
        ];
        check(case.name, &mut programs)?;
        for (engine, ns) in ENGINES.iter().zip(measure(&mut programs, window)?) {
            println!("{}", json!({ "expression": case.name, "engine": engine, "ns": ns }));
        }
    }
    Ok(())
}

type Programs<'a> = [Option<Box<dyn Program + 'a>>];

/// All languages give the value that recipes give.
fn check(name: &str, programs: &mut Programs<'_>) -> Result<(), Failure> {
    let mut ours = None;
    for (engine, program) in ENGINES.iter().zip(programs) {
        let Some(program) = program else { continue };
        let value = program.value().map_err(|error| format!("{name}: {engine}: {error}"))?;
        let expected = ours.get_or_insert_with(|| value.clone());
        if !same(&value, expected) {
            return Err(format!("{name}: {engine} gives {value}, not {expected}").into());
        }
    }
    Ok(())
}

/// By value: 3 is 3.0, and an object's keys have no order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Nanoseconds of one evaluation by each: the median of windows that take turns, after a warm-up.
fn measure(programs: &mut Programs<'_>, window: Duration) -> Result<Vec<Option<f64>>, Failure> {
    let mut windows: Vec<Vec<f64>> = vec![Vec::new(); programs.len()];
    let mut times = vec![1; programs.len()];
    for (program, times) in programs.iter_mut().zip(&mut times) {
        let Some(program) = program else { continue };
        let begin = Instant::now();
        let mut done: u64 = 0;
        while begin.elapsed() < window {
            program.run(*times)?;
            done += *times;
            *times *= 2;
        }
        *times = (window.as_secs_f64() / begin.elapsed().as_secs_f64() * done as f64) as u64;
    }
    for _ in 0..WINDOWS {
        for ((program, times), windows) in programs.iter_mut().zip(&times).zip(&mut windows) {
            let Some(program) = program else { continue };
            let begin = Instant::now();
            program.run(*times)?;
            windows.push(begin.elapsed().as_nanos() as f64 / *times as f64);
        }
    }
    Ok(windows.into_iter().map(median).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
