//! Tickets: a page of another origin has no cookie and an EventSource sends no header, so it asks for one and opens its stream
//! with it. One is for one system and a minute, and what it opens lasts as long as what was shown for it.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Credential, Door, decode, encode};
use crate::secret::mac;

/// How long one can be used, milliseconds.
pub(crate) const TICKET_MS: i64 = 60_000;

#[derive(Serialize, Deserialize)]
struct Ticket {
    system: String,
    until_ms: i64,
    of: Credential,
}

impl Door {
    /// A ticket for the streams of a system.
    pub(crate) fn ticket(&self, system: &str, of: &Credential, now_ms: i64) -> String {
        let ticket = Ticket { system: system.to_owned(), until_ms: now_ms + TICKET_MS, of: of.clone() };
        // Plain data: postcard can write it.
        let body = postcard::to_stdvec(&ticket).unwrap_or_default();
        format!("{}.{}", encode(&body), encode(&self.signed(&body).finalize().into_bytes()))
    }

    /// What a ticket for that system stands for.
    pub(crate) fn by_ticket(&self, text: &str, system: &str, now_ms: i64) -> Option<Credential> {
        let (body, signature) = text.split_once('.')?;
        let (body, signature) = (decode(body)?, decode(signature)?);
        self.signed(&body).verify_slice(&signature).ok()?;
        let ticket: Ticket = postcard::from_bytes(&body).ok()?;
        let fits = ticket.system == system && now_ms < ticket.until_ms;
        fits.then(|| Credential::Ticket { of: Box::new(ticket.of) })
    }

    fn signed(&self, body: &[u8]) -> Hmac<Sha256> {
        mac(&self.secret).chain_update(body)
    }
}
