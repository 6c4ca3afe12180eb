//! A handful of element types that only these tests know.

use workflow::{Catalog, Class, Declaration, Json, Kind, Opt, Port};

const fn option(name: &'static str, kind: Kind, json: &'static [Json], doc: &'static str) -> Opt {
    Opt { name, kind, json, never: &[], doc }
}

const fn port(name: &'static str) -> Port {
    Port { name, doc: "A port." }
}

const PLAIN: Declaration = Declaration {
    name: "",
    doc: "For tests.",
    class: Class::Pure,
    options: &[],
    ins: &[port("default")],
    outs: &[port("default")],
    outs_from: None,
    examples: &[],
};

const OPTIONS: &[Opt] = &[
    option("value", Kind::Value, &[Json::Any], "Anything."),
    option("title", Kind::Value, &[Json::Any], "For people."),
    option("url", Kind::Value, &[Json::Any], "An address."),
    option("condition", Kind::Recipe, &[Json::Text], "An expression."),
    option("values", Kind::Value, &[Json::Object], "Field to value."),
    option("recipes", Kind::Recipe, &[Json::Object], "Field to expression."),
    option("count", Kind::Literal, &[Json::Number], "How many."),
    option("flag", Kind::Literal, &[Json::Bool], "Whether."),
    option("mode", Kind::Literal, &[Json::Text, Json::Number], "How."),
    option("list", Kind::Literal, &[Json::List], "Which."),
    option("schema", Kind::Literal, &[Json::Object], "Field to type."),
    option("workflow", Kind::Value, &[Json::Any], "The workflow's identifier."),
    option("debug", Kind::Ignored, &[Json::Any], "Without effect."),
];

static TYPES: &[Declaration] = &[
    Declaration {
        name: "event/webhook",
        options: &[option("public", Kind::Literal, &[Json::Bool], "Needs no sign-in.")],
        outs: &[port("default"), port("request")],
        ..PLAIN
    },
    Declaration { name: "event/cron", ..PLAIN },
    Declaration { name: "event/failed", ..PLAIN },
    Declaration { name: "test/plain", options: OPTIONS, outs: &[port("default"), port("error")], ..PLAIN },
    Declaration {
        name: "test/join",
        options: OPTIONS,
        ins: &[port("default"), port("left"), port("right")],
        ..PLAIN
    },
    Declaration {
        name: "test/switch",
        options: &[option("cases", Kind::Literal, &[Json::List], "[{value, port}]")],
        outs_from: Some("cases"),
        ..PLAIN
    },
];

pub(crate) fn catalog() -> Catalog {
    Catalog { types: TYPES.iter().collect() }
}
