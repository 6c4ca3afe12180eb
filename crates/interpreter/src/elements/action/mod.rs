//! Elements that act: on runs, on people, on the browser that asked.

pub(super) mod download_file;
pub(super) mod log;
pub(super) mod modal;
pub(super) mod notify;
pub(super) mod redirect;
pub(super) mod refresh;
pub(super) mod response;
pub(super) mod run;
pub(super) mod set;
pub(super) mod validate;
pub(super) mod view_file;

use recipe::{Map, Value};

use crate::{
    effect::Failure,
    element::{Firing, Step, port},
};

/// An effect for the browser: `type` and what else is not null.
fn page(kind: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut map = Map::new();
    map.insert("type", Value::from(kind));
    for (key, value) in fields {
        if !value.is_null() {
            map.insert(key, value);
        }
    }
    Value::Object(map)
}

/// {type, file: {id, name, url}}, from the option or the input; passes the input on.
fn file(firing: &mut Firing<'_>, kind: &str) -> Result<Step, Failure> {
    let input = firing.input();
    let file = if firing.given("file") { firing.value("file")? } else { input.clone() };
    let part = |name: &'static str| (name, file.get(name).cloned().unwrap_or_default());
    let shown: Map =
        [part("id"), part("name"), part("url")].into_iter().filter(|(_, value)| !value.is_null()).collect();
    firing.left.page.push(page(kind, [("file", Value::Object(shown))]));
    Ok(Step::Emit(port("default", input)))
}
