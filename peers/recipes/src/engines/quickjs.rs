//! QuickJS: a function compiled to bytecode once and called with values that live in its heap. All is measured inside
//! one `Context::with`, so that no call pays for entering it.

use std::hint::black_box;

use rquickjs::{Ctx, Function, Value};

use super::Program;
use crate::Failure;

pub(crate) struct Compiled<'js> {
    js: Ctx<'js>,
    function: Function<'js>,
    order: Value<'js>,
    rows: Value<'js>,
}

pub(crate) fn compile<'js>(
    js: &Ctx<'js>,
    source: &str,
    input: &Value<'js>,
) -> Result<Compiled<'js>, Failure> {
    let function = js.eval(format!("(function (order, rows) {{ 'use strict'; {source} }})"))?;
    let object = input.as_object().ok_or("the input is no object")?;
    Ok(Compiled { js: js.clone(), function, order: object.get("order")?, rows: object.get("rows")? })
}

impl Program for Compiled<'_> {
    fn run(&mut self, times: u64) -> Result<(), Failure> {
        for _ in 0..times {
            let input = black_box((self.order.clone(), self.rows.clone()));
            black_box(self.function.call::<_, Value<'_>>(input)?);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<serde_json::Value, Failure> {
        let value: Value<'_> = self.function.call((self.order.clone(), self.rows.clone()))?;
        let text = self.js.json_stringify(value)?.ok_or("the value is no JSON")?;
        Ok(serde_json::from_str(&text.to_string()?)?)
    }
}
