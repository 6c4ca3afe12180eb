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
    fn context(&self) -> Context<'_> {
        Context { this: &Value::Null, vars: &self.vars, facts: &NoFacts, limits: Limits::default() }
    }
}

impl Program for Compiled {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        let context = self.context();
        for _ in 0..times {
            black_box(self.recipe.eval(black_box(&context))?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::Value::from(&self.recipe.eval(&self.context())?))
    }
}
