//! Syntax tree to code: names resolved, paths joined, constants folded.

use std::{collections::HashMap, mem, sync::Arc};

use crate::{
    Context, Limits, Map, NoFacts, Value,
    ast::{self, Binary, Entry, Kind, Node, Unary},
    code::{Arm, Base, Call, Code, Each, Field, Item, Key, Lambda, Operand, Pair, Part, Program, Project},
    eval::Machine,
    functions::Function,
    lex::Span,
    number,
    value::NULL,
};

/// What folding may cost and how large a folded constant may be: a version is loaded in milliseconds.
const FOLD: Limits = Limits { steps: 1_000, bytes: 64 << 10, depth: 256 };
const FOLDED_BYTES: usize = 4 << 10;

/// What all folded constants of a recipe may take: it must not be much larger than it is written.
const FOLD_BYTES: usize = 1 << 20;

pub(crate) fn compile(tree: &Node, embedded: bool) -> Program {
    let mut compiler = Compiler {
        embedded,
        vars: Vec::new(),
        known: HashMap::new(),
        params: Vec::new(),
        slots: 0,
        steps: 0,
        fold_bytes: FOLD_BYTES,
    };
    let code = compiler.code(tree);
    Program { code, vars: compiler.vars.into(), slots: compiler.slots }
}

struct Compiler {
    /// A bare name may be a variable.
    embedded: bool,
    /// Variables that were met so far.
    vars: Vec<Key>,
    /// Their places.
    known: HashMap<Arc<str>, u32>,
    /// Parameters of the lambdas around, outermost first: their places are those of the arguments.
    params: Vec<Arc<str>>,
    /// The most parameters that there were.
    slots: u32,
    /// How many nodes were compiled.
    steps: u32,
    /// What is left of [`FOLD_BYTES`].
    fold_bytes: usize,
}

impl Compiler {
    fn code(&mut self, node: &Node) -> Code {
        self.steps += 1;
        if let Kind::Var(name) | Kind::Name(name) | Kind::Member(_, name) = &node.kind {
            // Comparing a long name takes its time.
            self.steps += name.len() as u32 >> 9;
        }
        match &node.kind {
            Kind::Literal(value) => Code::Const(value.clone()),
            Kind::This => Code::Path(Base::This, Box::default()),
            Kind::Var(name) => Code::Path(Base::Var(self.var(name)), Box::default()),
            Kind::Name(name) => self.name(name),
            Kind::Member(of, name) => {
                let of = self.code(of);
                self.member(of, name)
            }
            Kind::Index(of, index) => self.index(of, index),
            Kind::Wildcard(of) => project(self.code(of), Part::Every, node.span),
            Kind::Call(function, args) | Kind::Method(function, args) => self.call(function, args, node.span),
            Kind::Chain(first, rest) => {
                let chain = self.chain(first, rest);
                self.fold(chain)
            }
            _ => self.rare(node),
        }
    }

    #[inline(never)]
    fn rare(&mut self, node: &Node) -> Code {
        match &node.kind {
            Kind::List(items) => {
                let list = Code::List(items.iter().map(|item| self.item(item)).collect());
                self.fold(list)
            }
            Kind::Object(entries) => {
                let object = Code::Object(entries.iter().map(|entry| self.field(entry)).collect());
                self.fold(object)
            }
            Kind::Template(parts) => {
                let join = Code::Join(parts.iter().map(|part| self.part(part)).collect());
                self.fold(join)
            }
            Kind::Match(of, arms) => {
                let arms = arms.iter().map(|arm| self.arm(arm)).collect();
                Code::Match(Box::new((self.code(of), arms)))
            }
            Kind::Unary(op, of) => self.unary(*op, of, node.span),
            Kind::Choice(condition, then, otherwise) => {
                Code::Choice(Box::new([condition, then, otherwise].map(|part| self.code(part))))
            }
            Kind::Spread(of) => self.code(of),
            _ => Code::Lambda(node.span),
        }
    }

    fn codes(&mut self, nodes: &[Node]) -> Box<[Code]> {
        nodes.iter().map(|node| self.code(node)).collect()
    }

    fn var(&mut self, name: &Arc<str>) -> u32 {
        *self.known.entry(name.clone()).or_insert_with(|| {
            self.vars.push(Key::new(name));
            self.vars.len() as u32 - 1
        })
    }

    fn name(&self, name: &Arc<str>) -> Code {
        if let Some(at) = self.params.iter().rposition(|param| param == name) {
            return Code::Path(Base::Slot(at as u32), Box::default());
        }
        match self.embedded {
            true => Code::Path(
                Base::FieldOrVar(Box::new(Key::new(name)), Box::new(Key::new(name))),
                Box::default(),
            ),
            false => Code::Path(Base::This, Box::new([Key::new(name)])),
        }
    }

    fn index(&mut self, of: &Node, index: &Node) -> Code {
        let of = self.code(of);
        if let Kind::Literal(Value::Text(key)) = &index.kind
            && number::parse(key).is_none()
        {
            return self.member(of, key.shared());
        }
        let index = self.code(index);
        match of {
            Code::Project(project) => extend(*project, Part::Index(index)),
            of => self.fold(Code::Index(Box::new((of, index)))),
        }
    }

    fn unary(&mut self, op: Unary, of: &Node, span: Span) -> Code {
        let of = Box::new(self.code(of));
        self.fold(if op == Unary::Not { Code::Not(of) } else { Code::Sign(op, of, span) })
    }

    fn chain(&mut self, first: &Node, rest: &[(Binary, Node)]) -> Code {
        let Some((op, second)) = rest.first() else { return self.code(first) };
        let row = match op {
            Binary::And => Some(Code::And as fn(Box<[Code]>) -> Code),
            Binary::Or => Some(Code::Or as _),
            Binary::Coalesce => Some(Code::Coalesce as _),
            Binary::Concat => Some(Code::Join as _),
            _ => None,
        };
        let left = self.code(first);
        if let Some(row) = row {
            let rest = rest.iter().map(|(_, node)| node);
            let codes = std::iter::once(left).chain(rest.map(|node| self.code(node)));
            return row(codes.collect());
        }
        if rest.len() == 1 {
            let right = self.code(second);
            return Code::Pair(Box::new(Pair { op: *op, left, right, span: first.span.to(second.span) }));
        }
        let operand = |(op, node): &(Binary, Node)| Operand {
            op: *op,
            span: first.span.to(node.span),
            code: self.code(node),
        };
        Code::Row(Box::new((left, rest.iter().map(operand).collect())))
    }

    fn item(&mut self, node: &Node) -> Item {
        Item { spread: matches!(node.kind, Kind::Spread(_)), code: self.code(node) }
    }

    fn field(&mut self, entry: &Entry) -> Field {
        match entry {
            Entry::Field(key, value) => Field::Named(key.clone().into(), self.code(value)),
            Entry::Computed(key, value) => Field::Computed(self.code(key), self.code(value)),
            Entry::Spread(of) => Field::Spread(self.code(of)),
        }
    }

    fn part(&mut self, part: &ast::Part) -> Code {
        match part {
            ast::Part::Words(words) => Code::Const(words.clone().into()),
            ast::Part::Of(node) => self.code(node),
        }
    }

    fn arm(&mut self, arm: &ast::Arm) -> Arm {
        Arm { when: arm.when.as_ref().map(|when| self.codes(when)), then: self.code(&arm.then) }
    }

    fn call(&mut self, function: &'static Function, nodes: &[Node], span: Span) -> Code {
        let mut lambda = None;
        let mut args = Vec::with_capacity(nodes.len());
        for node in nodes {
            args.push(match &node.kind {
                Kind::Lambda(params, body) => {
                    lambda = Some(self.lambda(params, body));
                    Code::Const(Value::Null)
                }
                _ => self.code(node),
            });
        }
        let count = args.len();
        let each = match args.first_mut() {
            Some(first) if function.streams && (count == 1 || function.lambda.is_some()) => self::each(first),
            _ => None,
        };
        let call = Code::Call(Box::new(Call { function, args: args.into(), lambda, each, span }));
        if function.pure { self.fold(call) } else { call }
    }

    fn lambda(&mut self, params: &[Arc<str>], body: &Node) -> Lambda {
        let (outside, before) = (self.params.len(), self.steps);
        self.params.extend(params.iter().cloned());
        self.slots = self.slots.max(self.params.len() as u32);
        let body = self.code(body);
        self.params.truncate(outside);
        Lambda { base: outside as u32, params: params.len() as u32, body, steps: self.steps - before }
    }

    fn member(&mut self, of: Code, name: &Arc<str>) -> Code {
        match of {
            Code::Path(base, keys) => Code::Path(base, keys.into_iter().chain([Key::new(name)]).collect()),
            Code::Project(project) => extend(*project, Part::Key(Key::new(name))),
            of => self.fold(Code::Member(Box::new((of, Key::new(name))))),
        }
    }

    /// The constant that the code always is, if all it is made of is constant, and small.
    fn fold(&mut self, code: Code) -> Code {
        if !constant(&code) {
            return code;
        }
        let context = Context { this: &NULL, vars: &Map::new(), facts: &NoFacts, limits: FOLD };
        let program = Program { code, vars: Box::default(), slots: 0 };
        match Machine::run(&context, &program) {
            Ok(value) if value.approx_bytes() <= FOLDED_BYTES.min(self.fold_bytes) => {
                self.fold_bytes -= value.approx_bytes();
                Code::Const(value)
            }
            _ => program.code,
        }
    }
}

fn project(of: Code, part: Part, span: Span) -> Code {
    match of {
        Code::Project(project) => extend(*project, part),
        base => Code::Project(Box::new(Project { base, parts: Box::new([part]), span })),
    }
}

/// Makes the list before the only `[*]` of `over[*].a.b` the argument, if it is one, and gives back what follows.
fn each(arg: &mut Code) -> Option<Each> {
    let Code::Project(project) = arg else { return None };
    let (Part::Every, keys) = project.parts.split_first()? else { return None };
    if !keys.iter().all(|part| matches!(part, Part::Key(_))) {
        return None;
    }
    let span = project.span;
    let parts = mem::take(&mut project.parts);
    let keys = parts.into_iter().filter_map(|part| if let Part::Key(key) = part { Some(key) } else { None });
    let keys = keys.collect();
    let base = mem::replace(&mut project.base, Code::Const(Value::Null));
    *arg = base;
    Some(Each { keys, span })
}

fn extend(project: Project, part: Part) -> Code {
    let Project { base, parts, span } = project;
    let parts = parts.into_iter().chain([part]).collect();
    Code::Project(Box::new(Project { base, parts, span }))
}

fn constant(code: &Code) -> bool {
    let is = |code: &Code| matches!(code, Code::Const(_));
    match code {
        Code::Not(of) | Code::Sign(_, of, _) => is(of),
        Code::Member(member) => is(&member.0),
        Code::Index(both) => is(&both.0) && is(&both.1),
        Code::Pair(pair) => is(&pair.left) && is(&pair.right),
        Code::Row(row) => is(&row.0) && row.1.iter().all(|operand| is(&operand.code)),
        Code::And(codes) | Code::Or(codes) | Code::Coalesce(codes) | Code::Join(codes) => {
            codes.iter().all(is)
        }
        Code::List(items) => items.iter().all(|item| is(&item.code)),
        Code::Object(fields) => fields.iter().all(|field| match field {
            Field::Named(_, value) | Field::Spread(value) => is(value),
            Field::Computed(key, value) => is(key) && is(value),
        }),
        Code::Call(call) => call.lambda.is_none() && call.each.is_none() && call.args.iter().all(is),
        _ => false,
    }
}
