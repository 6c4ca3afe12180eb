//! minijinja's expressions.

use std::hint::black_box;

use minijinja::{Environment, Expression, Value};

use super::Program;
use crate::Failure;

pub(crate) struct Compiled<'a> {
    expression: Expression<'a, 'a>,
    context: Value,
}

pub(crate) fn compile<'a>(
    environment: &'a Environment<'a>,
    source: &'a str,
    context: &Value,
) -> Result<Compiled<'a>, Failure> {
    Ok(Compiled { expression: environment.compile_expression(source)?, context: context.clone() })
}

impl Program for Compiled<'_> {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        for _ in 0..times {
            let this = black_box(&*self);
            black_box(this.expression.eval(this.context.clone())?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::to_value(self.expression.eval(self.context.clone())?)?)
    }
}
