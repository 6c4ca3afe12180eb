//! Option values at run time.

use recipe::{Context, Limits, Map, Value};
use workflow::Template;

use crate::{effect::Failure, facts::RunFacts, state::Inputs};

/// What came in on a port; null if nothing did.
pub(crate) fn on(inputs: &Inputs, port: u8) -> Value {
    inputs.iter().find(|(at, _)| *at == port).map_or(Value::Null, |(_, value)| value.clone())
}

/// Evaluates a compiled option; a recipe's error becomes a failure of its element, with its words for operators only,
/// as they may quote a value.
pub(crate) fn eval(
    template: &Template,
    this: &Value,
    vars: &Map,
    inputs: &Inputs,
    facts: &RunFacts<'_>,
) -> Result<Value, Failure> {
    let context = Context { this, vars, facts, limits: Limits::default() };
    template.eval(&context, &|port| on(inputs, port)).map_err(|error| Failure {
        detail: Value::from(error.to_string()),
        ..Failure::new("recipe", "a recipe could not be evaluated")
    })
}

/// Milliseconds of a duration: a number with ms, s, m, h or d (workflow.md, The file).
pub fn duration_ms(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..at].parse().ok()?;
    let unit = match &text[at..] {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return None,
    };
    Some((number * unit) as u64)
}
