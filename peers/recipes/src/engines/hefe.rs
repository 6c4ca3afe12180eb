//! Recipes.

use std::hint::black_box;

use recipe::{Context, Limits, Map, NoFacts, Recipe, Value};

use super::Program;
use crate::Failure;

pub(crate) struct Compiled {
    recipe: Recipe,
    vars: Map,
}

/// The variables as recipes have them.
pub(crate) fn variables(input: &serde_json::Value) -> Map {
    Value::from(input.clone()).as_object().cloned().unwrap_or_default()
}

pub(crate) fn compile(source: &str, vars: &Map) -> Result<Compiled, Failure> {
    let recipe = Recipe::parse(source).map_err(|error| error.render(source))?;
    Ok(Compiled { recipe, vars: vars.clone() })
}

impl Compiled {
    fn eval(&self) -> Result<Value, Failure> {
        let context =
            Context { this: &Value::Null, vars: &self.vars, facts: &NoFacts, limits: Limits::default() };
        Ok(self.recipe.eval(&context)?)
    }
}

impl Program for Compiled {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        for _ in 0..times {
            black_box(black_box(&*self).eval()?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::Value::from(&self.eval()?))
    }
}
