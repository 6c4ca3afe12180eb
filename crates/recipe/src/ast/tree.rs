//! The tree as people see it (recipe.md, The tree), as JSON text: a row of operators nests deeper there than any value
//! may.

use super::{Arm, Binary, Entry, Kind, Node, Part};
use crate::value;

impl Node {
    /// The tree as compact JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match &self.kind {
            Kind::Literal(value) => {
                open(out, "literal");
                name(out, "value");
                out.push_str(&value.to_json());
                out.push('}');
            }
            Kind::Var(is) => node(out, "var", &[("name", One::Words(is))]),
            Kind::Name(is) => node(out, "name", &[("name", One::Words(is))]),
            Kind::This => node(out, "this", &[]),
            Kind::List(items) => node(out, "list", &[("items", One::Nodes(items))]),
            Kind::Object(entries) => {
                open(out, "object");
                name(out, "entries");
                row(out, entries, entry);
                out.push('}');
            }
            Kind::Spread(of) => node(out, "spread", &[("of", One::Node(of))]),
            Kind::Template(parts) => {
                open(out, "template");
                name(out, "parts");
                row(out, parts, part);
                out.push('}');
            }
            Kind::Wildcard(of) => node(out, "wildcard", &[("of", One::Node(of))]),
            Kind::Member(of, is) => node(out, "member", &[("of", One::Node(of)), ("name", One::Words(is))]),
            Kind::Index(of, index) => {
                node(out, "index", &[("of", One::Node(of)), ("index", One::Node(index))])
            }
            Kind::Unary(op, of) => {
                node(out, "unary", &[("op", One::Words(op.sign())), ("of", One::Node(of))])
            }
            other => other.write_rest(out),
        }
    }
}

impl Kind {
    fn write_rest(&self, out: &mut String) {
        match self {
            Kind::Call(function, args) => {
                node(out, "call", &[("name", One::Words(function.name)), ("args", One::Nodes(args))]);
            }
            Kind::Method(function, args) => {
                let Some((of, args)) = args.split_first() else { return };
                let fields =
                    [("of", One::Node(of)), ("name", One::Words(function.name)), ("args", One::Nodes(args))];
                node(out, "method", &fields);
            }
            Kind::Unknown(is, None, args) => {
                node(out, "call", &[("name", One::Words(is)), ("args", One::Nodes(args))]);
            }
            Kind::Unknown(is, Some(of), args) => {
                let fields = [("of", One::Node(of)), ("name", One::Words(is)), ("args", One::Nodes(args))];
                node(out, "method", &fields);
            }
            Kind::Match(of, arms) => {
                open(out, "match");
                name(out, "of");
                of.write(out);
                name(out, "arms");
                row(out, arms, arm);
                out.push('}');
            }
            Kind::Lambda(params, body) => {
                open(out, "lambda");
                name(out, "params");
                row(out, params, |out, param| write_text(param, out));
                name(out, "body");
                body.write(out);
                out.push('}');
            }
            Kind::Choice(condition, then, otherwise) => {
                let fields =
                    [("if", One::Node(condition)), ("then", One::Node(then)), ("else", One::Node(otherwise))];
                node(out, "choice", &fields);
            }
            Kind::Chain(first, rest) => chain(out, first, rest),
            _ => {}
        }
    }
}

/// Writing to a text cannot fail.
fn write_text(words: &str, out: &mut String) {
    let _ = value::write_text(words, out);
}

/// A field's value.
enum One<'n> {
    Words(&'n str),
    Node(&'n Node),
    Nodes(&'n [Node]),
}

fn node(out: &mut String, kind: &str, fields: &[(&str, One<'_>)]) {
    open(out, kind);
    for (key, value) in fields {
        name(out, key);
        match value {
            One::Words(words) => write_text(words, out),
            One::Node(node) => node.write(out),
            One::Nodes(nodes) => row(out, nodes, |out, node| node.write(out)),
        }
    }
    out.push('}');
}

fn open(out: &mut String, kind: &str) {
    out.push_str("{\"kind\":");
    write_text(kind, out);
}

fn name(out: &mut String, name: &str) {
    out.push(',');
    write_text(name, out);
    out.push(':');
}

fn row<T>(out: &mut String, items: &[T], write: fn(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn entry(out: &mut String, entry: &Entry) {
    let value = match entry {
        Entry::Spread(of) => return of.write(out),
        Entry::Field(key, value) => {
            out.push_str("{\"key\":");
            write_text(key, out);
            value
        }
        Entry::Computed(key, value) => {
            out.push_str("{\"key\":");
            key.write(out);
            value
        }
    };
    name(out, "value");
    value.write(out);
    out.push('}');
}

fn part(out: &mut String, part: &Part) {
    match part {
        Part::Words(words) => write_text(words, out),
        Part::Of(node) => node.write(out),
    }
}

fn arm(out: &mut String, arm: &Arm) {
    out.push_str("{\"when\":");
    match &arm.when {
        Some(when) => row(out, when, |out, node| node.write(out)),
        None => out.push_str("null"),
    }
    name(out, "then");
    arm.then.write(out);
    out.push('}');
}

/// A row as pairs, the first one innermost, without recursion.
fn chain(out: &mut String, first: &Node, rest: &[(Binary, Node)]) {
    for (op, _) in rest.iter().rev() {
        open(out, "binary");
        name(out, "op");
        write_text(op.sign(), out);
        name(out, "left");
    }
    first.write(out);
    for (_, right) in rest {
        name(out, "right");
        right.write(out);
        out.push('}');
    }
}
