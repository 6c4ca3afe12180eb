//! Large values apart from the bytes that they stand in, each once and by its hash: a text that three variables hold is
//! written once and is one text again when it is read.
//!
//! What is written goes through serde, which knows nothing of a place beside the bytes; so the place is the thread's, for
//! as long as [`apart`] or [`joined`] lasts. Outside of them nothing is taken out, and small values never look.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fmt, mem,
};

use serde::{Serialize, Serializer, ser::SerializeTuple};
use sha2::{Digest, Sha256};

use super::{Taint, Value, serial::Whole};

/// A value whose own encoding takes so much is taken out, bytes.
const BYTES_MIN: usize = 4 << 10;

/// SHA-256 of an encoding.
pub(super) type Hash = [u8; 32];

/// The encoding of one large value; larger ones in it are taken out of it in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of `bytes`.
    pub hash: Hash,
    /// The value in the form for machines.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Of an encoding.
    pub fn of(bytes: Vec<u8>) -> Blob {
        Blob { hash: Sha256::digest(&bytes).into(), bytes }
    }
}

/// A reference to a value that was not handed over, or was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(Hash);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that it refers to is missing or damaged: ")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the thread is about.
#[derive(Default)]
enum Scope {
    #[default]
    Plain,
    Writing(Written),
    Reading(Read),
}

#[derive(Default)]
struct Written {
    blobs: Vec<Blob>,
    hashes: HashSet<Hash>,
    /// By place in memory: nothing that is written goes away meanwhile.
    places: HashMap<(usize, Kind), Hash>,
}

#[derive(Default)]
struct Read {
    values: HashMap<Hash, Value>,
    missing: Option<Missing>,
}

/// The same words may stand under either mark.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
enum Kind {
    Clean,
    External,
    Container,
}

thread_local! {
    static SCOPE: RefCell<Scope> = const { RefCell::new(Scope::Plain) };
}

/// Puts back what the thread was about before.
struct Around(Scope);

impl Around {
    fn new(scope: Scope) -> Around {
        Around(SCOPE.replace(scope))
    }

    fn end(mut self) -> Scope {
        SCOPE.replace(mem::take(&mut self.0))
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        SCOPE.set(mem::take(&mut self.0));
    }
}

/// What `write` gives, and the large values that it wrote in the form for machines: each once, those in others first.
pub fn apart<T>(write: impl FnOnce() -> T) -> (T, Vec<Blob>) {
    let around = Around::new(Scope::Writing(Written::default()));
    let wrote = write();
    match around.end() {
        Scope::Writing(written) => (wrote, written.blobs),
        _ => (wrote, Vec::new()),
    }
}

/// What `read` gives where it finds the values that were taken out, in the order in which [`apart`] gave them. A value
/// that is referred to more than once is shared.
///
/// # Errors
/// If one of them is not there, or no longer what it was.
pub fn joined<T>(blobs: &[Blob], read: impl FnOnce() -> T) -> Result<T, Missing> {
    let around = Around::new(Scope::Reading(Read::default()));
    for blob in blobs {
        // One that refers to itself, or to a later one, is not honest; so this never recurses.
        if Hash::from(Sha256::digest(&blob.bytes)) != blob.hash {
            continue;
        }
        if let Ok((value, [])) = postcard::take_from_bytes::<Value>(&blob.bytes) {
            SCOPE.with_borrow_mut(|scope| {
                if let Scope::Reading(read) = scope {
                    read.values.insert(blob.hash, value);
                }
            });
        }
    }
    let found = read();
    match around.end() {
        Scope::Reading(Read { missing: Some(missing), .. }) => Err(missing),
        _ => Ok(found),
    }
}

/// How a value is written that may be large.
pub(super) enum Form {
    /// As a reference.
    Apart(Hash),
    /// As these bytes: it is not as large as it seemed.
    Bytes(Bytes),
}

/// Bytes that are written as they are.
pub(super) struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut to = to.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| to.serialize_element(byte))?;
        to.end()
    }
}

/// None: as ever.
#[inline]
pub(super) fn form(value: &Value) -> Option<Form> {
    // An encoding is never longer than this.
    if value.approx_bytes() < BYTES_MIN { None } else { form_of_large(value) }
}

#[inline(never)]
fn form_of_large(value: &Value) -> Option<Form> {
    let place = place(value)?;
    let known = SCOPE.with_borrow(|scope| match scope {
        Scope::Writing(written) => Some(written.places.get(&place).copied()),
        _ => None,
    })?;
    if let Some(hash) = known {
        return Some(Form::Apart(hash));
    }
    let bytes = postcard::to_stdvec(&Whole(value)).ok()?;
    if bytes.len() < BYTES_MIN {
        return Some(Form::Bytes(Bytes(bytes)));
    }
    let blob = Blob::of(bytes);
    let hash = blob.hash;
    SCOPE.with_borrow_mut(|scope| {
        if let Scope::Writing(written) = scope {
            written.places.insert(place, hash);
            if written.hashes.insert(hash) {
                written.blobs.push(blob);
            }
        }
    });
    Some(Form::Apart(hash))
}

fn place(value: &Value) -> Option<(usize, Kind)> {
    Some(match value {
        Value::Text(text) if text.taint() == Taint::Clean => (text.as_ptr().addr(), Kind::Clean),
        Value::Text(text) => (text.as_ptr().addr(), Kind::External),
        Value::List(list) => (list.as_ptr().addr(), Kind::Container),
        Value::Object(map) => (map.entries().as_ptr().addr(), Kind::Container),
        _ => return None,
    })
}

/// The value that was taken out under that hash; notes if there is none.
pub(super) fn find(hash: Hash) -> Option<Value> {
    SCOPE.with_borrow_mut(|scope| {
        let Scope::Reading(read) = scope else { return None };
        let value = read.values.get(&hash).cloned();
        if value.is_none() {
            read.missing.get_or_insert(Missing(hash));
        }
        value
    })
}
