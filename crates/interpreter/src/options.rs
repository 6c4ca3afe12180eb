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
