//! Compiled code to a value.
//!
//! Values are borrowed from the input, the variables and the code as long as they can be. Depth needs no guard here,
//! because the tree was bounded when it was parsed; work is counted where it can repeat: at lambdas, items and bytes.

mod build;
mod path;
mod val;

use smallvec::SmallVec;

use crate::{
    Context, List, Map, Taint, Text, Value,
    ast::Binary,
    code::{Call, Code, Lambda, Pair, Program},
    functions::Args,
    operators,
    value::{DEPTH, NULL},
};
pub(crate) use path::{fields, no_list};
pub(crate) use val::{Got, Stop, Val};

/// One evaluation.
pub(crate) struct Machine<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The variables that the recipe reads, looked up once.
    vars: SmallVec<[&'a Value; 4]>,
    /// The arguments of lambdas; compiling gave each parameter its place.
    slots: SmallVec<[Val<'a>; 4]>,
    steps_left: u64,
    bytes_left: usize,
    /// Reused for texts that are put together.
    scratch: String,
}

impl<'a> Machine<'a> {
    /// What a recipe gives.
    #[inline]
    pub(crate) fn run(context: &'a Context<'a>, program: &'a Program) -> Result<Value, Stop> {
        let mut machine = Machine {
            context,
            vars: SmallVec::new(),
            slots: SmallVec::new(),
            steps_left: context.limits.steps,
            bytes_left: context.limits.bytes,
            scratch: String::new(),
        };
        // Pushed one by one: collecting into a SmallVec costs as much as a whole path read.
        for key in &program.vars {
            machine.vars.push(context.vars.get_near(&key.name, &key.near).unwrap_or(&NULL));
        }
        for _ in 0..program.slots {
            machine.slots.push(Val::NULL);
        }
        machine.value(&program.code)
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
        self.spend_bytes(object_bytes(map.len()))?;
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
            .for_size()
    }

    /// The operator `==`.
    pub(crate) fn same(&mut self, left: &Value, right: &Value) -> Result<bool, Stop> {
        match left.same(right, &mut self.steps_left) {
            Some(same) => Ok(same),
            None => self.spend(usize::MAX).map(|()| false),
        }
    }

    #[inline]
    fn value(&mut self, code: &'a Code) -> Result<Value, Stop> {
        match code {
            Code::Path(base, keys) => Ok(match self.reach(base, keys) {
                Some(value) => value.clone(),
                None => self.make_path(base, keys).own(),
            }),
            code => self.eval(code).map(Val::own),
        }
    }

    pub(crate) fn eval(&mut self, code: &'a Code) -> Got<'a> {
        match code {
            Code::Const(value) => Ok(Val::Ref(value)),
            Code::Path(base, keys) => Ok(match self.reach(base, keys) {
                Some(value) => Val::Ref(value),
                None => self.make_path(base, keys),
            }),
            Code::Pair(pair) => self.pair(pair),
            Code::Row(row) => self.row(&row.0, &row.1),
            Code::Member(member) => {
                let of = self.eval(&member.0)?;
                Ok(self.field(of, &member.1))
            }
            Code::Index(index) => self.index(&index.0, &index.1),
            Code::Not(of) => Ok((!self.holds(of)?).into()),
            Code::And(codes) => self.first(codes, |value| !value.truthy()),
            Code::Or(codes) => self.first(codes, |value| value.truthy()),
            Code::Coalesce(codes) => self.first(codes, |value| !value.is_null()),
            Code::Choice(choice) => {
                let [condition, then, otherwise] = &**choice;
                let holds = self.holds(condition)?;
                self.eval(if holds { then } else { otherwise })
            }
            Code::Call(call) => self.call(call),
            other => self.eval_rare(other),
        }
    }

    /// Does something with a value. Most are constants and paths, which are handed on as a pointer: moving what an
    /// evaluation gave back costs a quarter of `a.b * a.c`.
    #[inline]
    fn with<T>(
        &mut self,
        code: &'a Code,
        then: impl FnOnce(&mut Self, &Value) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let found = match code {
            Code::Const(value) => Some(value),
            Code::Path(base, keys) => self.reach(base, keys),
            _ => None,
        };
        match found {
            Some(value) => then(self, value),
            // By reference: taking it out would copy it.
            None => match self.eval(code) {
                Ok(ref value) => then(self, value),
                Err(stop) => Err(stop),
            },
        }
    }

    /// Whether a condition holds: its value, if that is only a truth, is not made.
    pub(crate) fn holds(&mut self, code: &'a Code) -> Result<bool, Stop> {
        match code {
            Code::Pair(pair) if pair.op.tests() => self.test(pair),
            Code::Not(of) => Ok(!self.holds(of)?),
            Code::And(codes) => self.all(codes, true),
            Code::Or(codes) => Ok(!self.all(codes, false)?),
            code => self.with(code, |_, value| Ok(value.truthy())),
        }
    }

    /// Whether all conditions hold, or none does.
    fn all(&mut self, codes: &'a [Code], hold: bool) -> Result<bool, Stop> {
        for code in codes {
            if self.holds(code)? != hold {
                return Ok(false);
            }
        }
        Ok(true)
    }

    #[inline(never)]
    fn eval_rare(&mut self, code: &'a Code) -> Got<'a> {
        match code {
            Code::Sign(op, of, span) => self.sign(*op, of, *span),
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

    fn pair(&mut self, pair: &'a Pair) -> Got<'a> {
        self.with(&pair.left, |machine, left| {
            machine.with(&pair.right, |machine, right| machine.operate(pair.op, left, right))
        })
        .map_err(|stop| stop.at(pair.span))
    }

    /// A relation or an equality.
    fn test(&mut self, pair: &'a Pair) -> Result<bool, Stop> {
        self.with(&pair.left, |machine, left| {
            machine.with(&pair.right, |machine, right| match operators::quick_test(pair.op, left, right) {
                Some(holds) => Ok(holds),
                None => machine.operate(pair.op, left, right).map(|value| value.truthy()),
            })
        })
        .map_err(|stop| stop.at(pair.span))
    }

    fn operate(&mut self, op: Binary, left: &Value, right: &Value) -> Got<'a> {
        if let Some(value) = operators::quick(op, left, right) {
            return Ok(Val::Own(value));
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

    /// The first operand that ends the row, else the last.
    fn first(&mut self, codes: &'a [Code], ends: fn(&Value) -> bool) -> Got<'a> {
        let mut value = Val::NULL;
        for code in codes {
            value = match code {
                Code::Pair(pair) if pair.op.tests() => self.test(pair)?.into(),
                code => self.eval(code)?,
            };
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

    /// Calls a lambda with an item and its place.
    #[inline(always)]
    pub(crate) fn apply(&mut self, lambda: &'a Lambda, item: Val<'a>, at: usize) -> Got<'a> {
        self.bind(lambda, item, at)?;
        self.eval(&lambda.body)
    }

    /// [`Machine::apply`] that only asks whether what the lambda gives holds.
    #[inline(always)]
    pub(crate) fn apply_test(&mut self, lambda: &'a Lambda, item: Val<'a>, at: usize) -> Result<bool, Stop> {
        self.bind(lambda, item, at)?;
        self.holds(&lambda.body)
    }

    #[inline(always)]
    fn bind(&mut self, lambda: &'a Lambda, item: Val<'a>, at: usize) -> Result<(), Stop> {
        self.spend(lambda.steps as usize)?;
        match self.slots.get_mut(lambda.base as usize) {
            Some(place) if lambda.params > 0 => match item {
                Val::Ref(value) => *place = Val::Ref(value),
                own => *place = own,
            },
            _ => {}
        }
        if lambda.params > 1 {
            self.bind_more(lambda, 1, [at.into()]);
        }
        Ok(())
    }

    /// Calls a lambda with what was made so far, an item and its place.
    pub(crate) fn apply_to(
        &mut self,
        lambda: &'a Lambda,
        so_far: Val<'a>,
        item: Val<'a>,
        at: usize,
    ) -> Got<'a> {
        self.spend(lambda.steps as usize)?;
        self.bind_more(lambda, 0, [so_far, item, at.into()]);
        self.eval(&lambda.body)
    }

    /// Arguments from a place on; those that the lambda has no name for are left away, missing ones are null.
    #[inline(never)]
    fn bind_more<const N: usize>(&mut self, lambda: &'a Lambda, from: usize, args: [Val<'a>; N]) {
        let (base, params) = (lambda.base as usize, lambda.params as usize);
        let places = self.slots.iter_mut().take(base + params).skip(base + from);
        let mut args = args.into_iter();
        places.for_each(|place| *place = args.next().unwrap_or(Val::NULL));
    }
}

/// What an object with so many keys holds beside its values' own parts. Large ones are indexed.
pub(crate) fn object_bytes(keys: usize) -> usize {
    keys.saturating_mul(if keys > 16 { 128 } else { 48 }).saturating_add(104)
}

/// What looking at all of a text costs.
fn steps_of(value: &Value) -> usize {
    if let Value::Text(text) = value { text.len() >> 9 } else { 0 }
}
