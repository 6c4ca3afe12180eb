//! action/set

use recipe::{Map, Value};
use workflow::{Class, Declaration, Json, Template};

use super::page;
use crate::{
    effect::Failure,
    element::{Firing, Step, Type, port},
    elements::{IN, OUT, literal, recipes, value, values},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/set",
        doc: "Sets fields of the form in the browser that asked.",
        class: Class::Pure,
        options: &[
            recipes("recipes", "Path to expression."),
            values("properties", "Path to value."),
            value("copy", "An object whose fields are set."),
            literal("add", &[Json::Any], "Add to lists instead of replacing them."),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let input = firing.input();
        let mut values = Map::new();
        if let Some(copy) = firing.value("copy")?.as_object() {
            values.extend(copy.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        fields(firing, "properties", &mut values)?;
        fields(firing, "recipes", &mut values)?;
        let effect = page("set", [("values", Value::Object(values)), ("add", firing.value("add")?)]);
        firing.left.page.push(effect);
        Ok(Step::Emit(port("default", input)))
    },
);

/// Paths are names here: the browser takes them apart.
fn fields(firing: &Firing<'_>, option: &str, into: &mut Map) -> Result<(), Failure> {
    let Some(Template::Object(list)) = firing.template(option) else {
        if let Some(map) = firing.value(option)?.as_object() {
            into.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        return Ok(());
    };
    let this = firing.input();
    for (path, template) in list {
        into.insert(firing.eval(path, &this)?.to_text(), firing.eval(template, &this)?);
    }
    Ok(())
}
