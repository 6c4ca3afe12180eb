//! Syntax tree to code: names become places, rows of operators stay flat.

use std::sync::Arc;

use crate::{
    Value,
    ast::{Arm as ArmNode, Binary, Entry, Kind, Node, Part as TextPart, Unary},
    code::{Arm, Base, Call, Code, Field, Item, Key, Lambda, Operand, Pair, Part, Project},
};

/// Compiles a tree. `embedded`: a bare name that is no field of `this` is a variable.
pub(crate) fn compile(node: &Node, embedded: bool) -> Code {
    Compiler { embedded, params: Vec::new() }.code(node)
}

struct Compiler {
    embedded: bool,
    /// Parameters of the lambdas around, outermost first.
    params: Vec<Arc<str>>,
}

impl Compiler {
    fn all(&mut self, nodes: &[Node]) -> Box<[Code]> {
        nodes.iter().map(|node| self.code(node)).collect()
    }

    fn code(&mut self, node: &Node) -> Code {
        match &node.kind {
            Kind::Literal(value) => Code::Const(value.clone()),
            Kind::This => Code::Path(Base::This, Box::default()),
            Kind::Var(name) => Code::Path(Base::Var(Key::new(name)), Box::default()),
            Kind::Name(name) => self.name(name),
            Kind::List(items) => Code::List(items.iter().map(|item| self.item(item)).collect()),
            Kind::Object(entries) => Code::Object(entries.iter().map(|entry| self.field(entry)).collect()),
            Kind::Spread(of) => self.code(of),
            Kind::Template(parts) => Code::Join(parts.iter().map(|part| self.part(part)).collect()),
            Kind::Match(of, arms) => {
                let arms = arms.iter().map(|arm| self.arm(arm)).collect();
                Code::Match(Box::new((self.code(of), arms)))
            }
            Kind::Lambda(..) => Code::Lambda(node.span),
            Kind::Call(function, args) | Kind::Method(function, args) => self.call(node, function, args),
            Kind::Member(..) | Kind::Index(_) | Kind::Wildcard(_) => self.postfix(node),
            Kind::Unary(Unary::Not, of) => Code::Not(Box::new(self.code(of))),
            Kind::Unary(op, of) => Code::Sign(*op, Box::new(self.code(of)), node.span),
            Kind::Chain(first, rest) => self.chain(node, first, rest),
            Kind::Choice(choice) => {
                let [condition, then, otherwise] = &**choice;
                Code::Choice(Box::new([self.code(condition), self.code(then), self.code(otherwise)]))
            }
        }
    }

    fn name(&self, name: &Arc<str>) -> Code {
        if let Some(at) = self.params.iter().rposition(|param| param == name) {
            return Code::Path(Base::Slot(at as u16), Box::default());
        }
        if self.embedded {
            return Code::Path(Base::FieldOrVar(Key::new(name)), Box::default());
        }
        Code::Path(Base::This, Box::new([Key::new(name)]))
    }

    fn item(&mut self, node: &Node) -> Item {
        Item { spread: matches!(node.kind, Kind::Spread(_)), code: self.code(node) }
    }

    fn field(&mut self, entry: &Entry) -> Field {
        match entry {
            Entry::Field(name, value) => Field::Named(name.clone(), self.code(value)),
            Entry::Computed(name, value) => Field::Computed(self.code(name), self.code(value)),
            Entry::Spread(of) => Field::Spread(self.code(of)),
        }
    }

    fn part(&mut self, part: &TextPart) -> Code {
        match part {
            TextPart::Words(words) => Code::Const(Value::from(words.clone())),
            TextPart::Of(node) => self.code(node),
        }
    }

    fn arm(&mut self, arm: &ArmNode) -> Arm {
        Arm { when: arm.when.as_ref().map(|when| self.all(when)), then: self.code(&arm.then) }
    }

    fn call(&mut self, node: &Node, function: &'static crate::functions::Function, args: &[Node]) -> Code {
        let mut lambda = None;
        let mut codes = Vec::new();
        for arg in args {
            match &arg.kind {
                Kind::Lambda(params, body) => {
                    self.params.extend(params.iter().cloned());
                    let body = self.code(body);
                    self.params.truncate(self.params.len() - params.len());
                    lambda = Some(Lambda { params: params.len() as u16, body, steps: u32::from(arg.height) });
                    codes.push(Code::Const(Value::Null));
                }
                _ => codes.push(self.code(arg)),
            }
        }
        Code::Call(Box::new(Call { function, args: codes.into(), lambda, span: node.span }))
    }

    /// `a.b`, `a[i]`, and paths with `[*]` in them, which are worked as a whole.
    fn postfix(&mut self, node: &Node) -> Code {
        let mut parts = Vec::new();
        let mut at = node;
        let mut wild = None;
        loop {
            match &at.kind {
                Kind::Member(of, name) => {
                    parts.push(Part::Key(Key::new(name)));
                    at = of;
                }
                Kind::Index(pair) => {
                    parts.push(Part::Index(self.code(&pair[1])));
                    at = &pair[0];
                }
                Kind::Wildcard(of) => {
                    parts.push(Part::Every);
                    wild = Some(parts.len());
                    at = of;
                }
                _ => break,
            }
        }
        let base = self.code(at);
        parts.reverse();
        // Everything before the first `[*]` is a plain path.
        let plain = wild.map_or(parts.len(), |wild| parts.len() - wild);
        let rest = parts.split_off(plain);
        let base = parts.into_iter().fold(base, plain_part);
        if rest.is_empty() {
            return base;
        }
        Code::Project(Box::new(Project { base, parts: rest.into(), span: node.span }))
    }

    fn chain(&mut self, node: &Node, first: &Node, rest: &[(Binary, Node)]) -> Code {
        let op = rest.first().map(|(op, _)| *op);
        let mut all = vec![self.code(first)];
        all.extend(rest.iter().map(|(_, node)| self.code(node)));
        match op {
            Some(Binary::And) => Code::And(all.into()),
            Some(Binary::Or) => Code::Or(all.into()),
            Some(Binary::Coalesce) => Code::Coalesce(all.into()),
            Some(Binary::Concat) => Code::Join(all.into()),
            Some(Binary::Power) => {
                // From right to left.
                let last = all.pop().unwrap_or(Code::Const(Value::Null));
                all.into_iter().rev().fold(last, |right, left| pair(Binary::Power, left, right, node))
            }
            _ => {
                let mut codes = all.into_iter();
                let begin = codes.next().unwrap_or(Code::Const(Value::Null));
                let mut operands: Vec<Operand> = rest
                    .iter()
                    .zip(codes)
                    .map(|((op, of), code)| Operand { op: *op, code, span: of.span })
                    .collect();
                match (operands.len(), operands.pop()) {
                    (1, Some(only)) => pair(only.op, begin, only.code, node),
                    (_, Some(last)) => {
                        operands.push(last);
                        Code::Row(Box::new((begin, operands.into())))
                    }
                    (_, None) => begin,
                }
            }
        }
    }
}

fn pair(op: Binary, left: Code, right: Code, node: &Node) -> Code {
    Code::Pair(Box::new(Pair { op, left, right, span: node.span }))
}

fn plain_part(of: Code, part: Part) -> Code {
    match (of, part) {
        (Code::Path(base, keys), Part::Key(key)) => {
            let mut keys = Vec::from(keys);
            keys.push(key);
            Code::Path(base, keys.into())
        }
        (of, Part::Key(key)) => Code::Member(Box::new((of, key))),
        (of, Part::Index(index)) => Code::Index(Box::new((of, index))),
        (of, Part::Every) => of,
    }
}
