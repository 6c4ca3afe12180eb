//! Whose turn it is at hosts that have limits. One process has the database, so all of it is in memory; after a restart nobody is under way.

use std::{collections::HashMap, sync::Arc};

use super::{Sqlite, known, lock};
use crate::{
    HostLimits, Hosts, Reply, Slot, Turn,
    hosts::{Asks, Line, Slots},
};

#[derive(Default)]
pub(super) struct Lines {
    by_host: HashMap<Arc<str>, (Line, u64)>,
    slots: Slots,
    /// The last one that was given.
    last: i64,
}

impl Hosts for Sqlite {
    fn turn(&self, host: Arc<str>, limits: HostLimits, came_again: bool) -> Reply<'_, Turn> {
        let now_us = (self.shared.clock)();
        let lines = &mut *lock(&self.shared.lines);
        let takes_us = lines.slots.takes_us(&host);
        let (line, busy) = lines.by_host.entry(host.clone()).or_default();
        if let Some(ms) = line.turn(Asks { limits, came_again, busy: *busy, takes_us, now_us }) {
            return known(Turn::Later(ms));
        }
        if limits.concurrent.is_none() {
            return known(Turn::Go(None));
        }
        *busy += 1;
        lines.last += 1;
        let slot = Slot(lines.last);
        lines.slots.take(slot, host, now_us);
        known(Turn::Go(Some(slot)))
    }

    fn done(&self, slot: Slot) {
        let now_us = (self.shared.clock)();
        let lines = &mut *lock(&self.shared.lines);
        let host = lines.slots.done(slot, now_us);
        if let Some((_, busy)) = host.and_then(|host| lines.by_host.get_mut(&host)) {
            *busy = busy.saturating_sub(1);
        }
    }

    fn block(&self, host: Arc<str>, ms: u64) -> Reply<'_, ()> {
        let now_us = (self.shared.clock)();
        lock(&self.shared.lines).by_host.entry(host).or_default().0.block(now_us, ms);
        known(())
    }
}
