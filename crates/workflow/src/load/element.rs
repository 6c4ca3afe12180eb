//! One element: its type, options, ports, bindings and edges.

use std::sync::Arc;

use recipe::{List, Map, Value};
use smallvec::SmallVec;

use super::{Names, Source, file::Mentions, file::unknown_keys, help_or, shape, words};
use crate::{
    Binding, Catalog, Declaration, Element, Json, Kind, Opt, Options, Source as Port, Target, Template,
    json::{self, Node},
    template::{Compiler, Wrong},
};

pub(super) const KEYS: &[&str] =
    &["name", "type", "options", "in", "set", "to", "meta", "retry", "comments", "title", "description"];

/// Options for which an empty text is the same as leaving them out (workflow.md, The file).
const BLANK_IS_NONE: &[&str] = &["copy", "url", "title", "view", "selector"];

pub(super) fn read(
    source: &mut Source<'_>,
    catalog: &Catalog,
    names: &Names,
    node: &Node,
    mentions: &mut Mentions,
) -> Option<Element> {
    let Some(name) = node.said("name") else {
        source.error(
            "HF003",
            node.span.start..node.span.start + 1,
            None,
            "an element has no `name`".into(),
            "give it one that no other element has",
        );
        return None;
    };
    let name: Arc<str> = name.into();
    unknown_keys(source, node, Some(&name), KEYS, "an element has no key");
    shape::check(source, node, Some(&name), shape::OF_ELEMENT);
    let (kind, declaration) = find_type(source, catalog, node, &name)?;
    let in_names: Arc<[Arc<str>]> = declaration.ins.iter().map(|port| port.name.into()).collect();
    let out_names = out_names(declaration, node);
    let text = source.text;
    let compiler = Compiler { file: text, ports: &in_names };
    let mut work = Work { source, name: &name, declaration, compiler, mentions };
    let options = work.options(node);
    let ins = work.ins(node, &in_names);
    let set = work.bindings(node, &in_names, &out_names);
    let outs = work.edges(node, names, catalog, &out_names);
    let place = source.place(node.get("name").map_or(node.span.clone(), |name| name.span.clone()));
    Some(Element {
        kind,
        options,
        ins,
        set,
        in_names,
        out_names,
        outs,
        retry: node.get("retry").map(Node::value).unwrap_or_default(),
        position: position(node),
        place,
        name,
    })
}

fn find_type(
    source: &mut Source<'_>,
    catalog: &Catalog,
    node: &Node,
    name: &Arc<str>,
) -> Option<(usize, &'static Declaration)> {
    let written = node.get("type");
    let text = written.and_then(Node::text).unwrap_or_default();
    if text.is_empty() {
        let says = match written {
            Some(other) if other.text().is_none() => {
                format!("`type` must be a text, and is {}", other.type_name())
            }
            _ => format!("the element `{name}` has no `type`"),
        };
        let span = written.map_or(node.span.start..node.span.start + 1, |node| node.span.clone());
        source.error("HF002", span, Some(name), says, "look at the list of elements for what there is");
        return None;
    }
    if let Some(kind) = catalog.find(text) {
        return Some((kind, catalog.types[kind]));
    }
    let span = written.map_or(node.span.start..node.span.start + 1, |node| node.span.clone());
    let nearest = words::nearest(text, catalog.types.iter().map(|declaration| declaration.name));
    let says = format!("there is no element type `{text}`");
    source.error(
        "HF002",
        span,
        Some(name),
        says,
        &help_or(nearest, "look at the list of elements for what there is"),
    );
    None
}

/// Those that the file names come before the declared ones.
fn out_names(declaration: &Declaration, node: &Node) -> Arc<[Arc<str>]> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let list = declaration.outs_from.and_then(|option| node.get("options")?.get(option));
    for case in list.map(Node::items).unwrap_or_default() {
        if let Some(port) = case.said("port")
            && !names.iter().any(|name| &**name == port)
            && !declaration.outs.iter().any(|declared| declared.name == port)
        {
            names.push(port.into());
        }
    }
    names.extend(declaration.outs.iter().map(|port| Arc::from(port.name)));
    names.into()
}

fn position(node: &Node) -> Option<[f64; 2]> {
    let position = node.get("meta")?.get("position")?;
    let number = |at: usize| position.items().get(at)?.value().as_f64();
    Some([number(0)?, number(1)?])
}

struct Work<'s, 'f, 'c> {
    source: &'s mut Source<'f>,
    name: &'c Arc<str>,
    declaration: &'static Declaration,
    compiler: Compiler<'c>,
    mentions: &'s mut Mentions,
}

impl Work<'_, '_, '_> {
    fn options(&mut self, node: &Node) -> Options {
        let mut list: Vec<(Arc<str>, Template)> = Vec::new();
        let fields = node.get("options").map(Node::fields).unwrap_or_default();
        for (at, (key, value)) in fields.iter().enumerate() {
            let again = fields[at + 1..].iter().any(|(later, _)| later.text == key.text);
            if again || value.is_null() || (BLANK_IS_NONE.contains(&&*key.text) && value.text() == Some("")) {
                continue;
            }
            let Some(option) = self.declaration.options.iter().find(|option| option.name == key.text) else {
                let known = self.declaration.options.iter().map(|option| option.name);
                let help =
                    help_or(words::nearest(&key.text, known), "remove it; it is kept, and has no effect");
                let says = format!("`{}` has no option `{}`", self.declaration.name, key.text);
                self.source.warn("HF009", key.span.clone(), Some(self.name), says, &help);
                continue;
            };
            if option.kind == Kind::Ignored || !self.right_type(option, value) || self.is_taken(option, value)
            {
                continue;
            }
            if option.name == "workflow"
                && let Some(workflow) = value.text().filter(|text| !text.contains('$'))
            {
                self.mentions.workflows.push((workflow.into(), self.name.clone(), value.span.clone()));
            }
            let compiled = match option.kind {
                _ if value.is_blank() => Ok(Template::Literal(blank(option, value))),
                Kind::Literal | Kind::Ignored => Ok(Template::Literal(value.value())),
                Kind::Recipe => self.compiler.recipe(value),
                Kind::Value => self.compiler.value(value),
            };
            if let Some(template) = self.compiled(compiled) {
                list.push((key.text.as_str().into(), template));
            }
        }
        Options { list }
    }

    /// What is not written as a recipe must have one of the option's JSON types.
    fn right_type(&mut self, option: &Opt, value: &Node) -> bool {
        let fits = option.json.iter().any(|json| match json {
            Json::Any => true,
            Json::Text => matches!(value.kind, json::Kind::Text(_)),
            Json::Number => matches!(value.kind, json::Kind::Plain(Value::Int(_) | Value::Float(_))),
            // PHP writes true as 1.
            Json::Bool => matches!(value.kind, json::Kind::Plain(Value::Bool(_) | Value::Int(0 | 1))),
            Json::List => matches!(value.kind, json::Kind::List(_)) || value.is_blank(),
            Json::Object => matches!(value.kind, json::Kind::Object(_)) || value.is_blank(),
        });
        let is_recipe = option.kind == Kind::Value
            && (value.text().is_some_and(|text| text.contains('$') || text.starts_with(':'))
                || value.get(".recipe").is_some());
        let plain_recipe = option.kind == Kind::Recipe
            && matches!(value.kind, json::Kind::Plain(_))
            && option.json == [Json::Text];
        if fits || is_recipe || plain_recipe {
            return true;
        }
        let wanted: Vec<&str> = option.json.iter().map(|json| type_name(*json)).collect();
        let says = format!(
            "the option `{}` must be {}, and is {}",
            option.name,
            wanted.join(" or "),
            value.type_name()
        );
        self.source.error("HF008", value.span.clone(), Some(self.name), says, option.doc);
        false
    }

    /// Whether it is a text that the option must not be.
    fn is_taken(&mut self, option: &Opt, value: &Node) -> bool {
        let Some(text) = value.text().filter(|text| option.never.contains(text)) else { return false };
        let says = format!("the option `{}` must not be `{text}`", option.name);
        self.source.error("HF014", value.span.clone(), Some(self.name), says, option.doc);
        true
    }

    fn compiled(&mut self, result: Result<Template, Wrong>) -> Option<Template> {
        result
            .map_err(|(span, error)| {
                let help =
                    error.help.clone().unwrap_or_else(|| "mend the expression at this place".to_owned());
                self.source.error("HF005", span, Some(self.name), error.says, &help);
            })
            .ok()
    }

    fn port(&mut self, names: &[Arc<str>], key: &json::Key, text: &str, what: &str) -> Option<u8> {
        let found = names.iter().position(|name| &**name == text);
        if found.is_none() {
            let says = format!("`{}` has no {what} port `{text}`", self.declaration.name);
            let known: Vec<&str> = names.iter().map(|name| &**name).collect();
            let help = help_or(
                words::nearest(text, known.iter().copied()),
                &format!("it has: {}", known.join(", ")),
            );
            self.source.error("HF012", key.span.clone(), Some(self.name), says, &help);
        }
        found.map(|index| index as u8)
    }

    /// A string here is always a recipe.
    fn ins(&mut self, node: &Node, in_names: &[Arc<str>]) -> Vec<(u8, Template)> {
        let mut ins = Vec::new();
        for (key, value) in node.get("in").map(Node::fields).unwrap_or_default() {
            let Some(port) = self.port(in_names, key, &key.text, "input") else { continue };
            let compiled = match value.kind {
                json::Kind::Text(_) => self.compiler.recipe(value),
                _ => self.compiler.value(value),
            };
            ins.extend(self.compiled(compiled).map(|template| (port, template)));
        }
        ins
    }

    fn bindings(&mut self, node: &Node, ins: &[Arc<str>], outs: &[Arc<str>]) -> Vec<Binding> {
        let mut set = Vec::new();
        for (key, value) in node.get("set").map(Node::fields).unwrap_or_default() {
            let at = json::Key { span: value.span.clone(), text: key.text.clone() };
            let Some((side, rest)) = value.text().and_then(split_binding) else {
                let says = format!("the variable `{}` is bound to no port", key.text);
                self.source.error(
                    "HF012",
                    value.span.clone(),
                    Some(self.name),
                    says,
                    "write \"port:\" for what leaves, \":port\" for what comes in",
                );
                continue;
            };
            // An event element has no arrivals of its own: `:default` is what it emits.
            let incoming = side == Side::In && !self.declaration.name.starts_with("event/");
            let (names, what) = if incoming { (ins, "input") } else { (outs, "output") };
            let (port, path) = match side {
                Side::In => rest.split_once('.').map_or((rest, None), |(port, path)| (port, Some(path))),
                Side::Out => rest.split_once(':').map_or((rest, None), |(port, path)| (port, Some(path))),
            };
            let Some(port) = self.port(names, &at, port, what) else { continue };
            let from = if incoming { Port::In(port) } else { Port::Out(port) };
            let path = path.filter(|path| !path.is_empty()).map(Into::into);
            set.push(Binding { variable: key.text.as_str().into(), from, path });
        }
        set
    }

    fn edges(
        &mut self,
        node: &Node,
        names: &Names,
        catalog: &Catalog,
        outs: &[Arc<str>],
    ) -> Vec<Vec<Target>> {
        let mut edges = vec![Vec::new(); outs.len()];
        for (key, targets) in node.get("to").map(Node::fields).unwrap_or_default() {
            let Some(port) = self.port(outs, key, &key.text, "output") else { continue };
            if !shape::targets(self.source, targets, self.name, &key.text) {
                continue;
            }
            for (target, ports) in targets.fields() {
                let Some(&index) = names.get(target.text.as_str()) else {
                    let says = format!("there is no element `{}`", target.text);
                    let help = help_or(
                        words::nearest(&target.text, names.keys().map(|name| &**name)),
                        "add it, or remove the edge",
                    );
                    self.source.error("HF013", target.span.clone(), Some(self.name), says, &help);
                    continue;
                };
                if !shape::ports(self.source, ports, self.name, &target.text) {
                    continue;
                }
                let ports = self.target_ports(catalog, index, ports);
                edges[usize::from(port)].push(Target { element: index, ports });
            }
        }
        edges
    }

    fn target_ports(&mut self, catalog: &Catalog, index: u32, ports: &Node) -> SmallVec<[u8; 2]> {
        let root = &self.source.root;
        let target =
            root.get("elements").and_then(|list| list.items().get(index as usize)?.get("type")?.text());
        let Some(target) = target.and_then(|kind| catalog.find(kind)).map(|kind| catalog.types[kind]) else {
            return SmallVec::new();
        };
        let mut found = SmallVec::new();
        for port in ports.items() {
            let text = port.text().unwrap_or_default();
            match target.ins.iter().position(|known| known.name == text) {
                Some(index) => found.push(index as u8),
                None => {
                    let known: Vec<&str> = target.ins.iter().map(|port| port.name).collect();
                    let says = format!("`{}` has no input port `{text}`", target.name);
                    let help = help_or(
                        words::nearest(text, known.iter().copied()),
                        &format!("it has: {}", known.join(", ")),
                    );
                    self.source.error("HF012", port.span.clone(), Some(self.name), says, &help);
                }
            }
        }
        found
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Side {
    In,
    Out,
}

/// `:port.path` or `port:path`.
fn split_binding(text: &str) -> Option<(Side, &str)> {
    match text.strip_prefix(':') {
        Some(rest) => Some((Side::In, rest)),
        None => text.contains(':').then_some((Side::Out, text)),
    }
}

/// PHP writes an empty object as a list and the other way round: it becomes what the option takes.
fn blank(option: &Opt, value: &Node) -> Value {
    match option.json {
        [Json::Object] => Value::Object(Map::new()),
        [Json::List] => Value::List(List::new()),
        _ => value.value(),
    }
}

fn type_name(json: Json) -> &'static str {
    match json {
        Json::Any => "anything",
        Json::Text => "a text",
        Json::Number => "a number",
        Json::Bool => "true or false",
        Json::List => "a list",
        Json::Object => "an object",
    }
}

/// Elements that name progress items: those whose type has both options.
fn casts<'a>(catalog: &'a Catalog, elements: &'a [Element]) -> impl Iterator<Item = &'a Element> {
    elements.iter().filter(|element| {
        let has = |name: &str| catalog.types[element.kind].options.iter().any(|option| option.name == name);
        has("process") && has("send_to_user")
    })
}

fn process(element: &Element) -> Option<Arc<str>> {
    element.options.get("process")?.literal()?.as_str().map(Into::into)
}

/// The one literal `process` that the file names, if it names exactly one.
pub(super) fn processes(catalog: &Catalog, elements: &[Element]) -> Option<Arc<str>> {
    let mut all: Vec<Arc<str>> = casts(catalog, elements).filter_map(process).collect();
    all.sort();
    all.dedup();
    if all.len() == 1 { all.pop() } else { None }
}

/// The names that some element marks `send_to_user`.
pub(super) fn private(catalog: &Catalog, elements: &[Element], default: &Arc<str>) -> Vec<Arc<str>> {
    let marked = casts(catalog, elements).filter(|element| {
        element.options.get("send_to_user").and_then(Template::literal).is_some_and(Value::truthy)
    });
    let mut names: Vec<Arc<str>> = marked
        .filter_map(|element| match element.options.get("process") {
            None => Some(default.clone()),
            Some(_) => process(element),
        })
        .collect();
    names.sort();
    names.dedup();
    names
}
