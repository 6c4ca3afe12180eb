//! The functions: a row of a table each, a category a file. Each is a method of its first argument too.

mod args;
mod checks;
mod context;
mod dates;
mod higher;
mod lists;
mod numbers;
mod objects;
mod sanitise;
mod text;

pub use dates::{instant_ms, time_zone, time_zones};

pub(crate) use args::{Args, char_at};

use crate::eval::Got;

/// A function that recipes can call.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is written; what may be left out ends in `?`, what may be repeated in `...`.
    pub usage: &'static str,
    /// What it gives, in a sentence or two.
    pub doc: &'static str,
    /// Expressions and their values as JSON. They are its tests.
    pub examples: &'static [(&'static str, &'static str)],
    /// Fewest and most arguments.
    pub(crate) takes: (u8, u8),
    /// The place of the argument that may be a lambda.
    pub(crate) lambda: Option<usize>,
    /// Asks nothing of the run: the same arguments always give the same value.
    pub(crate) pure: bool,
    /// Goes over the items of its first argument, one after the other and once, and looks at it in no other way.
    pub(crate) streams: bool,
    pub(crate) run: Run,
}

pub(crate) type Run = for<'m, 'a> fn(&mut Args<'m, 'a>) -> Got<'a>;

type Examples = &'static [(&'static str, &'static str)];

/// Every function there is, by category, as recipe.md lists them.
const CATEGORIES: &[(&str, &[Function])] = &[
    ("Numbers", numbers::FUNCTIONS),
    ("Text", text::FUNCTIONS),
    ("Lists", lists::FUNCTIONS),
    ("Lists with a lambda", higher::FUNCTIONS),
    ("Objects", objects::FUNCTIONS),
    ("Dates", dates::FUNCTIONS),
    ("Context", context::FUNCTIONS),
    ("Checks", checks::FUNCTIONS),
    ("Sanitising", sanitise::FUNCTIONS),
];

/// Every function there is, with its category, in the order of the documentation.
pub fn functions() -> impl Iterator<Item = (&'static str, &'static Function)> {
    CATEGORIES.iter().flat_map(|(category, functions)| functions.iter().map(move |one| (*category, one)))
}

/// A row: name and arity stand in `usage`.
const fn row(usage: &'static str, doc: &'static str, examples: Examples, run: Run) -> Function {
    let bytes = usage.as_bytes();
    let mut open = 0;
    while bytes[open] != b'(' {
        open += 1;
    }
    let (mut least, mut most, mut at) = (0, 0, open + 1);
    while bytes[at] != b')' {
        // A parameter ends before a comma or the closing bracket.
        if matches!(bytes[at + 1], b',' | b')') {
            most += 1;
            match bytes[at] {
                b'?' => {}
                b'.' => most = u8::MAX,
                _ => least += 1,
            }
        }
        at += 1;
    }
    let name = usage.split_at(open).0;
    Function {
        name,
        usage,
        doc,
        examples,
        takes: (least, most),
        lambda: None,
        pure: true,
        streams: false,
        run,
    }
}

impl Function {
    /// It takes a lambda as its second argument.
    const fn with_lambda(self) -> Function {
        Function { lambda: Some(1), streams: true, ..self }
    }

    /// It takes items as they come.
    const fn that_streams(self) -> Function {
        Function { streams: true, ..self }
    }

    /// It asks the run.
    const fn that_asks(self) -> Function {
        Function { pure: false, ..self }
    }

    /// What is wrong with so many arguments.
    pub(crate) fn arity_says(&self, given: usize, is_method: bool) -> String {
        let before = usize::from(is_method);
        let count = |n: usize| match n {
            0 => "no arguments".to_owned(),
            1 => "1 argument".to_owned(),
            n => format!("{n} arguments"),
        };
        let (least, most) = (usize::from(self.takes.0), usize::from(self.takes.1));
        if is_method && most == 0 {
            return format!("`{}` is no method", self.name);
        }
        let takes = match (least.saturating_sub(before), most - before) {
            (_, most) if given > usize::from(u8::MAX) => format!("at most {}", count(most)),
            (least, most) if least == most => count(most),
            (least, _) if self.takes.1 == u8::MAX => format!("at least {}", count(least)),
            (least, most) => format!("{least} to {}", count(most)),
        };
        format!("`{}` takes {takes}, not {}", self.name, given - before)
    }
}

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    functions().map(|(_, function)| function).find(|function| function.name == name)
}

/// The name that was probably meant.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let far = (name.len() + 1) / 3;
    let distance = |known: &str| distance(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
    functions()
        .map(|(_, function)| (distance(function.name), function.name))
        .min()
        .filter(|(edits, _)| *edits <= far)
        .map(|(_, name)| name)
}

/// How many letters are to be changed, added or taken away. Names are short: what is longer is far.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 8 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
