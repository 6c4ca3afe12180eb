//! What an element type is to the machine: its declaration, and three plain functions of it.

use std::sync::Arc;

use recipe::{Map, Value};
use smallvec::SmallVec;
use workflow::{Declaration, Element, Graph, System, Template};

use crate::{
    FiringId, Run,
    effect::{Asked, Failure, Live, Own, Progress, placed_id},
    facts::RunFacts,
    machine::Response,
    options,
    state::{Hold, Inputs},
};

/// Output ports that fire, by name, in the order in which their type declares them.
pub(crate) type Ports = SmallVec<[(PortName, Value); 2]>;

/// A declared port, or one that the file names (flow/switch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortName {
    /// Declared by the type.
    Fixed(&'static str),
    /// Named by the file.
    Named(Arc<str>),
}

impl PortName {
    /// The port's name.
    pub(crate) fn text(&self) -> &str {
        match self {
            PortName::Fixed(name) => name,
            PortName::Named(name) => name,
        }
    }
}

/// One port that fires.
pub(crate) fn port(name: &'static str, value: Value) -> Ports {
    let mut ports = Ports::new();
    ports.push((PortName::Fixed(name), value));
    ports
}

/// What a firing comes to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Ports fire.
    Emit(Ports),
    /// The branch waits: the outcome goes to [`Type::finish`].
    Ask(Asked),
    /// A frame opens: [`Type::turn`] says what happens in it.
    Open(Open),
    /// The workflow that it stands in ends, with that message.
    Stop(Result<Value, Failure>),
}

/// A frame to be opened.
#[derive(Debug)]
pub(crate) struct Open {
    /// What it is for.
    pub(crate) hold: Hold,
    /// Variables of its own; None: the enclosing ones.
    pub(crate) vars: Option<Map>,
    /// What the enclosing variables become as it opens; None: they stay.
    pub(crate) lay: Option<Map>,
}

/// What happens when a frame has nothing left to deliver.
#[derive(Debug)]
pub(crate) enum Again {
    /// Ports of the opening element fire inside the frame: the next item, turn, branch.
    Inside(Ports),
    /// Another workflow is entered inside the frame, with that input.
    Enter(Arc<str>, Value),
    /// Iterations begin beside those that are under way, each with its index; none: the loop waits for them.
    Fork(Vec<(u64, Ports)>),
    /// An iteration has ended, with what it puts into the list.
    Done(Value),
    /// The frame closes and ports fire where its element stands.
    Close(Ports),
}

/// An element type.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    /// What it says of itself.
    pub(crate) declaration: &'static Declaration,
    /// Fires.
    pub(crate) step: fn(&mut Firing<'_>) -> Result<Step, Failure>,
    /// Goes on with what the world answered.
    pub(crate) finish: fn(&mut Firing<'_>, Value) -> Result<Ports, Failure>,
    /// Goes on when its frame is exhausted.
    pub(crate) turn: fn(&mut Firing<'_>, &mut Hold) -> Result<Again, Failure>,
}

impl Type {
    /// A type that neither asks nor opens.
    pub(crate) const fn plain(
        declaration: &'static Declaration,
        step: fn(&mut Firing<'_>) -> Result<Step, Failure>,
    ) -> Type {
        Type {
            declaration,
            step,
            finish: |_, _| Ok(Ports::new()),
            turn: |_, _| Ok(Again::Close(Ports::new())),
        }
    }

    /// A type that opens a frame.
    pub(crate) const fn frame(
        declaration: &'static Declaration,
        step: fn(&mut Firing<'_>) -> Result<Step, Failure>,
        turn: fn(&mut Firing<'_>, &mut Hold) -> Result<Again, Failure>,
    ) -> Type {
        Type { declaration, step, finish: |_, _| Ok(Ports::new()), turn }
    }
}

/// What a firing leaves behind besides its ports, in order.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) own: Vec<Own>,
    pub(crate) live: Vec<Live>,
    pub(crate) page: Vec<Value>,
    pub(crate) response: Option<Response>,
    /// What this branch started is awaited now.
    pub(crate) awaited: bool,
}

/// An element that fires: what it may see, and where it leaves what it wants done.
pub(crate) struct Firing<'a> {
    pub(crate) element: &'a Element,
    pub(crate) graph: &'a Graph,
    pub(crate) run: &'a Run,
    pub(crate) system: &'a System,
    pub(crate) inputs: &'a Inputs,
    pub(crate) vars: &'a Map,
    pub(crate) items: &'a mut Vec<Progress>,
    /// Background runs that this branch started and has not awaited.
    pub(crate) started: &'a dyn Fn() -> Vec<u128>,
    pub(crate) facts: RunFacts<'a>,
    pub(crate) left: Left,
}

impl Firing<'_> {
    /// The value on the default input port.
    pub(crate) fn input(&self) -> Value {
        self.input_on(0)
    }

    /// The value on an input port; null if nothing came.
    pub(crate) fn input_on(&self, port: u8) -> Value {
        options::on(self.inputs, port)
    }

    /// The value on an input port by its name.
    pub(crate) fn named(&self, port: &str) -> Value {
        let index = self.element.in_names.iter().position(|name| &**name == port);
        index.map_or(Value::Null, |index| self.input_on(index as u8))
    }

    /// Whether something arrived on that input port.
    pub(crate) fn has(&self, port: &str) -> bool {
        let index = self.element.in_names.iter().position(|name| &**name == port);
        index.is_some_and(|index| self.inputs.iter().any(|(at, _)| usize::from(*at) == index))
    }

    /// The id of this firing.
    pub(crate) fn id(&self) -> FiringId {
        (self.facts.firing)()
    }

    /// An id for what it makes: the same at every replay, and sorted by age, so that new rows go to the right edge of a table.
    pub(crate) fn new_id(&self, what: &str) -> u128 {
        placed_id(self.facts.now_ms, self.facts.place, self.id().derive(what, 0))
    }

    /// Whether the file gives that option.
    pub(crate) fn given(&self, option: &str) -> bool {
        self.element.options.get(option).is_some()
    }

    /// The option as it is compiled.
    pub(crate) fn template(&self, option: &str) -> Option<&Template> {
        self.element.options.get(option)
    }

    /// The option's value; null if it is left out.
    pub(crate) fn value(&self, option: &str) -> Result<Value, Failure> {
        match self.template(option) {
            Some(template) => self.eval(template, &self.input()),
            None => Ok(Value::Null),
        }
    }

    /// The value of a part of an option with `this` as given.
    pub(crate) fn eval(&self, template: &Template, this: &Value) -> Result<Value, Failure> {
        options::eval(template, this, self.vars, self.inputs, &self.facts)
    }
}
