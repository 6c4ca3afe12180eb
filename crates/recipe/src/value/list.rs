//! A shared list, copied when it is changed.

use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use super::{DEPTH_HARD, Value, unravel};

/// A shared list; an empty one takes no memory.
#[derive(Clone, Default)]
pub struct List(Option<Arc<Items>>);

#[derive(Clone)]
struct Items {
    height: u16,
    values: Vec<Value>,
}

/// The height of a container of these; what would make it too high becomes null.
fn settle(values: &mut [Value]) -> u16 {
    let mut height = 0;
    for value in values {
        let own = value.height();
        if own >= DEPTH_HARD {
            *value = Value::Null;
        } else {
            height = height.max(own);
        }
    }
    height + 1
}

impl List {
    /// An empty list.
    pub const fn new() -> List {
        List(None)
    }

    /// Appends one, in constant time where nobody shares the list.
    pub fn push(&mut self, value: Value) {
        let value = if value.height() >= DEPTH_HARD { Value::Null } else { value };
        let items = self.items();
        items.height = items.height.max(value.height() + 1);
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
        Arc::make_mut(self.0.get_or_insert_with(|| Arc::new(Items { height: 1, values: Vec::new() })))
    }

    pub(super) fn height(&self) -> u16 {
        self.0.as_ref().map_or(1, |items| items.height)
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
        if self.height > 32 {
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
        self.0.height = settle(&mut self.0.values);
    }
}

impl From<Vec<Value>> for List {
    fn from(mut values: Vec<Value>) -> List {
        if values.is_empty() {
            return List(None);
        }
        let height = settle(&mut values);
        List(Some(Arc::new(Items { height, values })))
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
