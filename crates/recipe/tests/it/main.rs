//! Recipes through the crate's own doors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod docs;
mod functions;
mod grammar;
mod limits;
mod manners;
mod marks;
mod print;
mod random;
mod reads;
mod reference;
mod taint;
mod value;
mod values;

use recipe::{Context, Error, Limits, Map, NoFacts, Recipe, Value};

/// Evaluates against `this`, whose fields are variables too, as on the command line.
fn eval(expression: &str, this: &Value) -> Result<Value, Error> {
    let vars = this.as_object().cloned().unwrap_or_default();
    let context = Context { this, vars: &vars, facts: &NoFacts, limits: Limits::default() };
    Recipe::parse(expression)?.eval(&context)
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

/// The expression gives this JSON.
#[track_caller]
fn check(expression: &str, this: &str, expected: &str) {
    match eval(expression, &json(this)) {
        Ok(value) => assert_eq!(value.to_json(), expected, "{expression}"),
        Err(error) => panic!("{}", error.render(expression)),
    }
}

/// Each line is `expression => JSON`.
#[track_caller]
fn check_all(table: &str) {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines {
        let (expression, expected) = line.rsplit_once(" ==> ").unwrap_or_else(|| panic!("{line}"));
        check(expression.trim(), "null", expected.trim());
    }
}

/// The error with its place, as people see it.
fn fails(expression: &str, this: &str) -> String {
    match eval(expression, &json(this)) {
        Ok(value) => panic!("{expression} gave {value:?}"),
        Err(error) => error.render(expression),
    }
}

/// Runs on a small stack.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}

fn vars(of: &str) -> Map {
    json(of).as_object().cloned().unwrap()
}
