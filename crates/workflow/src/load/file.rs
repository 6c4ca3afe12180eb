//! The file's own keys: identity, elements, events, where it starts.

use std::{ops::Range, sync::Arc};

use recipe::{Map, Value};

use super::{Names, Source, element, help_or, schedule, shape, stem, words};
use crate::{
    Catalog, Element, Event, Graph, Template,
    json::{Kind, Node},
    template::Compiler,
};

pub(super) const KEYS: &[&str] = &[
    "identifier",
    "title",
    "description",
    "async",
    "queue",
    "debug",
    "entry",
    "elements",
    "events",
    "comments",
    "meta",
    "job",
];

pub(super) const EVENT_KEYS: &[&str] = &[
    "identifier",
    "type",
    "expression",
    "timezone",
    "catchup",
    "overlap",
    "workflow",
    "module",
    "public",
    "roles",
    "async",
    "title",
    "show_in_button_bar",
    "comments",
    "meta",
];

const OF_FAILED: &[shape::Rule] =
    &[("workflow", shape::Shape::Text, "name one whose failures are meant, or leave it out for all")];

/// What a file mentions that other files must have.
#[derive(Default)]
pub(super) struct Mentions {
    pub(super) identifier: Range<usize>,
    /// Workflow, element that names it, place.
    pub(super) workflows: Vec<(Arc<str>, Arc<str>, Range<usize>)>,
}

pub(super) fn read(source: &mut Source<'_>, catalog: &Catalog) -> (Graph, Mentions) {
    let root = source.root.clone();
    unknown_keys(source, &root, None, KEYS, "a workflow has no key");
    shape::check(source, &root, None, shape::OF_FILE);
    let text = |key: &str| root.get(key).and_then(Node::text).filter(|text| !text.is_empty());
    let identifier: Arc<str> = text("identifier").map_or_else(|| stem(&source.path), Into::into);
    let mut mentions = Mentions {
        identifier: root.get("identifier").map_or(0..0, |node| node.span.clone()),
        ..Mentions::default()
    };

    let nodes = root.get("elements").map(Node::items).unwrap_or_default();
    let names = names(source, nodes);
    let mut elements = Vec::new();
    for node in nodes {
        if let Some(element) = element::read(source, catalog, &names, node, &mut mentions) {
            elements.push(element);
        }
    }
    let complete = elements.len() == nodes.len();
    let events = events(source, catalog, &root, &names, &mut mentions);
    let entry = if complete { entry(source, &root, &names, &elements, &events) } else { None };
    let process = element::processes(catalog, &elements);
    let job = root.get("job");
    let unique = key(source, job, "unique");
    let concurrency = key(source, job, "concurrency");
    let graph = Graph {
        unique,
        concurrency,
        title: text("title").map_or_else(|| identifier.clone(), Into::into),
        description: text("description").unwrap_or_default().into(),
        path: source.path.clone(),
        is_async: flag(&root, "async").unwrap_or(false),
        queue: text("queue").map(Into::into),
        entry,
        events,
        private: element::private(catalog, &elements, process.as_ref().unwrap_or(&identifier)),
        process,
        elements,
        settings: job.map(Node::value).unwrap_or_default(),
        identifier,
    };
    (graph, mentions)
}

/// The key of one of `job`'s limits, an expression.
fn key(source: &mut Source<'_>, job: Option<&Node>, limit: &str) -> Option<Template> {
    let whole = job?.get(limit)?;
    let Some(node) = whole.get("key") else {
        if !whole.is_blank() {
            let says = format!("`job.{limit}` has no `key`, and nothing is limited without one");
            source.warn(
                "HF010",
                whole.span.clone(),
                None,
                says,
                "write {\"key\": \"$order.id\"}, or remove it",
            );
        }
        return None;
    };
    let compiler = Compiler { file: source.text, ports: &[] };
    compiler
        .recipe(node)
        .map_err(|(span, error)| {
            let help = error.help.clone().unwrap_or_else(|| "mend the expression at this place".to_owned());
            source.error("HF005", span, None, error.says, &help);
        })
        .ok()
}

/// PHP writes true as 1 as well.
pub(super) fn flag(node: &Node, key: &str) -> Option<bool> {
    node.get(key).map(|node| node.value().truthy())
}

pub(super) fn unknown_keys(
    source: &mut Source<'_>,
    node: &Node,
    element: Option<&Arc<str>>,
    known: &[&str],
    says: &str,
) {
    for (key, _) in node.fields() {
        if !known.contains(&key.text.as_str()) {
            let nearest = words::nearest(&key.text, known.iter().copied());
            let help = help_or(nearest, "remove it; it is kept, and has no effect");
            source.warn("HF010", key.span.clone(), element, format!("{says} `{}`", key.text), &help);
        }
    }
}

fn names(source: &mut Source<'_>, nodes: &[Node]) -> Names {
    let mut names = Names::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(name) = node.get("name") else { continue };
        let Some(text) = name.text() else { continue };
        if let Some(first) = names.insert(text.into(), index as u32) {
            let says = format!("two elements have the name `{text}`");
            let line = source.place(nodes[first as usize].span.clone()).line;
            let help = format!("give each its own; the first begins in line {line}");
            source.error("HF003", name.span.clone(), Some(&text.into()), says, &help);
        }
    }
    names
}

/// An event's own keys win over the same option of its element.
fn events(
    source: &mut Source<'_>,
    catalog: &Catalog,
    root: &Node,
    names: &Names,
    mentions: &mut Mentions,
) -> Vec<Event> {
    let mut events = Vec::new();
    for node in root.get("events").map(Node::items).unwrap_or_default() {
        let Some(identifier) = node.get("identifier").and_then(Node::text) else {
            source.error(
                "HF007",
                node.span.clone(),
                None,
                "an event has no `identifier`".into(),
                "name the event element where the run starts",
            );
            continue;
        };
        let Some(&index) = names.get(identifier) else {
            let span = node.get("identifier").map_or(node.span.clone(), |node| node.span.clone());
            let says = format!("the event `{identifier}` has no element of that name");
            let help = help_or(
                words::nearest(identifier, names.keys().map(|name| &**name)),
                "add an element `event/TYPE` with that name",
            );
            source.error("HF007", span, None, says, &help);
            continue;
        };
        let element = root.get("elements").and_then(|list| list.items().get(index as usize));
        let of_element = element.and_then(|element| element.get("type")?.text()).unwrap_or_default();
        known_event(source, catalog, node, of_element);
        let kind = node.said("type").or_else(|| of_element.strip_prefix("event/")).unwrap_or_default();
        let options = element.and_then(|element| element.get("options"));
        if kind == "failed" {
            failed(source, root, node, options, mentions);
        }
        let schedule = (kind == "cron").then(|| schedule::read(source, node, options)).flatten();
        events.push(Event { schedule, ..event(node, options, index, identifier, kind) });
    }
    events
}

/// Whose failures start it: a workflow that is there, and another one.
fn failed(
    source: &mut Source<'_>,
    root: &Node,
    event: &Node,
    options: Option<&Node>,
    mentions: &mut Mentions,
) {
    shape::check(source, event, None, OF_FAILED);
    let of_event = event.get("workflow").filter(|node| !node.is_null());
    let Some(named) = of_event.or_else(|| options?.get("workflow")) else { return };
    let Some(workflow) = named.text().filter(|text| !text.is_empty()) else { return };
    if root.said("identifier").map_or_else(|| stem(&source.path), Into::into) == workflow.into() {
        let says = format!("`{workflow}` is not started by its own failures, and no others are meant");
        source.warn(
            "HF017",
            named.span.clone(),
            None,
            says,
            "name another workflow, or leave it out for all",
        );
    } else if of_event.is_some() {
        let element = event.said("identifier").unwrap_or_default().into();
        mentions.workflows.push((workflow.into(), element, named.span.clone()));
    }
}

/// A type that the catalog has no element for starts nothing.
fn known_event(source: &mut Source<'_>, catalog: &Catalog, node: &Node, of_element: &str) {
    let declared = catalog.find(of_element).map(|kind| catalog.types[kind]);
    let options = declared.into_iter().flat_map(|declared| declared.options.iter().map(|option| option.name));
    let keys: Vec<&str> = EVENT_KEYS.iter().copied().chain(options).collect();
    unknown_keys(source, node, None, &keys, "an event has no key");
    let types = || catalog.types.iter().filter_map(|declared| declared.name.strip_prefix("event/"));
    match node.said("type") {
        Some(kind) if !types().any(|known| known == kind) => {
            let span = node.get("type").map_or(node.span.clone(), |node| node.span.clone());
            let help = help_or(words::nearest(kind, types()), "look at the list of events for what there is");
            source.error("HF007", span, None, format!("there is no event type `{kind}`"), &help);
        }
        None if declared.is_some() && !of_element.starts_with("event/") => source.error(
            "HF007",
            node.span.clone(),
            None,
            "an event has no `type`".into(),
            "say what starts it: webhook, cron, or another",
        ),
        _ => {}
    }
}

fn event(node: &Node, options: Option<&Node>, element: u32, identifier: &str, kind: &str) -> Event {
    let given = options.map(Node::fields).unwrap_or_default().iter().chain(node.fields());
    let mut merged = Map::new();
    for (key, value) in given.filter(|(_, value)| !value.is_null()) {
        merged.insert(key.text.as_str(), value.value());
    }
    let roles = merged.get("roles").and_then(Value::as_list).cloned().unwrap_or_default();
    let text =
        |key: &str| merged.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Into::into);
    Event {
        identifier: identifier.into(),
        kind: kind.into(),
        element,
        public: merged.get("public").is_some_and(Value::truthy),
        roles: roles.iter().filter_map(|role| role.as_str().map(Into::into)).collect(),
        is_async: merged.get("async").map(Value::truthy),
        module: text("module"),
        workflow: text("workflow"),
        schedule: None,
        options: Value::Object(merged),
    }
}

/// The element that starts it when no event does: the named one, else the only one without an incoming edge.
fn entry(
    source: &mut Source<'_>,
    root: &Node,
    names: &Names,
    elements: &[Element],
    events: &[Event],
) -> Option<u32> {
    if let Some(node) = root.get("entry") {
        let found = node.text().and_then(|name| names.get(name).copied());
        if found.is_none() {
            let written = node.text().unwrap_or_default();
            let help = help_or(
                words::nearest(written, names.keys().map(|name| &**name)),
                "name an element of this file",
            );
            source.error(
                "HF006",
                node.span.clone(),
                None,
                format!("`entry` names no element: `{written}`"),
                &help,
            );
        }
        return found;
    }
    let mut reached = vec![false; elements.len()];
    for target in elements.iter().flat_map(|element| element.outs.iter().flatten()) {
        if let Some(at) = reached.get_mut(target.element as usize) {
            *at = true;
        }
    }
    let starts: Vec<u32> = (0..elements.len() as u32).filter(|index| !reached[*index as usize]).collect();
    match (starts.as_slice(), events) {
        ([one], _) => Some(*one),
        (_, [event, ..]) => Some(event.element),
        ([first, second, ..], []) => {
            let (more, names) =
                (starts.len(), [*first, *second].map(|at| elements[at as usize].name.clone()));
            let says = format!(
                "nothing says where this workflow starts: nothing leads to `{}`, nor to `{}`",
                names[0], names[1]
            );
            let says = if more > 2 { format!("{says}, nor to {} more", more - 2) } else { says };
            // The first is where most begin: what is lost is the other.
            let node = root.get("elements").and_then(|list| list.items().get(*second as usize));
            let span = node
                .map_or(0..1, |node| node.get("name").map_or(node.span.clone(), |name| name.span.clone()));
            source.error(
                "HF006",
                span,
                Some(&names[1]),
                says,
                "add the edge that is missing, name the start with `entry`, or add an event",
            );
            None
        }
        ([], []) => {
            let says = match elements.is_empty() {
                true => "this workflow has no elements",
                false => {
                    "nothing starts this workflow: every element has an incoming edge, and there is no event"
                }
            };
            let span = root.get("elements").map_or(0..1, |node| node.span.start..node.span.start + 1);
            source.error("HF006", span, None, says.into(), "name one with `entry`, or add an event");
            None
        }
    }
}

impl Node {
    /// A text, or nothing for null, a key left out and the empty text.
    pub(super) fn said(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text).filter(|text| !text.is_empty())
    }

    /// Whether it is a list without items or an object without fields: PHP writes one for the other.
    pub(super) fn is_blank(&self) -> bool {
        match &self.kind {
            Kind::List(items) => items.is_empty(),
            Kind::Object(fields) => fields.is_empty(),
            Kind::Plain(value) => value.is_null(),
            Kind::Text(_) => false,
        }
    }
}
