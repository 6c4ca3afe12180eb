//! A provider's words on their way: through ports, bindings, variables, recipes, loops, calls of other workflows, runs in the
//! background and error values (check.md). What arrives at people as it came is the rule's to say (`rules/raw_words.rs`).

use std::{rc::Rc, sync::Arc};

use recipe::{Mark, Recipe, Value};
use workflow::{Binding, Part, Source, Template};

use crate::{
    flow::{Domain, Firing, Flow, Gives},
    view::{Call, Node, View},
};

/// Which variables may hold words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Vars {
    /// In order of their names.
    named: Vec<(Arc<str>, Mark)>,
    /// Those that are not named: where their names come from a provider too.
    rest: Mark,
}

impl Vars {
    fn get(&self, name: &str) -> Mark {
        let named = self.named.iter().find(|(known, _)| &**known == name);
        named.map_or_else(|| self.rest.clone(), |(_, mark)| mark.clone())
    }

    fn set(&mut self, name: &Arc<str>, mark: Mark) {
        let at = self.named.binary_search_by(|(known, _)| known.cmp(name));
        match (at, mark == self.rest) {
            (Ok(at), true) => drop(self.named.remove(at)),
            (Ok(at), false) => self.named[at].1 = mark,
            (Err(_), true) => {}
            (Err(at), false) => self.named.insert(at, (name.clone(), mark)),
        }
    }

    /// The fields of an object as variables.
    fn lay(&mut self, object: &Mark) {
        match object {
            Mark::Fields(fields) => fields.iter().for_each(|(name, mark)| self.set(name, mark.clone())),
            Mark::Words(_) => *self = self.or(&Vars { named: Vec::new(), rest: object.clone() }),
            Mark::Clean | Mark::Items(_) => {}
        }
    }

    fn or(&self, other: &Vars) -> Vars {
        let mut all = Vars { named: Vec::new(), rest: self.rest.or(&other.rest) };
        for (name, _) in self.named.iter().chain(&other.named) {
            all.set(name, self.get(name).or(&other.get(name)));
        }
        all
    }
}

/// Where words come from: the elements that call providers, by number.
pub(crate) struct Taint {
    origins: Vec<Node>,
}

pub(crate) type At<'a> = Firing<'a, Taint>;

/// Follows the words of every provider; None: the system calls none.
pub(crate) fn follow<'a>(view: &'a View<'a>) -> Option<Flow<'a, Taint>> {
    let origins: Vec<Node> = view.nodes().filter(|node| view.type_name(*node) == "api/http").collect();
    (!origins.is_empty()).then(|| Flow::solve(view, Taint { origins }))
}

impl Taint {
    /// The element that the words came from.
    pub(crate) fn origin(&self, number: u32) -> Option<Node> {
        self.origins.get(number as usize).copied()
    }

    fn words_of(&self, node: Node) -> Mark {
        self.origins.binary_search(&node).map_or(Mark::Clean, |number| Mark::Words(number as u32))
    }
}

impl At<'_> {
    /// What arrived on an input port.
    pub(crate) fn input(&self) -> Mark {
        self.ins.first().cloned().unwrap_or_default()
    }

    fn named(&self, port: &str) -> Mark {
        let at = self.view.element(self.node).in_names.iter().position(|name| &**name == port);
        at.and_then(|at| self.ins.get(at)).cloned().unwrap_or_default()
    }

    /// What an option may hold; nothing if it is left out.
    pub(crate) fn option(&self, name: &str) -> Mark {
        self.view.option(self.node, name).map_or(Mark::Clean, |template| self.of(template))
    }

    /// What a part of an option may hold.
    pub(crate) fn of(&self, template: &Template) -> Mark {
        self.with(template, &self.input(), self.state)
    }

    /// What an expression's value may hold.
    pub(crate) fn recipe(&self, recipe: &Recipe) -> Mark {
        recipe.mark(&self.input(), &|name| self.state.get(name))
    }

    fn with(&self, template: &Template, this: &Mark, vars: &Vars) -> Mark {
        let variable = |name: &str| vars.get(name);
        match template {
            Template::Literal(_) => Mark::Clean,
            Template::Recipe(recipe) => recipe.mark(this, &variable),
            Template::Port(port) => self.ins.get(usize::from(*port)).cloned().unwrap_or_default(),
            Template::Text(parts) => parts.iter().fold(Mark::Clean, |all, part| match part {
                Part::Literal(_) => all,
                Part::Recipe(recipe) => all.or(&recipe.mark(this, &variable).whole()),
            }),
            Template::List(items) => {
                let item = items.iter().fold(Mark::Clean, |all, item| all.or(&self.with(item, this, vars)));
                Mark::items(item)
            }
            Template::Object(fields) => {
                let mut all = Mark::Clean;
                for (key, value) in fields {
                    let mark = self.with(value, this, vars);
                    match key.literal() {
                        Some(name) => all.set(name.to_text().into(), mark),
                        None => all = all.or(&mark.whole()),
                    }
                }
                all
            }
        }
    }

    /// The fields of an option laid over an object; paths are taken.
    fn laid(&self, onto: &mut Mark, option: &str, this: &Mark) {
        match self.view.option(self.node, option) {
            Some(Template::Object(fields)) => {
                for (key, template) in fields {
                    let mark = self.with(template, this, self.state);
                    match key.literal().map(Value::to_text) {
                        Some(path) => onto.path_set(&path, mark),
                        None => *onto = onto.or(&mark.whole()),
                    }
                }
            }
            Some(Template::Literal(Value::Object(fields))) => {
                fields.keys().for_each(|path| onto.path_set(path, Mark::Clean));
            }
            Some(other) => *onto = onto.over(&self.with(other, this, self.state)),
            None => {}
        }
    }

    fn text(&self, option: &str) -> String {
        self.view.literal(self.node, option).map(Value::to_text).unwrap_or_default()
    }

    fn gives(&self, call: Option<&Call>) -> Gives<Mark> {
        match call {
            Some(Call { callee: Some(callee), .. }) => self.given[*callee].clone(),
            _ => self.anyones(),
        }
    }

    fn anyones(&self) -> Gives<Mark> {
        self.given.iter().fold(Gives::default(), |all, one| both(&all, one))
    }

    /// What the runs give that are awaited here.
    fn awaited(&self) -> Mark {
        let given = if self.view.option(self.node, "runs").is_some() {
            self.anyones()
        } else {
            let calls = self.view.calls(self.node.file).iter().filter(|call| call.in_background);
            calls.fold(Gives::default(), |all, call| both(&all, &self.gives(Some(call))))
        };
        let run = Mark::fields([("result".into(), given.result), ("error".into(), error(&given.errors))]);
        if self.text("mode") == "any" { run } else { Mark::items(run) }
    }

    /// An object with what the file sets in it.
    fn set(&self, object: &Mark) -> Mark {
        if let Mark::Items(item) = object {
            return Mark::items(self.set(item));
        }
        let mut made = object.over(&self.option("copy"));
        let this = made.clone();
        self.laid(&mut made, "values", &this);
        let this = made.clone();
        self.laid(&mut made, "recipes", &this);
        made
    }

    fn list_item_added(&self) -> Mark {
        let (mut made, this) = (self.input(), self.input());
        let mut item = Mark::Clean;
        self.laid(&mut item, "values", &this);
        self.laid(&mut item, "recipes", &this);
        let path = self.text("list");
        made.path_set(&path, Mark::items(this.path(&path).item().or(&item)));
        made
    }

    fn selected(&self) -> Mark {
        let input = self.input();
        let found = match self.view.option(self.node, "selector") {
            None if !self.view.is_fed(self.node, "selector") => input,
            None => input.whole(),
            Some(Template::Literal(path)) => input.path(&path.to_text()),
            Some(_) => input.whole(),
        };
        let first = self.view.literal(self.node, "first").is_some_and(Value::truthy);
        if first { found.item() } else { Mark::items(found.item()) }
    }

    /// What a loop carries on: its input, or the list of what each turn gave.
    fn carried(&self, list: &Mark) -> Mark {
        let errors = self.text("onError") == "collect";
        let collected = self.view.option(self.node, "collect");
        if collected.is_none() && !errors {
            return list.clone();
        }
        let vars = self.turn.unwrap_or(self.state);
        let given = collected.map_or(Mark::Clean, |collect| self.with(collect, &self.one_of(list), vars));
        let failed = if errors { error(&self.given[self.node.file].errors) } else { Mark::Clean };
        Mark::items(given.or(&failed))
    }

    /// What goes through a loop at a time.
    fn one_of(&self, list: &Mark) -> Mark {
        let batch = self.view.literal(self.node, "batch").and_then(Value::as_i64).unwrap_or(1);
        if batch > 1 { Mark::items(list.item()) } else { list.item() }
    }

    /// What is said of a field that is not valid.
    pub(crate) fn rules_say(&self) -> Mark {
        match self.view.option(self.node, "recipes") {
            Some(Template::Object(rules)) => rules.iter().fold(Mark::Clean, |all, (_, rule)| {
                match self.of(rule) {
                    Mark::Fields(fields) => {
                        let said = fields.iter().filter(|(name, _)| &**name == "message");
                        said.fold(all, |all, (_, mark)| all.or(&mark.whole()))
                    }
                    // What a rule gives beside a message counts by being true.
                    _ => all,
                }
            }),
            _ => Mark::Clean,
        }
    }

    /// Whether a failed rule ends the run.
    pub(crate) fn ends_if_invalid(&self) -> bool {
        let element = self.view.element(self.node);
        !["invalid", "errors"].iter().filter_map(|name| element.out(name)).any(|port| {
            let bound = element.set.iter().any(|binding| binding.from == Source::Out(port));
            bound || !element.outs[usize::from(port)].is_empty()
        })
    }
}

fn both(one: &Gives<Mark>, other: &Gives<Mark>) -> Gives<Mark> {
    Gives { result: one.result.or(&other.result), errors: one.errors.or(&other.errors) }
}

/// An error value: its own words are neutral, but what rules say of fields is the file's.
fn error(errors: &Mark) -> Mark {
    Mark::fields([("errors".into(), errors.clone())])
}

/// What op/pick leaves: whole lists and objects are not looked at by the author, so they stay as they came.
fn picked(input: &Mark, schema: &Value) -> Mark {
    if let Mark::Items(item) = input {
        return Mark::items(picked(item, schema));
    }
    let Some(fields) = schema.as_object() else { return Mark::Clean };
    Mark::fields(fields.iter().map(|(name, kind)| {
        let field = input.field(name);
        let mark = match kind {
            Value::Object(_) => picked(&field, kind),
            _ => match kind.as_str() {
                Some("list" | "object") => field,
                _ => Mark::Clean,
            },
        };
        (Arc::from(&**name), mark)
    }))
}

impl Domain for Taint {
    type State = Rc<Vars>;
    type Value = Mark;

    fn begin(&self) -> Rc<Vars> {
        Rc::default()
    }

    fn or(&self, one: &Rc<Vars>, other: &Rc<Vars>) -> Rc<Vars> {
        if one == other { one.clone() } else { Rc::new(Vars::or(one, other)) }
    }

    fn either(&self, one: &Mark, other: &Mark) -> Mark {
        one.or(other)
    }

    fn arrives(&self, at: &At<'_>) -> Vec<Mark> {
        let mut ins = at.ins.to_vec();
        for (port, template) in &at.view.element(at.node).ins {
            if let Some(here) = ins.get_mut(usize::from(*port)) {
                *here = at.of(template);
            }
        }
        ins
    }

    fn leaves(&self, at: &At<'_>, port: &str) -> Mark {
        let errors = |given: &Gives<Mark>| error(&given.errors);
        match (at.view.type_name(at.node), port) {
            ("api/http", "default") => self.words_of(at.node),
            ("api/http", "response") => {
                let words = self.words_of(at.node);
                Mark::fields([("body".into(), words.clone()), ("headers".into(), words)])
            }
            ("action/run", "error") => errors(&at.gives(at.view.call(at.node))),
            ("action/run", _) => match at.view.call(at.node) {
                Some(call) if call.in_background => Mark::Clean,
                call => at.gives(call).result,
            },
            (_, "error") => Mark::Clean,
            ("event/failed", _) => Mark::fields([("error".into(), errors(&at.anyones()))]),
            ("flow/each", "each") => at.one_of(&looped(at)),
            ("flow/each", "next") => at.carried(&looped(at)),
            ("flow/each", _) => Mark::Clean,
            ("flow/try", "catch") => errors(&at.given[at.node.file]),
            ("flow/await", "default") => at.awaited(),
            ("action/modal", "confirm") => Mark::Clean,
            ("action/validate", "errors") => at.rules_say(),
            ("op/set", _) => at.set(&at.input()),
            ("op/recipe", _) => at.option("recipe"),
            ("op/get", _) => at.input().path(&at.text("path")).or(&at.option("default")),
            ("op/push", _) => Mark::items(at.named("array").item().or(&at.named("item"))),
            ("op/concat", _) => Mark::items(at.named("a").item().or(&at.named("b").item())),
            ("op/merge", _) => at.named("a").over(&at.named("b")),
            ("op/addListItem", _) => at.list_item_added(),
            ("op/strReplace", _) => {
                let text =
                    if at.view.option(at.node, "text").is_some() { at.option("text") } else { at.input() };
                text.or(&at.option("replace")).whole()
            }
            ("op/selector", _) => at.selected(),
            ("op/pick", _) => match at.view.literal(at.node, "schema") {
                Some(schema) => picked(&at.input(), schema),
                None => Mark::Clean,
            },
            // Everything else passes on what came.
            _ => at.input(),
        }
    }

    fn bind(&self, binding: &Binding, value: &Mark, vars: &mut Rc<Vars>) {
        let mark = binding.path.as_deref().map_or_else(|| value.clone(), |path| value.path(path));
        // Nothing may have arrived there: then the variable stays as it was.
        let leaves_alone = matches!(binding.from, Source::In(port) if port > 0) && mark.is_clean();
        if !leaves_alone && vars.get(&binding.variable) != mark {
            Rc::make_mut(vars).set(&binding.variable, mark);
        }
    }

    fn enter(&self, at: &At<'_>, call: &Call) -> Option<(Rc<Vars>, Mark)> {
        let input = at.option("input");
        let mut vars = if call.shares { Vars::clone(at.state) } else { Vars::default() };
        if let Some(Value::Object(given)) = at.view.literal(at.node, "input") {
            given.keys().for_each(|name| vars.set(&Arc::from(&**name), Mark::Clean));
        }
        if let Some(Template::Object(fields)) = at.view.option(at.node, "input") {
            let names = fields.iter().filter_map(|(key, _)| key.literal());
            names.for_each(|name| vars.set(&name.to_text().into(), Mark::Clean));
        }
        vars.lay(&input);
        Some((Rc::new(vars), input))
    }

    fn after(&self, before: &Rc<Vars>, end: &Rc<Vars>, call: &Call) -> Rc<Vars> {
        if call.shares { end.clone() } else { before.clone() }
    }

    fn gives(&self, at: &At<'_>) -> Gives<Mark> {
        let mut gives = Gives::default();
        match at.view.type_name(at.node) {
            "action/response" => gives.result = answer(at),
            "flow/stop" if at.text("status") != "failed" => gives.result = at.option("message"),
            "action/validate" if at.ends_if_invalid() => gives.errors = at.rules_say(),
            "action/run" => match at.view.call(at.node) {
                Some(call) if !call.in_background && !at.view.element(at.node).takes_errors() => {
                    gives.errors = at.gives(Some(call)).errors;
                }
                _ => {}
            },
            _ => {}
        }
        gives
    }
}

/// What flow/each goes through.
fn looped(at: &At<'_>) -> Mark {
    at.input().or(&at.named("item"))
}

/// The body of action/response.
pub(crate) fn answer(at: &At<'_>) -> Mark {
    let body = if at.view.option(at.node, "body").is_some() { at.option("body") } else { at.input() };
    body.or(&at.named("body"))
}
