//! Compiled code to a value.
//!
//! Values are borrowed from the input, the variables and the code as long as they can be. Depth needs no guard here,
//! because the tree was bounded when it was parsed; work is counted where it can repeat: at lambdas, items and bytes.

mod build;

use smallvec::SmallVec;

use crate::{
    Context, Error, List, Map, Taint, Text, Value,
    ast::{Binary, Unary},
    code::{Base, Call, Code, Key, Lambda, Pair, Part, Project},
    functions::Args,
    lex::Span,
    operators,
    value::{DEPTH, NULL},
};

/// A value that is borrowed where it can be.
pub(crate) enum Val<'a> {
    Ref(&'a Value),
    Own(Value),
}

impl<'a> Val<'a> {
    pub(crate) const NULL: Val<'static> = Val::Ref(&NULL);

    pub(crate) fn own(self) -> Value {
        match self {
            Val::Ref(value) => value.clone(),
            Val::Own(value) => value,
        }
    }

    /// The same without taking it away.
    pub(crate) fn share(&self) -> Val<'a> {
        match self {
            Val::Ref(value) => Val::Ref(value),
            Val::Own(value) => Val::Own(value.clone()),
        }
    }

    /// A part of it, borrowed if it is.
    pub(crate) fn part(&self, part: impl for<'v> Fn(&'v Value) -> Option<&'v Value>) -> Val<'a> {
        match self {
            Val::Ref(value) => part(value).map_or(Val::NULL, Val::Ref),
            Val::Own(value) => part(value).map_or(Val::NULL, |part| Val::Own(part.clone())),
        }
    }
}

impl std::ops::Deref for Val<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Val::Ref(value) => value,
            Val::Own(value) => value,
        }
    }
}

impl<T: Into<Value>> From<T> for Val<'_> {
    fn from(value: T) -> Self {
        Val::Own(value.into())
    }
}

/// Why an evaluation ended early. Boxed: it is rare, and results are handed on at every step.
pub(crate) struct Stop(Box<Error>);

/// The place that is not known yet.
const NOWHERE: std::ops::Range<usize> = usize::MAX..usize::MAX;

impl Stop {
    /// An error whose place the operator or call around it knows.
    #[cold]
    pub(crate) fn new(says: impl Into<String>) -> Stop {
        Stop(Box::new(Error::new(says, NOWHERE)))
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Stop {
        self.0.help = Some(help.into());
        self
    }

    /// The error at this place if it has none yet.
    #[cold]
    fn at(mut self, span: Span) -> Stop {
        if self.0.span == NOWHERE {
            self.0.span = span.into();
        }
        self
    }

    /// The error, in a recipe of so many bytes.
    pub(crate) fn error(self, bytes: usize) -> Error {
        let mut error = *self.0;
        if error.span == NOWHERE {
            error.span = 0..bytes;
        }
        error
    }
}

pub(crate) type Got<'a> = Result<Val<'a>, Stop>;

/// One evaluation.
pub(crate) struct Machine<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The arguments of the lambdas around what is evaluated, outermost first.
    slots: SmallVec<[Val<'a>; 4]>,
    steps_left: u64,
    bytes_left: usize,
    /// Reused for texts that are put together.
    scratch: String,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(context: &'a Context<'a>) -> Machine<'a> {
        Machine {
            context,
            slots: SmallVec::new(),
            steps_left: context.limits.steps,
            bytes_left: context.limits.bytes,
            scratch: String::new(),
        }
    }

    /// Counts work that can repeat.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        match self.steps_left.checked_sub(steps as u64) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(Stop::new(format!(
                "the recipe takes more than {} evaluation steps",
                self.context.limits.steps
            ))
            .with_help("work on fewer items at a time, for example with flow/each in batches")),
        }
    }

    /// Counts bytes that are made.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(self.too_large()),
        }
    }

    pub(crate) fn text(&mut self, words: &str, taint: Taint) -> Got<'a> {
        self.spend_bytes(words.len() + 40)?;
        Ok(Val::Own(Value::Text(Text::new(words).with_taint(taint))))
    }

    pub(crate) fn list(&mut self, items: Vec<Value>) -> Got<'a> {
        self.spend_bytes(items.len() * size_of::<Value>() + 40)?;
        self.bounded(Value::List(List::from(items)))
    }

    pub(crate) fn object(&mut self, map: Map) -> Got<'a> {
        // Large ones are indexed.
        self.spend_bytes(map.len() * if map.len() > 16 { 120 } else { 40 } + 64)?;
        self.bounded(Value::Object(map))
    }

    /// A new value as it may leave the recipe: no deeper than JSON can be, and written out no larger than the budget,
    /// which sharing would else let it exceed without end.
    fn bounded(&self, value: Value) -> Got<'a> {
        if value.depth() >= DEPTH {
            let stop = Stop::new(format!("the value nests {DEPTH} levels deep"));
            return Err(stop.with_help("keep a part of it, or its id"));
        }
        if value.approx_bytes() > self.context.limits.bytes {
            return Err(self.too_large());
        }
        Ok(Val::Own(value))
    }

    #[cold]
    fn too_large(&self) -> Stop {
        Stop::new(format!("the recipe makes more than {} bytes of values", self.context.limits.bytes))
            .with_help("a list that grows in reduce is copied at every item: use map, filter or join")
    }

    /// The operator `==`.
    pub(crate) fn same(&mut self, left: &Value, right: &Value) -> Result<bool, Stop> {
        match left.same(right, &mut self.steps_left) {
            Some(same) => Ok(same),
            None => self.spend(usize::MAX).map(|()| false),
        }
    }

    pub(crate) fn eval(&mut self, code: &'a Code) -> Got<'a> {
        match code {
            Code::Const(value) => Ok(Val::Ref(value)),
            Code::Path(base, keys) => Ok(self.path(base, keys)),
            Code::Pair(pair) => self.pair(pair),
            Code::Member(member) => {
                let of = self.eval(&member.0)?;
                self.count_length(&of);
                Ok(field(of, &member.1))
            }
            Code::Index(index) => self.index(&index.0, &index.1),
            Code::Not(of) => Ok((!self.eval(of)?.truthy()).into()),
            Code::And(codes) => self.first(codes, |value| !value.truthy()),
            Code::Or(codes) => self.first(codes, |value| value.truthy()),
            Code::Coalesce(codes) => self.first(codes, |value| !value.is_null()),
            Code::Choice(choice) => {
                let [condition, then, otherwise] = &**choice;
                let holds = self.eval(condition)?.truthy();
                self.eval(if holds { then } else { otherwise })
            }
            Code::Call(call) => self.call(call),
            other => self.eval_rare(other),
        }
    }

    #[inline(never)]
    fn eval_rare(&mut self, code: &'a Code) -> Got<'a> {
        match code {
            Code::Sign(op, of, span) => self.sign(*op, of, *span),
            Code::Row(row) => self.row(&row.0, &row.1),
            Code::Join(codes) => self.join(codes),
            Code::Match(of) => self.matching(&of.0, &of.1),
            Code::List(items) => self.make_list(items),
            Code::Object(fields) => self.make_object(fields),
            Code::Project(project) => self.project(project),
            Code::Lambda(span) => Err(Stop::new("a lambda is no value")
                .with_help("it stands as an argument, as in `list.map(x => x.name)`")
                .at(*span)),
            _ => Ok(Val::NULL),
        }
    }

    fn path(&mut self, base: &'a Base, keys: &'a [Key]) -> Val<'a> {
        let context = self.context;
        let found = match base {
            Base::This => context.this,
            Base::Var(key) => context.vars.get_near(&key.name, &key.near).unwrap_or(&NULL),
            Base::FieldOrVar(key) => match context.this {
                Value::Object(map) => map.get_near(&key.name, &key.near),
                _ => None,
            }
            .or_else(|| context.vars.get(&key.name))
            .unwrap_or(&NULL),
            Base::Slot(at) => match self.slots.get(*at as usize) {
                Some(Val::Ref(value)) => value,
                Some(Val::Own(value)) => {
                    let Some((key, rest)) = keys.split_first() else { return Val::Own(value.clone()) };
                    let found = rest.iter().fold(field_of(value, key).owned(), field);
                    let long = steps_of(value);
                    self.steps_left = self.steps_left.saturating_sub(long as u64);
                    return found;
                }
                None => &NULL,
            },
        };
        let mut here = found;
        for (at, key) in keys.iter().enumerate() {
            match here {
                Value::Object(map) => here = map.get_near(&key.name, &key.near).unwrap_or(&NULL),
                // Only a length is made here, and nothing stands behind it.
                other => {
                    self.count_length(other);
                    return keys[at + 1..].iter().fold(field_of(other, key), field);
                }
            }
        }
        Val::Ref(here)
    }

    /// A text's length is counted character by character. What is too much is said where steps are spent next.
    fn count_length(&mut self, of: &Value) {
        self.steps_left = self.steps_left.saturating_sub(steps_of(of) as u64);
    }

    #[inline]
    fn pair(&mut self, pair: &'a Pair) -> Got<'a> {
        let left = self.eval(&pair.left)?;
        let right = self.eval(&pair.right)?;
        self.operate(pair.op, &left, &right).map_err(|stop| stop.at(pair.span))
    }

    fn operate(&mut self, op: Binary, left: &Value, right: &Value) -> Got<'a> {
        if let (Value::Int(a), Value::Int(b)) = (left, right) {
            let quick = match op {
                Binary::Add => a.checked_add(*b).map(Value::Int),
                Binary::Subtract => a.checked_sub(*b).map(Value::Int),
                Binary::Multiply => a.checked_mul(*b).map(Value::Int),
                Binary::Less => Some(Value::Bool(a < b)),
                Binary::LessEqual => Some(Value::Bool(a <= b)),
                Binary::Greater => Some(Value::Bool(a > b)),
                Binary::GreaterEqual => Some(Value::Bool(a >= b)),
                Binary::Equal => Some(Value::Bool(a == b)),
                Binary::Unequal => Some(Value::Bool(a != b)),
                _ => None,
            };
            if let Some(value) = quick {
                return Ok(Val::Own(value));
            }
        }
        match op {
            Binary::Equal => self.same(left, right).map(Val::from),
            Binary::Unequal => self.same(left, right).map(|same| Val::from(!same)),
            Binary::Add if operators::joins(left, right) => self.join_two(left, right),
            _ => {
                if let (Value::Text(a), Value::Text(b)) = (left, right) {
                    self.spend(a.len().min(b.len()) >> 9)?;
                }
                operators::apply(op, left, right).map(Val::Own)
            }
        }
    }

    fn index(&mut self, of: &'a Code, index: &'a Code) -> Got<'a> {
        let of = self.eval(of)?;
        let index = self.eval(index)?;
        item(self, of, &index)
    }

    /// The first operand that ends the row, else the last.
    fn first(&mut self, codes: &'a [Code], ends: fn(&Value) -> bool) -> Got<'a> {
        let mut value = Val::NULL;
        for code in codes {
            value = self.eval(code)?;
            if ends(&value) {
                break;
            }
        }
        Ok(value)
    }

    #[inline(never)]
    fn call(&mut self, call: &'a Call) -> Got<'a> {
        let mut values: SmallVec<[Val<'a>; 3]> = SmallVec::new();
        for arg in &call.args {
            values.push(self.eval(arg)?);
        }
        // Most functions look at all of a text.
        self.spend(1 + values.iter().map(|value| steps_of(value)).sum::<usize>())?;
        let mut args = Args { machine: self, values, call };
        (call.function.run)(&mut args).map_err(|stop| stop.at(call.span))
    }

    /// Calls a lambda; arguments that it has no name for are left away, missing ones are null.
    #[inline]
    pub(crate) fn apply<const N: usize>(&mut self, lambda: &'a Lambda, args: [Val<'a>; N]) -> Got<'a> {
        self.spend(lambda.steps as usize)?;
        let base = self.slots.len();
        let params = usize::from(lambda.params);
        self.slots.extend(args.into_iter().take(params));
        while self.slots.len() < base + params {
            self.slots.push(Val::NULL);
        }
        let got = self.eval(&lambda.body);
        self.slots.truncate(base);
        got
    }
}

impl Val<'_> {
    /// The same, borrowed from nothing.
    fn owned<'b>(self) -> Val<'b> {
        Val::Own(self.own())
    }
}

/// What looking at all of a text costs.
fn steps_of(value: &Value) -> usize {
    if let Value::Text(text) = value { text.len() >> 9 } else { 0 }
}

/// A field: null where there is none; `length` of a list or a text.
fn field_of<'v>(of: &'v Value, key: &Key) -> Val<'v> {
    match of {
        Value::Object(map) => map.get_near(&key.name, &key.near).map_or(Val::NULL, Val::Ref),
        Value::List(list) if &*key.name == "length" => Val::from(list.len()),
        Value::Text(text) if &*key.name == "length" => Val::from(text.chars().count()),
        _ => Val::NULL,
    }
}

fn field<'a>(of: Val<'a>, key: &Key) -> Val<'a> {
    match of {
        Val::Ref(value) => field_of(value, key),
        Val::Own(value) => field_of(&value, key).owned(),
    }
}

/// `of[index]`: a place in a list or a text, a field of an object.
fn item<'a>(machine: &mut Machine<'a>, of: Val<'a>, index: &Value) -> Got<'a> {
    match (&*of, index) {
        (Value::List(_), index) if index.as_i64().is_some() => {
            let at = index.as_i64().unwrap_or_default();
            Ok(of.part(|list| Value::nth(list.as_list()?, at)))
        }
        (Value::Object(_), Value::Text(key)) => {
            machine.spend(key.len() >> 9)?;
            Ok(of.part(|map| map.get(key)))
        }
        (Value::Object(_), Value::Null) => Ok(Val::NULL),
        (Value::Object(_), other) => {
            let mut key = String::new();
            machine.add_words(other, &mut key)?;
            Ok(of.part(|map| map.get(&key)))
        }
        (Value::Text(text), index) if index.as_i64().is_some() => {
            machine.spend(text.len() >> 6)?;
            match crate::functions::char_at(text, index.as_i64().unwrap_or_default()) {
                Some(found) => machine.text(found.encode_utf8(&mut [0; 4]), text.taint()),
                None => Ok(Val::NULL),
            }
        }
        (Value::List(_) | Value::Text(_), Value::Text(key)) => match crate::number::parse(key) {
            Some(Value::Int(at)) => item(machine, of, &Value::Int(at)),
            _ if &**key == "length" => Ok(field(of, &Key::new(key.shared()))),
            _ => Ok(Val::NULL),
        },
        _ => Ok(Val::NULL),
    }
}
