//! CEL. `Value::resolve_val` is its fastest way: the value is borrowed where it can be.

use std::{hint::black_box, sync::Arc};

use cel::{Context, Env, Value, extensions};

use super::Program;
use crate::Failure;

pub(crate) struct Compiled {
    program: cel::Program,
    context: Context<'static, 'static>,
}

pub(crate) fn compile(source: &str, input: &serde_json::Value) -> Result<Compiled, Failure> {
    let mut env = Env::stdlib();
    env.add_extension(extensions::lists).map_err(|error| error.to_string())?;
    let env = Arc::new(env);
    let program = env.compile(source).map_err(|error| error.to_string())?;
    let mut context = Context::with_env(env);
    for name in ["order", "rows"] {
        context.add_variable_from_value(name, cel::to_value(&input[name])?);
    }
    Ok(Compiled { program, context })
}

impl Program for Compiled {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        for _ in 0..times {
            let this = black_box(&*self);
            black_box(Value::resolve_val(this.program.expression(), &this.context)?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        let value = self.program.execute(&self.context)?;
        value.json().map_err(|error| error.to_string().into())
    }
}
