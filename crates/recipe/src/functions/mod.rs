//! The functions: a row each, a file a category.

mod checks;
mod context;
mod lists;
mod numbers;
mod text;

use smallvec::SmallVec;

use crate::{
    Value,
    code::{Call, Lambda},
    eval::{Got, Machine, Stop, Val},
};

/// A function, which is also a method of its first argument.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The least and the most arguments.
    pub(crate) takes: (u8, u8),
    /// Which argument may be a lambda.
    pub(crate) lambda: Option<usize>,
    /// How it is written.
    pub(crate) usage: &'static str,
    /// What it does.
    pub(crate) run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
}

impl Function {
    pub(crate) fn arity_says(&self, given: usize, is_method: bool) -> String {
        let own = usize::from(is_method);
        let (least, most) = (usize::from(self.takes.0) - own, usize::from(self.takes.1).saturating_sub(own));
        let takes = match (least, most) {
            (least, most) if least == most => format!("{least}"),
            (least, most) if most >= 250 => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        format!("`{}` takes {takes} arguments, and has {}", self.name, given - own)
    }
}

/// What a function is called with.
pub(crate) struct Args<'a, 'm> {
    pub(crate) machine: &'m mut Machine<'a>,
    pub(crate) values: SmallVec<[Val<'a>; 3]>,
    pub(crate) call: &'a Call,
}

impl<'a> Args<'a, '_> {
    /// An argument; null if it is left out.
    pub(crate) fn at(&self, index: usize) -> Val<'a> {
        self.values.get(index).map_or(Val::NULL, Val::share)
    }

    pub(crate) fn lambda(&self) -> Option<&'a Lambda> {
        self.call.lambda.as_ref()
    }

    /// The items of an argument: a list as it is, null as none, anything else alone.
    pub(crate) fn items(&self, index: usize) -> Vec<Value> {
        match &*self.at(index) {
            Value::Null => Vec::new(),
            Value::List(list) => list.to_vec(),
            one => vec![one.clone()],
        }
    }

    pub(crate) fn wrong(&self, index: usize, wanted: &str) -> Stop {
        let met = self.at(index).type_name();
        Stop::new(format!("`{}` takes {wanted}, and got {met}", self.call.function.name))
            .with_help(format!("it is written `{}`", self.call.function.usage))
    }
}

fn all() -> impl Iterator<Item = &'static Function> {
    [numbers::FUNCTIONS, text::FUNCTIONS, lists::FUNCTIONS, context::FUNCTIONS, checks::FUNCTIONS]
        .into_iter()
        .flatten()
}

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// The known name nearest to the one that was written.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let near = all().map(|function| (distance(name, function.name), function.name)).min();
    near.filter(|(distance, _)| *distance <= (name.len() / 3).max(1)).map(|(_, name)| name)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The character at a place; a negative one counts from the end.
pub(crate) fn char_at(text: &str, at: i64) -> Option<char> {
    if at >= 0 { text.chars().nth(at as usize) } else { text.chars().rev().nth((-(at + 1)) as usize) }
}
