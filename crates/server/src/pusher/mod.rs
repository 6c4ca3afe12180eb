//! The Pusher protocol, version 7, so that `pusher-js` and Laravel Echo connect unchanged (delivery.md, Live).
//!
//! ```text
//! client --- GET /app/KEY, a WebSocket ---> socket: a connection, one live stream a channel
//!    \--- POST /SYSTEM/broadcasting/auth --> sign: may this person hear the channel? a signature, and whose it is
//! ```
//!
//! A signature says that a channel was allowed, not for how long: so the server remembers which credential it was given
//! to, and the channel ends when that does. It knows no events: those are `live`'s, read as server-sent events are.

mod said;
mod socket;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::routing::on;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::socket::{Asked, connect};
use crate::{
    door::Credential,
    route::{Gives, Kind, PLAIN, Route, Who, of},
    secret::{bytes, hex, mac, random},
    settings::Settings,
};

pub(crate) const ROUTES: &[Route] = &[Route {
    path: "/app/{key}",
    who: Who::Anyone,
    does: "a WebSocket of the Pusher protocol, version 7",
    query: Some(of::<Asked>),
    gives: &[Gives(101, Kind::Socket)],
    refuses: &[426],
    call: |verb| on(verb, connect),
    ..PLAIN
}];

/// Channels that one connection may hear.
const CHANNELS_MAX: usize = 100;

/// What was signed for one connection, by channel, and for whom.
type Signed = Arc<Mutex<HashMap<String, Arc<Credential>>>>;

/// Keys, signatures, and the connections that are open.
pub(crate) struct Pusher {
    /// All keys and secrets are made of it.
    secret: [u8; 32],
    sockets: Mutex<HashMap<String, Signed>>,
    room: Arc<Semaphore>,
}

impl Pusher {
    /// # Errors
    /// The store's.
    pub(crate) async fn open(store: &Arc<dyn Store>, settings: &Settings) -> Result<Pusher, store::Error> {
        let secret = store.secret("pusher", random()?).await?;
        let room = Arc::new(Semaphore::new(settings.streams_max));
        Ok(Pusher { secret, sockets: Mutex::default(), room })
    }

    /// What clients of a system connect with. It opens nothing by itself.
    pub(crate) fn key(&self, system: &str) -> String {
        hex(&self.made_for(system, "key")[..10])
    }

    /// `KEY:` and the signature of a connection's channel.
    pub(crate) fn sign(&self, system: &str, socket: &str, channel: &str) -> String {
        let signature = self.signed(system, socket, channel).finalize().into_bytes();
        format!("{}:{}", self.key(system), hex(&signature))
    }

    /// Whether it is that.
    fn is_signed(&self, system: &str, socket: &str, channel: &str, auth: &str) -> bool {
        let Some((key, signature)) = auth.split_once(':') else { return false };
        let Some(signature) = bytes(signature) else { return false };
        key == self.key(system) && self.signed(system, socket, channel).verify_slice(&signature).is_ok()
    }

    fn signed(&self, system: &str, socket: &str, channel: &str) -> Hmac<Sha256> {
        mac(hex(&self.made_for(system, "secret")).as_bytes())
            .chain_update(socket)
            .chain_update(":")
            .chain_update(channel)
    }

    fn made_for(&self, system: &str, what: &str) -> [u8; 32] {
        mac(&self.secret)
            .chain_update(what)
            .chain_update(":")
            .chain_update(system)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Notes whom a channel was signed for. A connection of another server's is not known here.
    pub(crate) fn remember(&self, socket: &str, channel: &str, of: Arc<Credential>) {
        let Some(signed) = lock(&self.sockets).get(socket).cloned() else { return };
        let mut signed = lock(&signed);
        if signed.len() < CHANNELS_MAX || signed.contains_key(channel) {
            signed.insert(channel.to_owned(), of);
        }
    }
}

/// A connection's entry, until it is dropped.
struct Entry {
    app: Arc<crate::app::App>,
    id: String,
    signed: Signed,
    _room: OwnedSemaphorePermit,
}

impl Entry {
    /// None: there are too many, or no random bytes.
    fn new(app: Arc<crate::app::App>) -> Option<Entry> {
        let room = app.pusher.room.clone().try_acquire_owned().ok()?;
        let numbers: [u8; 8] = random().ok()?;
        let [a, b] = [0, 4]
            .map(|at| numbers[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte)));
        let (id, signed) = (format!("{a}.{b}"), Signed::default());
        lock(&app.pusher.sockets).insert(id.clone(), signed.clone());
        Some(Entry { app, id, signed, _room: room })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.app.pusher.sockets).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::{Pusher, bytes};

    fn pusher(secret: u8) -> Pusher {
        Pusher { secret: [secret; 32], sockets: Default::default(), room: Arc::new(Semaphore::new(1)) }
    }

    #[test]
    fn a_signature_is_for_one_connection_one_channel_and_one_system() {
        let pusher = pusher(1);
        let auth = pusher.sign("shop", "1.2", "private-user.ada");
        assert!(pusher.is_signed("shop", "1.2", "private-user.ada", &auth));
        assert!(!pusher.is_signed("shop", "1.3", "private-user.ada", &auth));
        assert!(!pusher.is_signed("shop", "1.2", "private-user.bob", &auth));
        let key = pusher.key("shop");
        for forged in
            ["", ":", &key, &format!("{key}:"), &format!("{key}:00"), &format!("{key}:é"), &auth[1..]]
        {
            assert!(!pusher.is_signed("shop", "1.2", "private-user.ada", forged), "{forged}");
        }
        let signature = auth.split_once(':').unwrap().1;
        let other = format!("{}:{signature}", pusher.key("other"));
        assert!(!pusher.is_signed("other", "1.2", "private-user.ada", &other));
        assert_ne!(key, pusher.key("other"));
        assert_ne!(key, super::tests::pusher(2).key("shop"));
    }

    #[test]
    fn only_pairs_of_digits_are_bytes() {
        assert_eq!(bytes("00fF"), Some(vec![0, 255]));
        for wrong in ["0", "+1", "0g", "é"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
