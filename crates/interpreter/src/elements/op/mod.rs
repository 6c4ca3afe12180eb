//! Elements that make values from values. Nothing is recorded.

pub(super) mod add_list_item;
pub(super) mod concat;
pub(super) mod get;
pub(super) mod merge;
pub(super) mod pick;
pub(super) mod push;
pub(super) mod recipe;
pub(super) mod selector;
pub(super) mod set;
pub(super) mod str_replace;

use ::recipe::Value;
use workflow::Template;

use crate::{effect::Failure, element::Firing};

/// Lays the fields of an option (`values`, `recipes`) over an object; each is evaluated with `this` as given.
fn lay(firing: &Firing<'_>, option: &str, this: &Value, onto: &mut Value) -> Result<(), Failure> {
    let fields: Vec<(String, Value)> = match firing.template(option) {
        None => return Ok(()),
        Some(Template::Object(fields)) => fields
            .iter()
            .map(|(key, template)| Ok((firing.eval(key, this)?.to_text(), firing.eval(template, this)?)))
            .collect::<Result<_, Failure>>()?,
        Some(other) => {
            let value = firing.eval(other, this)?;
            let Some(map) = value.as_object() else { return Ok(()) };
            map.iter().map(|(key, value)| (key.to_string(), value.clone())).collect()
        }
    };
    // An empty path names no field.
    for (path, value) in fields.into_iter().filter(|(path, _)| !path.is_empty()) {
        onto.path_set(&path, value);
    }
    Ok(())
}
