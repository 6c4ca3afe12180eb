//! Turns at hosts whose calls settings limit: who they are, and how long somebody waits for one where it stands.
//!
//! A host may be written in many ways and is one: its name is compared as a URL has it, without the dot at its end, and with the port that is
//! meant. Only where a call goes first is looked at; a redirect is the host's own matter.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use interpreter::{Failure, Flight};
use store::{AsksTurn, HostLimits, Id, Slot, Store, Turn};
use tokio::sync::Notify;
use url::Url;

use crate::Shared;

/// For so long in all a background run waits for a turn where it stands; for longer it parks, milliseconds.
const STAYS_MS: u64 = 1_000;

/// Who says "at once" is not asked again before that, milliseconds.
const AFTER_MS_MIN: u64 = 1_000;

/// Hosts with limits.
#[derive(Debug, Default)]
pub(crate) struct Hosts(BTreeMap<String, (Arc<str>, HostLimits)>);

/// Whether somebody may leave while it waits.
#[derive(Debug, Clone)]
pub(crate) enum Leeway {
    /// After a moment it parks, unless others of its calls are `under_way`. `came_again`: it did, and was told to come now.
    Parks { came_again: bool, under_way: Arc<AtomicUsize> },
    /// Somebody waits for its answer, up to a deadline of its own.
    Stays,
}

/// A call of a run that is under way.
pub(crate) struct UnderWay<'a>(Option<&'a AtomicUsize>);

impl Leeway {
    pub(crate) fn under_way(&self) -> UnderWay<'_> {
        let Leeway::Parks { under_way, .. } = self else { return UnderWay(None) };
        under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Some(under_way))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(under_way) = self.0 {
            under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// When to come again, and where.
#[derive(Debug)]
pub(crate) struct Later {
    pub(crate) host: Arc<str>,
    pub(crate) at_ms: i64,
}

/// How a host, or host:port, of settings is written in the one way in which it is compared.
pub fn host_name(name: &str) -> String {
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host, Some(port))
        }
        _ => (name, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

impl Hosts {
    pub(crate) fn new(limits: &BTreeMap<String, HostLimits>) -> Hosts {
        let entry = |(name, limits): (&String, &HostLimits)| {
            let name = host_name(name);
            (name.clone(), (name.into(), *limits))
        };
        Hosts(limits.iter().map(entry).collect())
    }

    /// The limits of where a call goes; host:port comes before the host alone.
    pub(crate) fn of(&self, url: &str) -> Option<(Arc<str>, HostLimits)> {
        if self.0.is_empty() {
            return None;
        }
        let url = Url::parse(url).ok()?;
        let host = host_name(url.host_str()?);
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        self.0.get(&with_port).or_else(|| self.0.get(&host)).cloned()
    }
}

/// Somebody who wants to call a host with limits.
pub(crate) struct Waits<'a> {
    shared: &'a Shared,
    asks: AsksTurn,
    /// The run that may leave.
    run: Option<Id>,
    leeway: &'a Leeway,
    bell: Arc<Notify>,
    /// It is in line, as the store knows it.
    stands: bool,
}

/// A turn that has come. Dropping it says that the call is over.
pub(crate) struct Held<'a> {
    store: &'a dyn Store,
    slot: Option<Slot>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.store.done(slot);
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.shared.store.leave(self.asks.host.clone(), self.asks.who, self.stands);
    }
}

impl<'a> Waits<'a> {
    /// None: the host has no limits.
    pub(crate) fn at(
        shared: &'a Shared,
        url: &str,
        (run, flight): (Id, &Flight),
        leeway: &'a Leeway,
    ) -> Option<Waits<'a>> {
        let (host, limits) = shared.hosts.of(url)?;
        let who = Id(flight.firing.derive("turn", u32::from(flight.number)));
        let (came_again, run) = match leeway {
            Leeway::Parks { came_again, .. } => (*came_again, Some(run)),
            Leeway::Stays => (false, None),
        };
        let asks = AsksTurn { host, limits, who, leaves: None, came_again, stays_ms: STAYS_MS };
        Some(Waits { shared, asks, run, leeway, bell: shared.store.bell(who), stands: false })
    }

    /// Its turn, or when to come again.
    pub(crate) async fn turn(&mut self) -> Result<Result<Held<'a>, Later>, store::Error> {
        loop {
            let (store, began_ms) = (&*self.shared.store, self.shared.clock.now_ms());
            let busy = match self.leeway {
                Leeway::Parks { under_way, .. } => under_way.load(Ordering::Relaxed) > 0,
                Leeway::Stays => true,
            };
            self.asks.leaves = self.run.filter(|_| !busy);
            if busy {
                self.asks.stays_ms = STAYS_MS;
            }
            let turn = store.turn(self.asks.clone()).await?;
            self.stands = matches!(turn, Turn::Stand(_)) || (self.stands && matches!(turn, Turn::Later(_)));
            let (ms, told) = match turn {
                Turn::Go(slot) => return Ok(Ok(Held { store, slot })),
                Turn::Leave(ms) => return Ok(Err(self.later(ms))),
                Turn::Later(ms) if !busy && self.asks.stays_ms < ms => return Ok(Err(self.later(ms))),
                Turn::Later(ms) => (ms, false),
                Turn::Stand(ms) => (ms, true),
            };
            self.asks.came_again = true;
            tokio::select! {
                biased;
                () = self.bell.notified(), if told => {}
                () = tokio::time::sleep(Duration::from_millis(ms)) => {}
            }
            let waited_ms = (self.shared.clock.now_ms() - began_ms).max(0) as u64;
            self.asks.stays_ms = self.asks.stays_ms.saturating_sub(waited_ms);
        }
    }

    fn later(&self, ms: u64) -> Later {
        let at_ms = self.shared.clock.now_ms().saturating_add_unsigned(ms);
        Later { host: self.asks.host.clone(), at_ms }
    }

    /// The host wants to be left alone: by all. Whether the call counts as not made, and its turn is waited for once more.
    pub(crate) async fn told(&self, failure: &Failure) -> Result<bool, store::Error> {
        let (Some(429 | 503), Some(after_ms)) = (failure.status, failure.after_ms) else { return Ok(false) };
        let ms = u64::from(after_ms).max(AFTER_MS_MIN);
        self.shared.store.block(self.asks.host.clone(), ms).await?;
        Ok(self.run.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_however_it_is_written() {
        let limits = HostLimits { per_second: Some(1.0), concurrent: None };
        let named =
            |names: &[&str]| Hosts::new(&names.iter().map(|name| ((*name).to_owned(), limits)).collect());
        let hosts = named(&["API.example.com.", "other.example:443", "[::1]:8080", "127.0.0.1"]);
        for (url, expected) in [
            ("https://api.example.com/a", Some("api.example.com")),
            ("https://API.Example.COM:443/b?c", Some("api.example.com")),
            ("http://user@api.example.com.:8080/", Some("api.example.com")),
            ("https://other.example./", Some("other.example:443")),
            ("http://other.example/", None),
            ("http://[::1]:8080/", Some("[::1]:8080")),
            ("http://[::1]/", None),
            ("http://2130706433:9/", Some("127.0.0.1")),
            ("https://example.com/", None),
            ("no url", None),
        ] {
            assert_eq!(hosts.of(url).map(|(host, _)| host).as_deref(), expected, "{url}");
        }
        let both = named(&["a.example", "a.example:8443"]);
        let found = both.of("https://a.example:8443/").map(|(host, _)| host);
        assert_eq!(found.as_deref(), Some("a.example:8443"));
    }
}
