//! Whose turn it is at hosts that have limits. One process has the database, so all of it is in memory; after a restart nobody is under way,
//! and who waits stands in line by the age of its run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rusqlite::Connection;
use tokio::sync::{Notify, oneshot};

use super::{
    Sqlite,
    apply::Apply,
    forms::{id, trouble},
    known, lock,
    writer::{Asked, Order},
};
use crate::{
    AHEAD_MAX, AsksTurn, Error, Hosts, Id, Reply, Slot, Turn,
    hosts::{Bells, CALLED_US, GONE_US, InLine, Line, SOON_US, STANDS_US, Seen, Slots},
};

#[derive(Default)]
pub(super) struct Lines {
    by_host: HashMap<Arc<str>, Host>,
    slots: Slots,
    /// The last one that was given.
    last: i64,
    bells: Bells,
}

/// A host, and who is in line there, by place.
#[derive(Default)]
struct Host {
    line: Line,
    busy: u64,
    most: u64,
    last: u64,
    places: HashMap<Id, u64>,
    /// With until when each counts, microseconds.
    standing: BTreeMap<u64, (Id, u64)>,
    /// Each with its run.
    away: BTreeMap<u64, (Id, Id)>,
    /// With when each was called.
    called: BTreeMap<u64, (Id, Id, u64)>,
}

impl Host {
    /// Its place in line, if it has one. One that was found at the start is known by its run alone.
    fn place(&mut self, asks: &AsksTurn) -> Option<u64> {
        let by_run = asks.leaves.and_then(|run| self.places.get(&run).copied());
        self.places.get(&asks.who).copied().or(by_run)
    }

    fn seen(&self, place: Option<u64>, takes_us: u64, now_us: u64) -> Seen {
        let before = place.unwrap_or(u64::MAX);
        let standing = self.standing.range(..before).filter(|(_, (_, until_us))| *until_us > now_us);
        let (ahead, last) = (standing.count() as u64, self.last.saturating_add(1));
        let first = [self.standing.keys().next(), self.away.keys().next()].into_iter().flatten().min();
        let before = first.map_or(0, |first| place.unwrap_or(last).saturating_sub(*first));
        Seen { busy: self.busy, ahead, before, takes_us, now_us }
    }

    /// Out of the line.
    fn forget(&mut self, place: u64) {
        let who = self.standing.remove(&place).map(|(who, _)| who);
        let who = who.or(self.away.remove(&place).map(|(who, _)| who));
        let who = who.or(self.called.remove(&place).map(|(who, ..)| who));
        who.and_then(|who| self.places.remove(&who));
    }

    /// In line, at its place or at the end.
    fn keep(&mut self, place: Option<u64>, asks: &AsksTurn, stands_until_us: Option<u64>) {
        place.into_iter().for_each(|place| self.forget(place));
        let place = place.unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        self.places.insert(asks.who, place);
        match (stands_until_us, asks.leaves) {
            (None, Some(run)) => drop(self.away.insert(place, (asks.who, run))),
            (until_us, _) => drop(self.standing.insert(place, (asks.who, until_us.unwrap_or(0)))),
        }
    }

    /// The line may have become shorter: who stands is told, and who left is called.
    fn goes_on(&mut self, bells: &Bells, takes_us: u64, now_us: u64) -> Vec<Id> {
        while let Some((place, (_, _, at_us))) = self.called.first_key_value()
            && at_us + GONE_US < now_us
        {
            self.forget(*place);
        }
        let standing = self.standing.values().filter(|(_, until_us)| *until_us > now_us);
        let missing = self.called.values().filter(|(_, _, at_us)| at_us + CALLED_US < now_us).count() as u64;
        let line = InLine {
            busy: self.busy,
            most: self.most,
            standing: standing.clone().count() as u64,
            called: self.called.len() as u64 - missing,
            missing,
        };
        standing.take(line.room() as usize).for_each(|(who, _)| bells.ring(*who));
        let mut runs = Vec::new();
        for _ in 0..line.calls(self.line, takes_us, now_us) {
            let Some((place, (who, run))) = self.away.pop_first() else { break };
            self.called.insert(place, (who, run, now_us));
            runs.push(run);
        }
        runs
    }
}

impl Lines {
    /// Whether a run that leaves for its turn was called before it had left.
    pub(super) fn has_called(&self, run: Id) -> bool {
        self.by_host.values().any(|host| host.called.values().any(|(_, called, _)| *called == run))
    }

    /// Those that wait at hosts, by age; the first of each, which is to come.
    pub(super) fn found(&mut self, db: &Connection) -> Result<Vec<(Arc<str>, Id)>, Error> {
        let sql = "SELECT host, run FROM parks WHERE host IS NOT NULL ORDER BY run";
        let mut found = db.prepare(sql).map_err(trouble)?;
        let rows = found.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1).map(id)?)));
        let mut first = Vec::new();
        for row in rows.map_err(trouble)? {
            let (name, run) = row.map_err(trouble)?;
            let name: Arc<str> = name.into();
            let host = self.by_host.entry(name.clone()).or_default();
            host.last += 1;
            host.places.insert(run, host.last);
            host.away.insert(host.last, (run, run));
            if host.last == 1 {
                first.push((name, run));
            }
        }
        Ok(first)
    }

    fn turn(&mut self, asks: &AsksTurn, now_us: u64) -> (Turn, Vec<Id>) {
        let takes_us = self.slots.takes_us(&asks.host);
        let host = self.by_host.entry(asks.host.clone()).or_default();
        host.most = asks.limits.concurrent.map_or(u64::MAX, u64::from);
        let place = host.place(asks);
        let turn = host.line.turn(asks, host.seen(place, takes_us, now_us));
        let until_us = |ms: u64| now_us + ms * 1_000 + STANDS_US;
        match turn {
            Turn::Stand(ms) => host.keep(place, asks, Some(until_us(ms))),
            Turn::Leave(_) => host.keep(place, asks, None),
            Turn::Later(ms) if place.is_some() && ms * 1_000 <= SOON_US => {
                host.keep(place, asks, Some(until_us(ms)));
            }
            Turn::Go(_) | Turn::Later(_) => place.into_iter().for_each(|place| host.forget(place)),
        }
        if turn != Turn::Go(None) || asks.limits.concurrent.is_none() {
            return (turn, Vec::new());
        }
        host.busy += 1;
        let runs = host.goes_on(&self.bells, takes_us, now_us);
        self.last += 1;
        let slot = Slot(self.last);
        self.slots.take(slot, asks.host.clone(), now_us);
        (Turn::Go(Some(slot)), runs)
    }

    fn goes_on(&mut self, host: &str, now_us: u64) -> Vec<Id> {
        let takes_us = self.slots.takes_us(host);
        let host = self.by_host.get_mut(host);
        host.map(|host| host.goes_on(&self.bells, takes_us, now_us)).unwrap_or_default()
    }

    fn done(&mut self, slot: Slot, now_us: u64) -> Option<(Arc<str>, Vec<Id>)> {
        let name = self.slots.done(slot, now_us)?;
        if let Some(host) = self.by_host.get_mut(&name) {
            host.busy = host.busy.saturating_sub(1);
        }
        let runs = self.goes_on(&name, now_us);
        Some((name, runs))
    }

    /// A run that was called has ended; who is called instead.
    fn is_over(&mut self, name: &str, run: Id, now_us: u64) -> Vec<Id> {
        let Some(host) = self.by_host.get_mut(name) else { return Vec::new() };
        let gone: Vec<u64> = host
            .called
            .iter()
            .filter(|(_, (_, called, _))| *called == run)
            .map(|(place, _)| *place)
            .collect();
        gone.into_iter().for_each(|place| host.forget(place));
        self.goes_on(name, now_us)
    }

    fn leave(&mut self, name: &str, who: Id, stands: bool, now_us: u64) -> Vec<Id> {
        self.bells.take_down(who);
        let host = self.by_host.get_mut(name).filter(|_| stands);
        let Some(host) = host else { return Vec::new() };
        if let Some(place) = host.places.get(&who).copied().filter(|place| host.standing.contains_key(place))
        {
            host.forget(place);
        }
        self.goes_on(name, now_us)
    }
}

impl Hosts for Sqlite {
    fn turn(&self, asks: AsksTurn) -> Reply<'_, Turn> {
        let now_us = (self.shared.clock)();
        let (turn, runs) = lock(&self.shared.lines).turn(&asks, now_us);
        self.call(asks.host, runs, now_us);
        known(turn)
    }

    fn bell(&self, who: Id) -> Arc<Notify> {
        lock(&self.shared.lines).bells.of(who)
    }

    fn leave(&self, host: Arc<str>, who: Id, stands: bool) {
        let now_us = (self.shared.clock)();
        let runs = lock(&self.shared.lines).leave(&host, who, stands, now_us);
        self.call(host, runs, now_us);
    }

    fn done(&self, slot: Slot) {
        let now_us = (self.shared.clock)();
        let done = lock(&self.shared.lines).done(slot, now_us);
        if let Some((host, runs)) = done {
            self.call(host, runs, now_us);
        }
    }

    fn block(&self, host: Arc<str>, ms: u64) -> Reply<'_, ()> {
        let now_us = (self.shared.clock)();
        lock(&self.shared.lines).by_host.entry(host).or_default().line.block(now_us, ms);
        known(())
    }

    fn before_at<'a>(&'a self, host: &'a str, run: Id) -> Reply<'a, Option<usize>> {
        let lines = lock(&self.shared.lines);
        let before = lines.by_host.get(host).and_then(|host| {
            let (place, _) = host.away.iter().find(|(_, (_, away))| *away == run)?;
            Some((host.standing.range(..place).count() + host.away.range(..place).count()).min(AHEAD_MAX))
        });
        known(before)
    }
}

impl Sqlite {
    /// Runs that left for their turn at a host go back to their lanes. Nobody waits for it.
    pub(super) fn call(&self, host: Arc<str>, mut runs: Vec<Id>, now_us: u64) {
        if runs.is_empty() {
            return;
        }
        let (tell, _) = oneshot::channel();
        let ask = move |apply: &mut Apply<'_>| apply.call(&host, &mut runs, now_us);
        let _ = self.orders.send(Order::Ask(Box::new(Asked { ask, answer: None, tell })));
    }
}

impl Apply<'_> {
    /// For one that was cancelled the next is called; `runs` grows by those.
    fn call(&mut self, host: &str, runs: &mut Vec<Id>, now_us: u64) -> Result<(), Error> {
        let mut at = 0;
        while let Some(run) = runs.get(at).copied() {
            at += 1;
            match self.has("SELECT EXISTS (SELECT 1 FROM live WHERE run = ?1)", run)? {
                true => self.wake(run)?,
                false => runs.extend(lock(self.lines).is_over(host, run, now_us)),
            }
        }
        Ok(())
    }
}
