//! Where a recipe's words come from: its tree walked with marks instead of values. It may say too much, never too little
//! (`tests/it/marks.rs` compares it with what evaluating gives).

use std::sync::Arc;

use crate::{
    Mark, Value,
    ast::{Binary, Entry, Kind, Node, Part},
    functions::Function,
};

/// What is around an expression.
pub(crate) struct Around<'a> {
    pub(crate) this: &'a Mark,
    pub(crate) variable: &'a dyn Fn(&str) -> Mark,
    /// A bare name that is no field of `this` is a variable.
    pub(crate) embedded: bool,
    /// Parameters of the lambdas around.
    pub(crate) scope: Vec<(Arc<str>, Mark)>,
}

/// They give numbers, truth values, or texts that are looked at: no words of others leave them.
const CLEAN: &[&str] = &[
    "abs",
    "ceil",
    "floor",
    "round",
    "sum",
    "avg",
    "pow",
    "sqrt",
    "number",
    "int",
    "count",
    "length",
    "indexOf",
    "contains",
    "includes",
    "has",
    "startsWith",
    "endsWith",
    "some",
    "every",
    "isNull",
    "isEmpty",
    "isString",
    "isNumber",
    "isList",
    "isObject",
    "hasRole",
    "isRoot",
    "timestamp",
    "dateDiff",
    "range",
    "now",
    "today",
    "valid",
    "user",
    "locale",
    "system",
    "run",
    "uuid",
    "config",
    "env",
    "signalUrl",
    "text",
    "bool",
    "oneOf",
    "pick",
];

/// They give back a list of items of their first argument.
const SOME_ITEMS: &[&str] = &["filter", "sort", "sortBy", "slice", "reverse", "unique"];

/// They give back one item of their first argument.
const ONE_ITEM: &[&str] = &["first", "last", "find"];

impl Around<'_> {
    /// What of the expression's value may hold words.
    pub(crate) fn mark(&mut self, node: &Node) -> Mark {
        match &node.kind {
            Kind::Literal(_) | Kind::Lambda(..) | Kind::Unary(..) => Mark::Clean,
            Kind::This => self.this.clone(),
            Kind::Var(name) => (self.variable)(name),
            Kind::Name(name) => self.name(name),
            Kind::List(nodes) => {
                let item = nodes.iter().fold(Mark::Clean, |item, node| item.or(&self.list_item(node)));
                Mark::items(item)
            }
            Kind::Object(entries) => self.object(entries),
            Kind::Spread(of) => self.mark(of),
            Kind::Template(parts) => parts.iter().fold(Mark::Clean, |all, part| match part {
                Part::Words(_) => all,
                Part::Of(node) => all.or(&self.mark(node).whole()),
            }),
            Kind::Match(_, arms) => arms.iter().fold(Mark::Clean, |all, arm| all.or(&self.mark(&arm.then))),
            Kind::Call(function, args) | Kind::Method(function, args) => self.call(function, args),
            Kind::Unknown(_, of, args) => of
                .as_deref()
                .into_iter()
                .chain(args)
                .fold(Mark::Clean, |all, node| all.or(&self.mark(node).whole())),
            Kind::Member(of, name) => self.mark(of).field(name),
            Kind::Index(of, index) => match &index.kind {
                Kind::Literal(Value::Text(key)) => self.mark(of).field(key),
                _ => self.mark(of).any(),
            },
            Kind::Wildcard(of) => Mark::items(self.mark(of).item()),
            Kind::Chain(first, rest) => {
                let first = self.mark(first);
                rest.iter().fold(first, |left, (op, node)| match op {
                    // What is falsy holds no words.
                    Binary::And => self.mark(node),
                    Binary::Or | Binary::Coalesce => left.or(&self.mark(node)),
                    Binary::Add | Binary::Concat => left.whole().or(&self.mark(node).whole()),
                    _ => Mark::Clean,
                })
            }
            Kind::Choice(_, then, otherwise) => self.mark(then).or(&self.mark(otherwise)),
        }
    }

    fn name(&mut self, name: &str) -> Mark {
        match self.scope.iter().rev().find(|(param, _)| &**param == name) {
            Some((_, mark)) => mark.clone(),
            None if self.embedded => self.this.field(name).or(&(self.variable)(name)),
            None => self.this.field(name),
        }
    }

    fn list_item(&mut self, node: &Node) -> Mark {
        match &node.kind {
            Kind::Spread(of) => self.mark(of).item(),
            _ => self.mark(node),
        }
    }

    fn object(&mut self, entries: &[Entry]) -> Mark {
        entries.iter().fold(Mark::Clean, |all, entry| match entry {
            Entry::Field(name, value) => {
                let mut all = all;
                all.set(name.clone(), self.mark(value));
                all
            }
            // It may be any field.
            Entry::Computed(_, value) => all.or(&self.mark(value).whole()),
            Entry::Spread(of) => all.over(&self.mark(of)),
        })
    }

    fn call(&mut self, function: &Function, args: &[Node]) -> Mark {
        let Some(of) = args.first() else { return Mark::Clean };
        match function.name {
            name if CLEAN.contains(&name) => Mark::Clean,
            name if SOME_ITEMS.contains(&name) => Mark::items(self.mark(of).item()),
            name if ONE_ITEM.contains(&name) => self.mark(of).item(),
            "map" => {
                let item = self.mark(of).item();
                Mark::items(self.made(args.get(1), &[item, Mark::Clean]))
            }
            "flatMap" => {
                let item = self.mark(of).item();
                let made = self.made(args.get(1), &[item, Mark::Clean]);
                Mark::items(made.or(&made.item()))
            }
            "reduce" => self.reduced(args),
            "flatten" => {
                let item = self.mark(of).item();
                Mark::items(item.or(&item.item()))
            }
            "concat" => Mark::items(args.iter().fold(Mark::Clean, |all, arg| all.or(&self.mark(arg).item()))),
            "push" => {
                let first = self.mark(of).item();
                Mark::items(args[1..].iter().fold(first, |all, arg| all.or(&self.mark(arg))))
            }
            "min" | "max" => args.iter().fold(Mark::Clean, |all, arg| all.or(&self.mark(arg).item())),
            "merge" => args.iter().fold(Mark::Clean, |all, arg| all.over(&self.mark(arg))),
            "values" => Mark::items(self.mark(of).any()),
            "omit" | "anonymize" => self.mark(of),
            "get" => self.got(args),
            "invalid" => Mark::fields([("message".into(), self.mark(of))]),
            _ => args.iter().fold(Mark::Clean, |all, arg| {
                let mark = match &arg.kind {
                    Kind::Lambda(..) => self.made(Some(arg), &[Mark::Clean, Mark::Clean]),
                    _ => self.mark(arg),
                };
                all.or(&mark.whole())
            }),
        }
    }

    /// What a lambda gives for these arguments; instead of it the path of a field may stand.
    fn made(&mut self, by: Option<&Node>, given: &[Mark]) -> Mark {
        match by.map(|by| &by.kind) {
            Some(Kind::Lambda(params, body)) => {
                let outside = self.scope.len();
                self.scope.extend(params.iter().cloned().zip(given.iter().cloned()));
                // A parameter that nothing is given for is null.
                self.scope.extend(params.iter().skip(given.len()).map(|name| (name.clone(), Mark::Clean)));
                let made = self.mark(body);
                self.scope.truncate(outside);
                made
            }
            Some(Kind::Literal(Value::Text(path))) => {
                given.first().map_or(Mark::Clean, |item| item.path(path))
            }
            Some(_) => given.first().map_or(Mark::Clean, Mark::whole),
            None => Mark::Clean,
        }
    }

    fn reduced(&mut self, args: &[Node]) -> Mark {
        let item = args.first().map_or(Mark::Clean, |of| self.mark(of)).item();
        let mut so_far = args.get(2).map_or_else(|| item.clone(), |start| self.mark(start));
        // Each round can only mark more; what still grows is marked as a whole.
        for _ in 0..4 {
            let made = so_far.or(&self.made(args.get(1), &[so_far.clone(), item.clone(), Mark::Clean]));
            if made == so_far {
                return so_far;
            }
            so_far = made;
        }
        so_far.whole()
    }

    fn got(&mut self, args: &[Node]) -> Mark {
        let of = args.first().map_or(Mark::Clean, |of| self.mark(of));
        let found = match args.get(1).map(|path| &path.kind) {
            Some(Kind::Literal(Value::Text(path))) => of.path(path),
            _ => of.whole(),
        };
        found.or(&args.get(2).map_or(Mark::Clean, |otherwise| self.mark(otherwise)))
    }
}
