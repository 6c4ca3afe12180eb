//! A line of JSON and an expression: evaluating it ends within its budget, twice with the same result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipe::{Context, Error, Limits, NoFacts, Recipe, Value};

const LIMITS: Limits = Limits { steps: 100_000, bytes: 4 << 20, depth: 256 };

fuzz_target!(|input: &str| {
    let (this, text) = input.split_once('\n').unwrap_or(("null", input));
    let this = Value::from_json(this).unwrap_or_default();
    let Ok(recipe) = Recipe::parse(text) else { return };
    let once = evaluate(&recipe, &this);
    let twice = evaluate(&recipe, &this);
    let anew = Recipe::parse(text).and_then(|recipe| evaluate(&recipe, &this));
    assert_eq!(once, twice, "the same recipe again");
    assert_eq!(once, anew, "the same text again");
    match once {
        Ok(value) => {
            let json = value.to_json();
            // A character of JSON is written with six at most.
            let most = 6 * (LIMITS.bytes + input.len());
            assert!(json.len() <= most, "the value takes {} bytes", json.len());
            assert!(value.depth() <= 128, "the value nests {} levels deep", value.depth());
            let back = Value::from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert_eq!(back.to_json(), json);
        }
        Err(error) => drop(error.render(text)),
    }
});

fn evaluate(recipe: &Recipe, this: &Value) -> Result<Value, Error> {
    let vars = this.as_object().cloned().unwrap_or_default();
    recipe.eval(&Context { this, vars: &vars, facts: &NoFacts, limits: LIMITS })
}
