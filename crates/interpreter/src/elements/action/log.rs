//! action/log

use recipe::{List, Map, Value};
use workflow::{Class, Declaration, Json};

use crate::{
    effect::Live,
    element::{Step, Type, port},
    elements::{IN, OUT, literal, value},
};

/// What of the input is logged where there is no message, bytes.
const INPUT_BYTES_MAX: usize = 10_000;

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/log",
        doc: "Writes one structured log line, and one on the run's page. Passes its input on.",
        class: Class::Live,
        options: &[
            literal("level", &[Json::Text], "debug, info (default), warning, error."),
            value("message", "What is logged; the input, cut to 10 kB, if left out."),
            value("data", "Whatever else belongs to it."),
            literal("active", &[Json::Bool], "false: nothing is logged."),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let input = firing.input();
        if firing.value("active")? == Value::Bool(false) {
            return Ok(Step::Emit(port("default", input)));
        }
        let level = firing.value("level")?;
        let message = match firing.value("message")? {
            Value::Null => {
                let shown = without_passwords(&input);
                Value::from(cut(shown.to_json())).tainted_with(shown.taint())
            }
            given => given.as_text(),
        };
        let data = without_passwords(&firing.value("data")?);
        let level = level.as_str().unwrap_or("info").into();
        firing.left.live.push(Live::Log { level, message, data });
        Ok(Step::Emit(port("default", input)))
    },
);

fn cut(mut text: String) -> String {
    if text.len() > INPUT_BYTES_MAX {
        let mut at = INPUT_BYTES_MAX;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
        text.push('…');
    }
    text
}

fn without_passwords(value: &Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.iter().map(without_passwords).collect::<List>()),
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(key, _)| !key.to_lowercase().contains("password"))
                .map(|(key, value)| (key.clone(), without_passwords(value)))
                .collect::<Map>(),
        ),
        other => other.clone(),
    }
}
