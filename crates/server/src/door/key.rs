//! A user's key: hefe_ID_SECRET, found by its ID, kept as SHA-256, compared in constant time.

use std::sync::Arc;

use store::{Hash, UserKey};
use subtle::ConstantTimeEq;

use crate::secret::{bytes, hex};

const BEGIN: &str = "hefe_";

/// Bytes of the part that is no secret, and of the secret.
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A fresh key as its user gets it, and what is kept of it.
///
/// # Errors
/// Where the operating system gives no random bytes.
pub fn fresh(at_ms: i64) -> Result<(String, UserKey), getrandom::Error> {
    let mut bytes = [0; ID_BYTES + SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    let (id, secret) = bytes.split_at(ID_BYTES);
    let (id, secret) = (hex(id), hex(secret));
    let key = format!("{BEGIN}{id}_{secret}");
    let kept = UserKey { id: id.into(), hash: Hash::of(key.as_bytes()), created_at_ms: at_ms };
    Ok((key, kept))
}

/// The ID of what looks like a key.
pub(super) fn id_of(key: &str) -> Option<Arc<str>> {
    let (id, secret) = key.strip_prefix(BEGIN)?.split_once('_')?;
    (!id.is_empty() && !secret.is_empty()).then(|| id.into())
}

/// What is kept of a key that hefe.toml names as `ID:SHA256`.
pub fn kept(text: &str) -> Option<UserKey> {
    let (id, hash) = text.split_once(':')?;
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let hash = Hash(bytes(hash)?.try_into().ok()?);
    plain.then(|| UserKey { id: id.into(), hash, created_at_ms: 0 })
}

/// Whether that is the key of which this is kept.
pub(super) fn is(key: &str, kept: Hash) -> bool {
    Hash::of(key.as_bytes()).0.ct_eq(&kept.0).into()
}
