//! A shared object whose keys keep their order, copied when it is changed.

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{
    Value,
    measure::{Measure, cut},
    unravel,
};

/// Up to this many keys are looked for one after the other, which is faster than hashing.
const SCAN_MAX: usize = 16;

/// What an entry takes beside its value and the words of its key.
const ENTRY_BYTES: usize = 32;

/// The name of a field. Up to 23 bytes stand in the object itself: reading a field follows no pointer to its name and
/// compares three words.
pub type Name = smol_str::SmolStr;

/// A shared object; an empty one takes no memory. Also the variables of a scope.
#[derive(Clone, Default)]
pub struct Map(Option<Arc<Fields>>);

/// An object's fields; what builds an object puts them here first and makes a [`Map`] of them then.
#[derive(Clone)]
pub(crate) struct Fields {
    measure: Measure,
    entries: Vec<(Name, Value)>,
    /// Once there are more than [`SCAN_MAX`]. Boxed: most objects have none, and this is most of what they would take.
    places: Option<Box<Places>>,
}

/// Key to place.
#[derive(Clone)]
struct Places(HashMap<Name, u32>);

impl Fields {
    pub(crate) fn with_capacity(keys: usize) -> Fields {
        Fields { measure: Measure::EMPTY, entries: Vec::with_capacity(keys), places: None }
    }

    /// Makes room for so many more keys.
    pub(crate) fn reserve(&mut self, keys: usize) {
        self.entries.reserve(keys);
    }

    fn find(&self, key: &Name) -> Option<usize> {
        match &self.places {
            None => self.entries.iter().position(|(has, _)| has == key),
            Some(places) => places.0.get(key).map(|at| *at as usize),
        }
    }

    /// [`Fields::find`] for words that are no name yet: making one of long words would copy them.
    fn find_words(&self, key: &str) -> Option<usize> {
        match &self.places {
            None => self.entries.iter().position(|(has, _)| has == key),
            Some(places) => places.0.get(key).map(|at| *at as usize),
        }
    }

    #[inline(never)]
    fn get_far(&self, key: &Name, near: &AtomicU32) -> Option<&Value> {
        let at = self.find(key)?;
        near.store(at as u32, Ordering::Relaxed);
        Some(&self.entries[at].1)
    }

    fn measure_all(&self) -> Measure {
        let add = |so_far: Measure, (key, value): &(Name, Value)| {
            so_far.with(Measure::of(value), ENTRY_BYTES + key.len())
        };
        self.entries.iter().fold(Measure::EMPTY, add)
    }

    fn index(&mut self) {
        let place = |(at, (key, _)): (usize, &(Name, Value))| (key.clone(), at as u32);
        let places = || Box::new(Places(self.entries.iter().enumerate().map(place).collect()));
        self.places = (self.entries.len() > SCAN_MAX).then(places);
    }

    fn insert(&mut self, key: Name, mut value: Value) {
        let (inside, beside) = (cut(&mut value), ENTRY_BYTES + key.len());
        self.measure = match self.replace(key, value) {
            None => self.measure.with(inside, beside),
            Some(was) => match self.measure.without(Measure::of(&was), beside) {
                Some(rest) => rest.with(inside, beside),
                None => self.measure_all(),
            },
        };
    }

    /// Sets a key: a new one goes to the end, a known one keeps its place. All is measured at the end: one after the
    /// other, each that replaces a value may measure all.
    pub(crate) fn put(&mut self, key: Name, mut value: Value) {
        cut(&mut value);
        self.replace(key, value);
    }

    /// [`Fields::put`] of a key that is not there yet.
    pub(crate) fn push(&mut self, key: Name, mut value: Value) {
        cut(&mut value);
        self.append(key, value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a key without measuring; gives back what was there.
    fn replace(&mut self, key: Name, value: Value) -> Option<Value> {
        if let Some(at) = self.find(&key) {
            return Some(mem::replace(&mut self.entries[at].1, value));
        }
        self.append(key, value);
        None
    }

    fn append(&mut self, key: Name, value: Value) {
        if let Some(places) = &mut self.places {
            places.0.insert(key.clone(), self.entries.len() as u32);
        }
        self.entries.push((key, value));
        if self.entries.len() == SCAN_MAX + 1 {
            self.index();
        }
    }
}

impl Map {
    /// An empty object.
    pub const fn new() -> Map {
        Map(None)
    }

    /// An empty object with room for `keys`.
    pub fn with_capacity(keys: usize) -> Map {
        Map(Some(Arc::new(Fields::with_capacity(keys))))
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let fields = self.0.as_ref()?;
        fields.find_words(key).map(|at| &fields.entries[at].1)
    }

    /// [`Map::get`] that looks first where the key was the last time: recipes meet objects of one shape again and
    /// again.
    #[inline]
    pub(crate) fn get_near(&self, key: &Name, near: &AtomicU32) -> Option<&Value> {
        let fields = self.0.as_ref()?;
        let at = near.load(Ordering::Relaxed) as usize;
        match fields.entries.get(at) {
            Some((has, value)) if has == key => Some(value),
            _ => fields.get_far(key, near),
        }
    }
    /// Sets a key; a new one goes to the end, a known one keeps its place.
    pub fn insert(&mut self, key: impl Into<Name>, value: Value) {
        self.fields().insert(key.into(), value);
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.as_ref()?.find_words(key)?;
        let fields = self.fields();
        let (_, value) = fields.entries.remove(at);
        fields.measure = fields.measure_all();
        fields.index();
        Some(value)
    }

    /// Keys and values in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Name, &Value)> + ExactSizeIterator + Clone {
        self.entries().iter().map(|(key, value)| (key, value))
    }

    /// Keys in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator + Clone {
        self.entries().iter().map(|(key, _)| key)
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.entries().iter().map(|(_, value)| value)
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether it has no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has the key.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether both are the very same object in memory.
    pub fn ptr_eq(&self, other: &Map) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    pub(crate) fn entries(&self) -> &[(Name, Value)] {
        self.0.as_ref().map_or(&[], |fields| &fields.entries)
    }

    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(self.0.get_or_insert_with(|| Arc::new(Fields::with_capacity(0))))
    }

    pub(super) fn measure(&self) -> Measure {
        self.0.as_ref().map_or(Measure::EMPTY, |fields| fields.measure)
    }

    /// Moves its values to the end of `into` if nobody else has it.
    pub(super) fn take_apart(self, into: &mut Vec<Value>) {
        if let Some(mut fields) = self.0.and_then(Arc::into_inner) {
            into.extend(mem::take(&mut fields.entries).into_iter().map(|(_, value)| value));
        }
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        if self.measure.height > 32 {
            unravel(mem::take(&mut self.entries).into_iter().map(|(_, value)| value).collect());
        }
    }
}

impl<K: Into<Name>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Map {
        let entries = entries.into_iter();
        let mut fields = Fields::with_capacity(entries.size_hint().0);
        entries.for_each(|(key, value)| fields.put(key.into(), value));
        fields.into()
    }
}

impl From<Fields> for Map {
    fn from(mut fields: Fields) -> Map {
        if fields.is_empty() {
            return Map(None);
        }
        fields.measure = fields.measure_all();
        Map(Some(Arc::new(fields)))
    }
}

impl<K: Into<Name>> Extend<(K, Value)> for Map {
    fn extend<I: IntoIterator<Item = (K, Value)>>(&mut self, entries: I) {
        let fields = self.fields();
        entries.into_iter().for_each(|(key, value)| fields.put(key.into(), value));
        fields.measure = fields.measure_all();
    }
}

/// Equal when the same keys have equal values, in whatever order.
impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.ptr_eq(other)
            || self.len() == other.len()
                && self.iter().all(|(key, value)| other.get(key).is_some_and(|theirs| theirs == value))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
