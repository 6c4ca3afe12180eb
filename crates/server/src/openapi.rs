//! GET /openapi.json: the table of routes as OpenAPI 3.1, with the schemas of the very structs that are sent.

use std::sync::LazyLock;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    answer::Refused,
    route::{Gives, Kind, Of, Route, Takes, Who, of},
    routes,
};

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The document as it is sent.
#[derive(Serialize)]
pub(crate) struct Served<'a> {
    servers: [Server<'a>; 1],
    #[serde(flatten)]
    document: &'static Value,
}

#[derive(Serialize)]
struct Server<'a> {
    url: &'a str,
}

/// The document of a server whose paths all stand under `base`.
pub(crate) fn served(base: &str) -> Served<'_> {
    Served { servers: [Server { url: if base.is_empty() { "/" } else { base } }], document: &DOCUMENT }
}

/// Schemas of what is sent stand once, under `components`; those of what is taken stand where they are taken: a field
/// that is left out there may be required here.
struct Schemas {
    sent: SchemaGenerator,
    taken: SchemaGenerator,
}

fn document() -> Value {
    let sent = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let taken = SchemaSettings::draft2020_12().for_deserialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schemas = Schemas { sent: sent.into_generator(), taken: taken.into_generator() };
    let mut paths = Map::new();
    let mut pages = Vec::new();
    for (group, table) in routes::GROUPS {
        for route in *table {
            if route.is_page() {
                pages.push(
                    json!({ "method": route.verb.word(), "path": route.path, "who": route.who.words() }),
                );
                continue;
            }
            let of = paths.entry(route.path).or_insert_with(|| json!({ "parameters": in_path(route) }));
            of[route.verb.word()] = operation(group, route, &mut schemas);
        }
    }
    let tags: Vec<Value> = routes::GROUPS.iter().map(|(name, _)| json!({ "name": name })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hefe", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "MIT", "identifier": "MIT" },
            "description": "Workflows and background work. Every refusal has the form of `Refused` and says what to do."
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.sent.take_definitions(true),
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
                "bearer": { "type": "http", "scheme": "bearer", "description": "a key, or a token of the issuer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "hefe_session", "description": "a browser that signed in at /ui" }
            }
        },
        "x-hefe-pages": pages
    })
}

fn in_path(route: &Route) -> Vec<Value> {
    names(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        .collect()
}

/// The parts of a path that have names.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn operation(group: &str, route: &Route, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "tags": [group],
        "summary": route.does,
        "operationId": id(route),
        "security": security(route.who),
        "x-hefe-who": route.who.words(),
        "parameters": parameters(route, schemas),
        "responses": responses(route, schemas)
    });
    if let Some(body) = body(route, schemas) {
        operation["requestBody"] = body;
    }
    operation
}

/// `post_runs_run_cancel`
fn id(route: &Route) -> String {
    let parts = route.path.split('/').filter(|part| !part.is_empty() && *part != "{system}");
    let words = parts.map(|part| part.trim_matches(['{', '}']).replace(['.', '-'], "_"));
    std::iter::once(route.verb.word().to_owned()).chain(words).collect::<Vec<_>>().join("_")
        + if route.path.starts_with("/{system}") { "" } else { "_of_all" }
}

fn security(who: Who) -> Value {
    match who {
        Who::World | Who::Anyone => json!([]),
        Who::OfEvent => json!([{ "key": [] }, { "bearer": [] }, { "session": [] }, {}]),
        _ => json!([{ "key": [] }, { "bearer": [] }, { "session": [] }]),
    }
}

fn parameters(route: &Route, schemas: &mut Schemas) -> Vec<Value> {
    let mut all = route.query.map(|of| fields(of, &mut schemas.taken)).unwrap_or_default();
    if route.once {
        all.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key and body are done once; the answer is kept for 24 h.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }
        }));
    }
    all
}

fn fields(of: Of, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let schema = of(schemas).to_value();
    let known = schema["properties"].as_object().cloned().unwrap_or_default();
    let named = known.into_iter().map(|(name, mut schema)| {
        let words = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        // What is left out of an address is null; nothing that stands there is.
        if schema["type"].is_array() {
            schema["type"] = json!("string");
        }
        json!({ "name": name, "in": "query", "required": false, "description": words.unwrap_or(json!("")), "schema": schema })
    });
    named.collect()
}

fn body(route: &Route, schemas: &mut Schemas) -> Option<Value> {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let (kinds, of): (&[&str], Option<Of>) = match route.takes {
        Takes::Nothing => return None,
        Takes::Any => (&[JSON], None),
        Takes::Json(of) => (&[JSON], Some(of)),
        Takes::Form(of) => (&[FORM], Some(of)),
        Takes::Either(of) => (&[FORM, JSON], Some(of)),
    };
    let schema = of.map_or_else(|| json!({}), |of| of(&mut schemas.taken).to_value());
    let content = kinds.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema })));
    Some(json!({ "required": of.is_some(), "content": content.collect::<Map<_, _>>() }))
}

fn responses(route: &Route, schemas: &mut Schemas) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for Gives(status, kind) in route.gives {
        let (name, answer) = match kind {
            Kind::Own => ("default".to_owned(), json_of(json!({}), "whatever the workflow answers")),
            Kind::Any => (status.to_string(), json_of(json!({}), "what the workflow answers")),
            Kind::Json(of) => {
                (status.to_string(), json_of(of(&mut schemas.sent).to_value(), reason(*status)))
            }
            Kind::Text(of) => (
                status.to_string(),
                json!({ "description": reason(*status), "content": { *of: { "schema": { "type": "string" } } } }),
            ),
            Kind::Socket => (status.to_string(), json!({ "description": "a WebSocket from then on" })),
            Kind::Moved => (status.to_string(), json!({ "description": "see `location`" })),
        };
        all.insert(name, answer);
    }
    let refused = of::<Refused>(&mut schemas.sent);
    for status in route.refusals() {
        let answer = all
            .entry(status.to_string())
            .or_insert_with(|| json!({ "description": reason(status), "content": {} }));
        let schema = &mut answer["content"]["application/json"]["schema"];
        // A status may stand for a refusal and for what a workflow came to.
        *schema = match schema.take() {
            Value::Null => refused.as_value().clone(),
            other => json!({ "anyOf": [other, refused] }),
        };
    }
    Value::Object(all)
}

fn json_of(schema: Value, words: &str) -> Value {
    json!({ "description": words, "content": { "application/json": { "schema": schema } } })
}

fn reason(status: u16) -> &'static str {
    let known = axum::http::StatusCode::from_u16(status).ok();
    known.and_then(|status| status.canonical_reason()).unwrap_or("an answer")
}
