//! The users as this process knows them: all of them, read again whenever one has changed.

use std::{collections::HashMap, sync::Arc};

use store::{Grant, Hash, User};

use super::key;

/// Users and their keys.
#[derive(Debug, Default)]
pub(super) struct Book {
    grants: HashMap<Arc<str>, Vec<Grant>>,
    keys: HashMap<Arc<str>, (Hash, Arc<str>)>,
}

impl Book {
    pub(super) fn of(users: impl IntoIterator<Item = User>) -> Book {
        let mut book = Book::default();
        for user in users {
            for key in user.keys {
                book.keys.insert(key.id, (key.hash, user.name.clone()));
            }
            book.grants.entry(user.name).or_default().extend(user.grants);
        }
        book
    }

    pub(super) fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// Whose key that is, and its ID.
    pub(super) fn whose(&self, text: &str) -> Option<(Arc<str>, Arc<str>)> {
        let id = key::id_of(text)?;
        let (hash, user) = self.keys.get(&id)?;
        key::is(text, *hash).then(|| (user.clone(), id))
    }

    /// What a user may do, as long as the key is still the user's.
    pub(super) fn grants(&self, user: &str, id: &str) -> Option<&[Grant]> {
        let (_, whose) = self.keys.get(id)?;
        (&**whose == user).then(|| self.grants.get(user).map_or(&[][..], |grants| grants))
    }
}
