//! The elements, a file each. Adding one is that file and one line in [`TYPES`].

mod action;
mod api;
mod cast;
mod event;
mod flow;
mod op;

use std::sync::{Arc, LazyLock};

use workflow::{Catalog, Json, Kind, Opt, Port, Template};

use crate::element::Type;

static TYPES: &[Type] = &[
    event::WEBHOOK,
    event::CRON,
    event::FAILED,
    event::ON_CLICK,
    event::ON_CHANGE,
    flow::r#if::TYPE,
    flow::empty::TYPE,
    flow::switch::TYPE,
    flow::each::TYPE,
    flow::r#while::TYPE,
    flow::r#try::TYPE,
    flow::stop::TYPE,
    flow::wait::TYPE,
    flow::r#await::TYPE,
    op::set::TYPE,
    op::recipe::TYPE,
    op::get::TYPE,
    op::push::TYPE,
    op::concat::TYPE,
    op::merge::TYPE,
    op::add_list_item::TYPE,
    op::str_replace::TYPE,
    op::selector::TYPE,
    op::pick::TYPE,
    action::run::TYPE,
    action::log::TYPE,
    action::notify::TYPE,
    action::response::TYPE,
    action::redirect::TYPE,
    action::set::TYPE,
    action::refresh::TYPE,
    action::view_file::TYPE,
    action::download_file::TYPE,
    action::validate::TYPE,
    action::modal::TYPE,
    api::http::TYPE,
    cast::progress::TYPE,
    cast::event::TYPE,
];

/// Every element type, for loading.
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> =
        LazyLock::new(|| Catalog { types: TYPES.iter().map(|kind| kind.declaration).collect() });
    &CATALOG
}

/// Whether a workflow awaits what it started without naming runs: only then is that kept.
pub(crate) fn awaits_children(graph: &workflow::Graph) -> bool {
    graph.elements.iter().any(|element| {
        let of_type = TYPES[element.kind].declaration.name == flow::r#await::TYPE.declaration.name;
        of_type && element.options.get("runs").is_none() && element.options.get("signal").is_none()
    })
}

/// The one signal by a literal name that the file waits for, if it waits for exactly one.
pub(crate) fn only_signal(graph: &workflow::Graph) -> Option<&str> {
    let mut names = asking(graph).filter_map(|element| element.options.get("signal")?.literal()?.as_str());
    let first = names.next()?;
    names.all(|other| other == first).then_some(first)
}

/// The answers that a file offers to people who bring that signal: of the flow/await that names it, else of one whose name
/// is only known as it fires.
pub fn answers_of(graph: &workflow::Graph, signal: &str) -> Option<Vec<Arc<str>>> {
    let literal =
        |element: &workflow::Element| element.options.get("signal").and_then(Template::literal).cloned();
    let of = |element: &workflow::Element| {
        let list = element.options.get("answers")?.literal()?.as_list()?.clone();
        Some(list.iter().map(|answer| answer.to_text().into()).collect::<Vec<_>>())
    };
    let named =
        asking(graph).find(|element| literal(element).is_some_and(|name| name.as_str() == Some(signal)));
    let found = named.or_else(|| asking(graph).find(|element| literal(element).is_none()))?;
    Some(of(found).filter(|answers| !answers.is_empty()).unwrap_or_default())
}

/// Elements that wait for a signal.
fn asking(graph: &workflow::Graph) -> impl Iterator<Item = &workflow::Element> {
    graph.elements.iter().filter(|element| {
        TYPES[element.kind].declaration.name == flow::r#await::TYPE.declaration.name
            && element.options.get("signal").is_some()
    })
}

/// The type of that index in the catalog.
pub(crate) fn kind(index: usize) -> &'static Type {
    &TYPES[index]
}

/// The usual input port.
const INPUT: Port = Port { name: "default", doc: "The input." };

/// The only input port of most types.
const IN: &[Port] = &[INPUT];

/// The usual output port.
const OUT: &[Port] = &[Port { name: "default", doc: "The input, passed on." }];

/// An option that may be any JSON.
const fn value(name: &'static str, doc: &'static str) -> Opt {
    Opt { name, kind: Kind::Value, json: &[Json::Any], never: &[], doc }
}

/// An option that is an expression.
const fn recipe(name: &'static str, doc: &'static str) -> Opt {
    Opt { name, kind: Kind::Recipe, json: &[Json::Text], never: &[], doc }
}

/// An option that is taken as it stands.
const fn literal(name: &'static str, json: &'static [Json], doc: &'static str) -> Opt {
    Opt { name, kind: Kind::Literal, json, never: &[], doc }
}

/// An object of values, by field.
const fn values(name: &'static str, doc: &'static str) -> Opt {
    Opt { name, kind: Kind::Value, json: &[Json::Object], never: &[], doc }
}

/// An object of expressions, by field.
const fn recipes(name: &'static str, doc: &'static str) -> Opt {
    Opt { name, kind: Kind::Recipe, json: &[Json::Object], never: &[], doc }
}

/// An option that editors or Brezel know, without effect here.
const fn ignored(name: &'static str) -> Opt {
    Opt { name, kind: Kind::Ignored, json: &[Json::Any], never: &[], doc: "Kept, without effect here." }
}
