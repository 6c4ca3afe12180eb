//! The files of a system after they were read: where in them something stands is asked only for what is found.

use std::{collections::HashMap, ops::Range, sync::Arc};

use recipe::Value;

use super::Source;
use crate::{Place, json::Node};

/// A step from a value of the file into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The field of that name.
    Key(&'a str),
    /// The item at that place.
    At(usize),
}

/// What is meant of the value that the steps lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot<'a> {
    /// The value.
    Value,
    /// The key under which it stands.
    Key,
    /// Those words in it, where they stand for themselves: `$name` is not in `$names`.
    Words(&'a str),
}

/// The files that could be read, by path.
pub struct Sources<'a>(HashMap<Arc<str>, Source<'a>>);

impl<'a> Sources<'a> {
    pub(super) fn of(sources: Vec<Source<'a>>) -> Sources<'a> {
        Sources(sources.into_iter().map(|source| (source.path.clone(), source)).collect())
    }

    /// Where it stands; as near to it as there is something, if there is nothing.
    pub fn place(&self, path: &str, steps: &[Step<'_>], spot: Spot<'_>) -> Place {
        let Some(source) = self.0.get(path) else { return Place { path: path.into(), ..Place::default() } };
        let (mut node, mut key) = (&*source.root, None);
        let mut whole = true;
        for step in steps {
            match into(node, *step) {
                Some((at, next)) => (key, node) = (at.or(key), next),
                None => {
                    whole = false;
                    break;
                }
            }
        }
        let span = match (spot, key) {
            (Spot::Key, Some(key)) => key,
            (Spot::Words(words), _) if whole => within(source.text, &node.span, words),
            _ => node.span.clone(),
        };
        source.place(span)
    }

    /// The value there.
    pub fn value(&self, path: &str, steps: &[Step<'_>]) -> Option<Value> {
        let mut node = &*self.0.get(path)?.root;
        for step in steps {
            node = into(node, *step)?.1;
        }
        Some(node.value())
    }

    /// The paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|path| &**path)
    }
}

/// One step: the span of the key that it goes by, and the value there.
fn into<'n>(node: &'n Node, step: Step<'_>) -> Option<(Option<Range<usize>>, &'n Node)> {
    match step {
        Step::Key(name) => {
            let (key, value) = node.fields().iter().rev().find(|(key, _)| key.text == name)?;
            Some((Some(key.span.clone()), value))
        }
        Step::At(index) => node.items().get(index).map(|value| (None, value)),
    }
}

/// Where the words stand in a part of the file; all of it if they do not.
fn within(text: &str, span: &Range<usize>, words: &str) -> Range<usize> {
    let part = text.get(span.clone()).unwrap_or_default();
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let found = part.match_indices(words).find(|(at, _)| {
        let (before, after) = (&part[..*at], &part[at + words.len()..]);
        !(after.starts_with(goes_on) || before.ends_with(goes_on) && words.starts_with(goes_on))
    });
    found.map_or(span.clone(), |(at, _)| span.start + at..span.start + at + words.len())
}
