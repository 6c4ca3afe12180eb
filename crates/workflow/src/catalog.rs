//! How an element type describes itself. Loading, check, the JSON schema, the docs and the run time read this one definition.

/// What is promised for a type's effects (elements.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing is recorded.
    Pure,
    /// The result is recorded, without waiting for the disk.
    Read,
    /// Its writes and its record are one transaction.
    Own,
    /// Recorded after it happened, with a key that stays.
    Outside,
    /// Not recorded, silent while replaying.
    Live,
    /// The run parks.
    Wait,
}

/// How an option's JSON is understood (workflow.md, Option values).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Taken as it stands.
    Literal,
    /// A string that is an expression; in an object or a list, each string at any depth is one.
    Recipe,
    /// JSON with recipes inside.
    Value,
    /// Known to editors or to Brezel, without effect here.
    Ignored,
}

/// JSON types that an option may have when it is written without a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// A number.
    Number,
    /// true or false.
    Bool,
    /// A list.
    List,
    /// An object.
    Object,
}

/// An option of an element type.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// Its key.
    pub name: &'static str,
    /// How its JSON is understood.
    pub kind: Kind,
    /// Which JSON types it may have; a literal of another type is an error at load.
    pub json: &'static [Json],
    /// Texts that it must not be: one that stands there literally is an error at load.
    pub never: &'static [&'static str],
    /// One sentence, with unit and default.
    pub doc: &'static str,
}

/// A port of an element type.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// What comes in or leaves.
    pub doc: &'static str,
}

/// One example: it is a test, and it stands on the type's page.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What it shows.
    pub says: &'static str,
    /// The element's JSON without name and type.
    pub element: &'static str,
    /// The value on its default input port, as JSON.
    pub input: &'static str,
    /// Output port to value, in the order of firing, as a JSON object.
    pub output: &'static str,
}

/// An element type.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// `category/name`.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// The promise.
    pub class: Class,
    /// Its options.
    pub options: &'static [Opt],
    /// Its input ports.
    pub ins: &'static [Port],
    /// Its output ports, in the order in which they fire, errors last.
    pub outs: &'static [Port],
    /// The option (a list of objects) whose entries' `port` name further output ports, before the declared ones.
    pub outs_from: Option<&'static str>,
    /// Examples.
    pub examples: &'static [Example],
}

/// Every element type there is, in the order of its index in [`crate::Element::kind`].
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The types.
    pub types: Vec<&'static Declaration>,
}

impl Catalog {
    /// The index of the type of that name.
    pub fn find(&self, name: &str) -> Option<usize> {
        // An older hefe, as far as its workflows show.
        if name == "action/log" && crate::sabotage::is("older") {
            return None;
        }
        self.types.iter().position(|declaration| declaration.name == name)
    }
}
