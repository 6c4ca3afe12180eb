//! The schema takes what loading takes: every example and every good example of a rule fits it, and a bad type does not.

use std::path::PathBuf;

use serde_json::{Value, json};

/// What of `value` does not fit: as much of JSON schema as `hefe schema` uses.
fn wrong(schema: &Value, value: &Value, root: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name}"));
        return wrong(target, value, root, at, found);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |name: &Value| name == kind || name == "number" && kind == "integer";
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    if !fits {
        found.push(format!("{at}: {kind} is none of {}", schema["type"]));
    }
    if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
        found.push(format!("{at}: {value} is none of {}", json!(known)));
    }
    if let Some(not) = schema.get("not") {
        let mut inside = Vec::new();
        wrong(not, value, root, at, &mut inside);
        if inside.is_empty() {
            found.push(format!("{at}: {value} must not be there"));
        }
    }
    for (key, field) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(inner), _) => wrong(inner, field, root, &format!("{at}.{key}"), found),
            (None, Value::Bool(false)) => found.push(format!("{at}: no key `{key}`")),
            (None, other) => wrong(other, field, root, &format!("{at}.{key}"), found),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema.get("items").is_some()) {
        wrong(&schema["items"], item, root, &format!("{at}[]"), found);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let mut apart = Vec::new();
        let of = |kind: &Value| value["type"] == kind["properties"]["type"]["const"];
        if of(&part["if"]) {
            wrong(&part["then"], value, root, at, &mut apart);
        }
        found.append(&mut apart);
    }
}

fn misfits(file: &Value) -> Vec<String> {
    let schema = workflow::schema(interpreter::catalog());
    let mut found = Vec::new();
    wrong(&schema, file, &schema, "file", &mut found);
    found
}

#[test]
fn what_loads_fits_the_schema() {
    let mut files: Vec<Value> = Vec::new();
    let mut open = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"))];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.to_str().unwrap().ends_with(".workflow.json") {
            files.push(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap());
        }
    }
    files.extend(
        check::rules().iter().flat_map(|rule| rule.good).map(|text| serde_json::from_str(text).unwrap()),
    );
    assert!(files.len() > 40, "{}", files.len());
    for file in files {
        assert_eq!(misfits(&file), [""; 0], "{file}");
    }
}

#[test]
fn what_does_not_load_does_not_fit_it() {
    let of = |elements: Value| misfits(&json!({ "elements": elements }));
    let log = |options: Value| of(json!([{ "name": "say", "type": "action/log", "options": options }]));
    assert_eq!(log(json!({ "level": "info", "active": true })), [""; 0]);
    assert_eq!(log(json!({ "level": 3 })).len(), 1);
    assert_eq!(of(json!([{ "name": "say", "type": "action/lgo" }])).len(), 1);
    assert_eq!(of(json!([{ "type": "action/log" }])).len(), 1);
    assert_eq!(
        of(json!([{ "name": "a", "type": "flow/if", "to": { "then": { "a": ["default"] } } }])).len(),
        1
    );
    let switch = json!([{ "name": "a", "type": "flow/switch", "to": { "mine": { "a": ["default"] } } }]);
    assert_eq!(of(switch), [""; 0]);
    assert_eq!(misfits(&json!({ "elements": [], "job": { "attempts": 0.5 } })).len(), 1);
    assert_eq!(misfits(&json!({ "elements": [], "job": { "unique": { "then": "stop" } } })).len(), 1);
    let event = json!([{ "name": "tell", "type": "cast/event", "options": { "event": "run" } }]);
    assert_eq!(of(event).len(), 1);
}
