//! The JSON schema of a workflow file, for editors: made of what loading goes by, so that the two cannot differ.

use serde_json::{Map, Value, json};

use crate::{
    Catalog, Declaration, Json, Kind, Opt,
    load::{Described, element_keys, event_keys, file_keys},
};

/// The schema of a workflow whose elements are of these types.
pub fn schema(catalog: &Catalog) -> Value {
    let mut file = object(file_keys());
    let elements = json!({ "type": "array", "items": { "$ref": "#/$defs/element" } });
    let events = json!({ "type": "array", "items": { "$ref": "#/$defs/event" } });
    file["properties"]["elements"] = described("The nodes.", elements);
    file["properties"]["events"] = described("What can start it.", events);
    file["required"] = json!(["elements"]);
    file["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    file["title"] = json!("A workflow of Hefe");
    file["$defs"] = json!({ "element": element(catalog), "event": event(catalog) });
    file
}

fn element(catalog: &Catalog) -> Value {
    let mut element = object(element_keys());
    let names: Vec<&str> = catalog.types.iter().map(|kind| kind.name).collect();
    element["properties"]["name"] = json!({ "type": "string", "description": "Unique in the file." });
    element["properties"]["type"] = json!({ "enum": names, "description": "What it is." });
    element["required"] = json!(["name", "type"]);
    let kinds = catalog.types.iter().map(|kind| {
        json!({
            "if": { "properties": { "type": { "const": kind.name } }, "required": ["type"] },
            "then": { "properties": of_type(kind) },
        })
    });
    element["allOf"] = kinds.collect();
    element
}

fn event(catalog: &Catalog) -> Value {
    let mut event = object(event_keys());
    let kinds: Vec<&str> = catalog.types.iter().filter_map(|kind| kind.name.strip_prefix("event/")).collect();
    event["properties"]["identifier"] =
        json!({ "type": "string", "description": "The event element where the run starts." });
    event["properties"]["type"] = json!({ "enum": kinds, "description": "What starts it." });
    event["required"] = json!(["identifier"]);
    event
}

/// What an element of that type may have.
fn of_type(kind: &Declaration) -> Value {
    let options: Map<String, Value> =
        kind.options.iter().map(|option| (option.name.to_owned(), of_option(option))).collect();
    let ins: Map<String, Value> =
        kind.ins.iter().map(|port| (port.name.to_owned(), json!({ "description": port.doc }))).collect();
    let targets = json!({
        "type": ["object", "array", "null"],
        "additionalProperties": { "type": "array", "items": { "type": "string" } },
    });
    let outs: Map<String, Value> =
        kind.outs.iter().map(|port| (port.name.to_owned(), described(port.doc, targets.clone()))).collect();
    // A type whose ports the file names has others too.
    let other = if kind.outs_from.is_some() { targets } else { json!(false) };
    json!({
        "type": { "description": kind.doc },
        "options": { "type": ["object", "array", "null"], "properties": options },
        "in": { "type": ["object", "array", "null"], "properties": ins, "additionalProperties": false },
        "to": { "type": ["object", "array", "null"], "properties": outs, "additionalProperties": other },
    })
}

fn of_option(option: &Opt) -> Value {
    let mut types: Vec<&str> = option.json.iter().flat_map(|json| types(*json)).copied().collect();
    // null is the same as leaving it out; a string may be an expression.
    types.push("null");
    match option.kind {
        Kind::Literal | Kind::Ignored => {}
        Kind::Recipe => types.extend(["string", "number", "boolean"]),
        Kind::Value => types.extend(["string", "object"]),
    }
    types.sort_unstable();
    types.dedup();
    let takes_all = option.kind == Kind::Ignored || option.json.contains(&Json::Any);
    let mut schema = if takes_all { json!({}) } else { json!({ "type": types }) };
    if !option.never.is_empty() {
        schema["not"] = json!({ "enum": option.never });
    }
    let what = match option.kind {
        Kind::Recipe => "An expression. ",
        Kind::Literal | Kind::Value | Kind::Ignored => "",
    };
    described(&format!("{what}{}", option.doc), schema)
}

fn types(json: Json) -> &'static [&'static str] {
    match json {
        Json::Any => &[],
        Json::Text => &["string"],
        Json::Number => &["number"],
        Json::Bool => &["boolean"],
        Json::List => &["array", "object"],
        // PHP writes an empty object as a list, and the other way round.
        Json::Object => &["object", "array"],
    }
}

/// An object with these keys; others are kept, and are a warning.
fn object(keys: Vec<Described>) -> Value {
    let properties: Map<String, Value> = keys
        .into_iter()
        .map(|Described { key, doc, schema, inside }| {
            let schema = if inside.is_empty() { schema } else { merged(schema, object(inside)) };
            (key.to_owned(), if doc.is_empty() { schema } else { described(doc, schema) })
        })
        .collect();
    json!({ "type": "object", "properties": properties })
}

/// The keys of one with those of the other that it lacks.
fn merged(mut one: Value, other: Value) -> Value {
    if let (Some(one), Value::Object(other)) = (one.as_object_mut(), other) {
        for (key, value) in other {
            one.entry(key).or_insert(value);
        }
    }
    one
}

fn described(doc: &str, mut schema: Value) -> Value {
    schema["description"] = json!(doc);
    schema
}
