//! A workflow as it runs: names resolved to indices, recipes compiled. Immutable, shared by all runs of its version.

use std::{collections::HashMap, sync::Arc};

use recipe::Value;
use smallvec::SmallVec;

use crate::{Diagnostic, Place, Schedule, Template};

/// A system's workflows at one version.
#[derive(Debug, Clone, Default)]
pub struct System {
    /// Its name.
    pub name: Arc<str>,
    /// By identifier.
    pub workflows: HashMap<Arc<str>, Arc<Graph>>,
    /// Everything that was found, files that did not load included; in order of path and line.
    pub findings: Vec<Diagnostic>,
    /// What could be read of files that did not load: identifiers of their events and workflows, so that a call to one
    /// is 503 with the finding's place and not 404.
    pub broken: Vec<(Arc<str>, Diagnostic)>,
}

impl System {
    /// The workflow and the event of that type and identifier that takes records of `module`: one that names it before
    /// one that takes any, and of several such the one of the first file.
    pub fn event(
        &self,
        types: &[&str],
        identifier: &str,
        module: Option<&str>,
    ) -> Option<(&Arc<Graph>, &Event)> {
        let takes = |event: &Event| {
            &*event.identifier == identifier
                && types.iter().any(|kind| *kind == &*event.kind)
                && event.module.as_deref().is_none_or(|only| Some(only) == module)
        };
        let all =
            self.workflows.values().flat_map(|graph| graph.events.iter().map(move |event| (graph, event)));
        all.filter(|(_, event)| takes(event))
            .min_by_key(|(graph, event)| (event.module.is_none(), &graph.path))
    }
}

/// A workflow.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Unique in the system.
    pub identifier: Arc<str>,
    /// Its file, within the system's folder.
    pub path: Arc<str>,
    /// For people; the identifier if left out.
    pub title: Arc<str>,
    /// For people.
    pub description: Arc<str>,
    /// A run is queued and worked in the background.
    pub is_async: bool,
    /// The queue's name, if the file names one.
    pub queue: Option<Arc<str>>,
    /// The element that starts it when no event does.
    pub entry: Option<u32>,
    /// The nodes, in file order.
    pub elements: Vec<Element>,
    /// What can start it.
    pub events: Vec<Event>,
    /// The one literal `process` that the file names, if it names exactly one (delivery.md, Progress).
    pub process: Option<Arc<str>>,
    /// The literal `process` names (or the default one) that some cast/progress of the file marks `send_to_user`.
    pub private: Vec<Arc<str>>,
    /// Ours: durability.md, `job`.
    pub settings: Value,
    /// `job.unique.key`: evaluated once, at a start.
    pub unique: Option<Template>,
    /// `job.concurrency.key`.
    pub concurrency: Option<Template>,
}

/// A node.
#[derive(Debug, Clone)]
pub struct Element {
    /// Unique in the file.
    pub name: Arc<str>,
    /// Index of its type in the catalog.
    pub kind: usize,
    /// The compiled options.
    pub options: Options,
    /// Input port to the value that replaces what arrived there.
    pub ins: Vec<(u8, Template)>,
    /// Bindings in file order.
    pub set: Vec<Binding>,
    /// Names of its input ports.
    pub in_names: Arc<[Arc<str>]>,
    /// Names of its output ports, in the order in which they fire: those from `outs_from`, then the declared ones.
    pub out_names: Arc<[Arc<str>]>,
    /// For each output port its targets in file order.
    pub outs: Vec<Vec<Target>>,
    /// The element's own `retry`, null if it has none.
    pub retry: Value,
    /// `meta.position`.
    pub position: Option<[f64; 2]>,
    /// Where it stands.
    pub place: Place,
}

impl Element {
    /// The index of an output port.
    pub fn out(&self, name: &str) -> Option<u8> {
        self.out_names.iter().position(|port| &**port == name).map(|index| index as u8)
    }

    /// Whether the file connects or binds the output port `error`: then a failure goes there.
    pub fn takes_errors(&self) -> bool {
        self.out("error").is_some_and(|port| {
            !self.outs[port as usize].is_empty()
                || self.set.iter().any(|binding| binding.from == Source::Out(port))
        })
    }
}

/// Where a port's value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Index of the element.
    pub element: u32,
    /// Its input ports.
    pub ports: SmallVec<[u8; 2]>,
}

/// A variable and what it is set to when its element fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The variable.
    pub variable: Arc<str>,
    /// The port.
    pub from: Source,
    /// A part of the port's value: `path.to.field`.
    pub path: Option<Arc<str>>,
}

/// A port of the element itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// What came in.
    In(u8),
    /// What left.
    Out(u8),
}

/// What can start a workflow.
#[derive(Debug, Clone)]
pub struct Event {
    /// Names the event element where the run starts.
    pub identifier: Arc<str>,
    /// webhook, cron, on_click, ...
    pub kind: Arc<str>,
    /// Index of its element.
    pub element: u32,
    /// Needs no sign-in.
    pub public: bool,
    /// Who may start it; empty: everyone signed in.
    pub roles: Vec<Arc<str>>,
    /// Overrides the workflow's `async`.
    pub is_async: Option<bool>,
    /// Only for records of this module.
    pub module: Option<Arc<str>>,
    /// Only for runs of this workflow that failed.
    pub workflow: Option<Arc<str>>,
    /// When it is due by itself.
    pub schedule: Option<Schedule>,
    /// Every key as it stands in the file, those of the event laid over the element's options.
    pub options: Value,
}

/// An element's options, compiled.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// In file order; null ones and ignored ones are left out.
    pub list: Vec<(Arc<str>, Template)>,
}

impl Options {
    /// The option of that name.
    pub fn get(&self, name: &str) -> Option<&Template> {
        self.list.iter().find(|(key, _)| &**key == name).map(|(_, template)| template)
    }
}
