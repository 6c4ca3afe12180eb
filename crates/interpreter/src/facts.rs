//! What recipes may ask of the run they stand in. All of it is recorded with the run's start or an outcome.

use std::{cell::Cell, sync::Arc};

use recipe::{Facts, Map, Value};
use workflow::Graph;

use crate::{FiringId, Signals, elements};

/// The run, as it was started. Nothing of it changes while it is worked.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: u128,
    /// How the id is written.
    pub id_text: Arc<str>,
    /// The run that a person or a schedule started.
    pub root: u128,
    /// The tenant.
    pub system: Arc<str>,
    /// The person's object ({id, ...}); null without one.
    pub user: Value,
    /// The person's roles.
    pub roles: Vec<Arc<str>>,
    /// Language tag.
    pub locale: Arc<str>,
    /// IANA name.
    pub timezone: Arc<str>,
    /// Whether a request waits for it.
    pub in_request: bool,
    /// Where people bring it signals.
    pub signals: Signals,
}

/// A firing's view of its run.
pub(crate) struct RunFacts<'a> {
    pub(crate) run: &'a Run,
    /// The file that asks.
    pub(crate) graph: &'a Graph,
    pub(crate) now_ms: i64,
    pub(crate) firing: &'a dyn Fn() -> FiringId,
    /// Grows with the turns of a loop.
    pub(crate) place: u64,
    pub(crate) uuids: Cell<u32>,
}

impl Facts for RunFacts<'_> {
    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn uuid(&self) -> String {
        let count = self.uuids.get();
        self.uuids.set(count + 1);
        let n = (self.firing)().derive("uuid", count);
        // Version 8 (custom), variant 1: a hash, not random.
        let n = n & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        let (a, b, c, d, e) =
            (n >> 96, n >> 80 & 0xffff, n >> 64 & 0xffff, n >> 48 & 0xffff, n & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }

    fn user(&self) -> Value {
        self.run.user.clone()
    }

    fn has_role(&self, role: &str) -> bool {
        self.run.roles.iter().any(|has| &**has == role)
    }

    fn is_root(&self) -> bool {
        self.has_role("admin")
    }

    fn locale(&self) -> String {
        self.run.locale.to_string()
    }

    fn timezone(&self) -> String {
        self.run.timezone.to_string()
    }

    fn system(&self) -> Value {
        Value::from(&*self.run.system)
    }

    fn signal_url(&self, name: &str) -> Option<String> {
        Some(self.run.signals.address(self.run, name))
    }

    fn run(&self) -> Value {
        let mut map = Map::new();
        map.insert("id", Value::from(&*self.run.id_text));
        if let Some(name) = elements::only_signal(self.graph) {
            map.insert("signalUrl", Value::from(self.run.signals.address(self.run, name)));
        }
        Value::Object(map)
    }
}
