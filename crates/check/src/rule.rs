//! What a rule is, and how it says what it found.

use workflow::{Diagnostic, Severity, Spot, Step};

use crate::view::{Node, View};

/// A kind of finding.
#[derive(Clone, Copy)]
pub struct Rule {
    /// `HF018`; stable, never used again for something else.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// How grave it is, unless hefe.toml says otherwise.
    pub severity: Severity,
    /// Why it matters.
    pub why: &'static str,
    /// Files with such a mistake.
    pub bad: &'static [&'static str],
    /// The same without it.
    pub good: &'static [&'static str],
    /// How to mend it.
    pub fix: &'static str,
    /// Looks for it; None: loading does.
    pub(crate) find: Option<Find>,
}

pub(crate) type Find = fn(&View<'_>, &mut Found<'_>);

/// What one rule has found.
pub(crate) struct Found<'v> {
    rule: &'static Rule,
    view: &'v View<'v>,
    list: Vec<Diagnostic>,
}

/// What a finding is about: a place in a file, found by the steps that lead to it.
#[derive(Clone, Copy)]
pub(crate) struct At<'s> {
    file: usize,
    element: Option<u32>,
    steps: &'s [Step<'s>],
    spot: Spot<'s>,
}

impl<'s> At<'s> {
    /// The element, by its name.
    pub(crate) fn element(node: Node) -> At<'s> {
        const NAME: &[Step<'static>] = &[Step::Key("name")];
        At { file: node.file, element: Some(node.element), steps: NAME, spot: Spot::Value }
    }

    /// What is in an element, by the steps from it.
    pub(crate) fn inside(node: Node, steps: &'s [Step<'s>]) -> At<'s> {
        At { file: node.file, element: Some(node.element), steps, spot: Spot::Value }
    }

    /// What is in a file, by the steps from its beginning.
    pub(crate) fn file(file: usize, steps: &'s [Step<'s>]) -> At<'s> {
        At { file, element: None, steps, spot: Spot::Value }
    }

    /// The key instead of what stands under it.
    pub(crate) fn key(self) -> At<'s> {
        At { spot: Spot::Key, ..self }
    }

    /// Some words of it.
    pub(crate) fn words(self, words: &'s str) -> At<'s> {
        At { spot: Spot::Words(words), ..self }
    }
}

impl<'v> Found<'v> {
    pub(crate) fn of(rule: &'static Rule, view: &'v View<'v>) -> Vec<Diagnostic> {
        let mut found = Found { rule, view, list: Vec::new() };
        if let Some(find) = rule.find {
            find(view, &mut found);
        }
        found.list
    }

    /// A finding as grave as its rule says.
    pub(crate) fn say(&mut self, at: At<'_>, says: impl Into<String>, help: impl Into<String>) {
        self.add(self.rule.severity, at, says.into(), help.into());
    }

    /// One that is good to know, no more.
    pub(crate) fn note(&mut self, at: At<'_>, says: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Info, at, says.into(), help.into());
    }

    fn add(&mut self, severity: Severity, at: At<'_>, says: String, help: String) {
        let graph = self.view.graph(at.file);
        let mut steps = Vec::with_capacity(at.steps.len() + 2);
        if let Some(element) = at.element {
            steps.extend([Step::Key("elements"), Step::At(element as usize)]);
        }
        steps.extend_from_slice(at.steps);
        let element = at.element.and_then(|index| graph.elements.get(index as usize));
        self.list.push(Diagnostic {
            code: self.rule.code,
            severity,
            place: self.view.sources.place(&graph.path, &steps, at.spot),
            element: element.map(|element| element.name.clone()),
            says,
            help,
        });
    }
}
