//! A shared list, copied when it is changed.

use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use super::{
    Value,
    measure::{Measure, cut},
    unravel,
};

/// A shared list; an empty one takes no memory.
#[derive(Clone, Default)]
pub struct List(Option<Arc<Items>>);

#[derive(Clone)]
struct Items {
    measure: Measure,
    values: Vec<Value>,
}

fn measure_all(values: &mut [Value]) -> Measure {
    values.iter_mut().fold(Measure::EMPTY, |so_far, value| so_far.with(cut(value), 0))
}

impl List {
    /// An empty list.
    pub const fn new() -> List {
        List(None)
    }

    /// Appends one, in constant time where nobody shares the list.
    pub fn push(&mut self, mut value: Value) {
        let inside = cut(&mut value);
        let items = self.items();
        items.measure = items.measure.with(inside, 0);
        items.values.push(value);
    }

    /// Its items for any change; copies them if somebody shares the list.
    pub fn make_mut(&mut self) -> ListMut<'_> {
        ListMut(self.items())
    }

    /// Whether both are the very same list in memory.
    pub fn ptr_eq(&self, other: &List) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    fn items(&mut self) -> &mut Items {
        Arc::make_mut(
            self.0.get_or_insert_with(|| Arc::new(Items { measure: Measure::EMPTY, values: Vec::new() })),
        )
    }

    pub(super) fn measure(&self) -> Measure {
        self.0.as_ref().map_or(Measure::EMPTY, |items| items.measure)
    }

    /// Moves its items to the end of `into` if nobody else has it.
    pub(super) fn take_apart(self, into: &mut Vec<Value>) {
        if let Some(mut items) = self.0.and_then(Arc::into_inner) {
            into.append(&mut items.values);
        }
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if self.measure.height > 32 {
            unravel(mem::take(&mut self.values));
        }
    }
}

/// A list's items while they are changed; see [`List::make_mut`].
pub struct ListMut<'a>(&'a mut Items);

impl Deref for ListMut<'_> {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.0.values
    }
}

impl DerefMut for ListMut<'_> {
    fn deref_mut(&mut self) -> &mut Vec<Value> {
        &mut self.0.values
    }
}

impl Drop for ListMut<'_> {
    fn drop(&mut self) {
        self.0.measure = measure_all(&mut self.0.values);
    }
}

impl From<Vec<Value>> for List {
    fn from(mut values: Vec<Value>) -> List {
        if values.is_empty() {
            return List(None);
        }
        let measure = measure_all(&mut values);
        List(Some(Arc::new(Items { measure, values })))
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        self.0.as_ref().map_or(&[], |items| &items.values)
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> List {
        values.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.ptr_eq(other) || **self == **other
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
