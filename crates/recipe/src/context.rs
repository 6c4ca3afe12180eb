//! What a recipe sees of the world around it.

use crate::{Map, Value};

/// What an evaluation reads.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The value that `this` names and whose fields bare names are.
    pub this: &'a Value,
    /// The variables that `$name` reads.
    pub vars: &'a Map,
    /// What the run answers.
    pub facts: &'a dyn Facts,
    /// The budget.
    pub limits: Limits,
}

/// The budget of one evaluation (recipe.md, Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Evaluation steps: an operator, a call, an item that is looked at.
    pub steps: u64,
    /// Bytes of values made, those dropped again included, so that the same recipe on the same input always stops at
    /// the same place.
    pub bytes: usize,
    /// Levels of nesting of the expression.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 1_000_000, bytes: 64 << 20, depth: 256 }
    }
}

/// What a recipe may ask of the run it stands in. All of it is recorded, so that a repetition sees the same.
pub trait Facts {
    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        0
    }

    /// A new id at every call.
    fn uuid(&self) -> String {
        String::new()
    }

    /// The person for whom it runs.
    fn user(&self) -> Value {
        Value::Null
    }

    /// Whether that person has the role.
    fn has_role(&self, _role: &str) -> bool {
        false
    }

    /// Whether that person may do everything.
    fn is_root(&self) -> bool {
        false
    }

    /// A language tag: the request's, else the user's, else the system's.
    fn locale(&self) -> String {
        String::new()
    }

    /// The IANA name of the system's time zone.
    fn timezone(&self) -> String {
        "UTC".to_owned()
    }

    /// The tenant.
    fn system(&self) -> Value {
        Value::Null
    }

    /// The run.
    fn run(&self) -> Value {
        Value::Null
    }

    /// The signed address at which a person brings the run the signal of that name; None where nobody can.
    fn signal_url(&self, _name: &str) -> Option<String> {
        None
    }

    /// A value of the version's configuration.
    fn config(&self, _key: &str) -> Value {
        Value::Null
    }

    /// The translation of a key (dots walk nested keys) in the run's locale, as it is written; `t()` fills its
    /// placeholders from `args` where they are still there.
    fn translate(&self, _key: &str, _args: &Map) -> Option<String> {
        None
    }

    /// A secret from the environment, where settings allow it.
    fn env(&self, _key: &str) -> Option<String> {
        None
    }
}

/// A world without answers: every method's default.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFacts;

impl Facts for NoFacts {}
