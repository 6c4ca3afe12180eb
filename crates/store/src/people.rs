//! Who may come in, and what was done by whom (delivery.md, Sign-in). What a role may do is the server's matter.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Hash, Id};

/// How long the trail is kept, milliseconds.
pub(crate) const TRAIL_MS: i64 = 400 * 86_400_000;

/// A role in one system, or in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// None: every system, those to come included.
    pub system: Option<Arc<str>>,
    /// viewer, operator, admin, or one that events name.
    pub role: Arc<str>,
}

impl Grant {
    /// Each role in each system; without a system in all of them. Without a role there is still something to do: start what
    /// needs none.
    pub fn each(roles: &[String], systems: &[String]) -> Vec<Grant> {
        let usual = ["user".to_owned()];
        let roles = if roles.is_empty() { &usual[..] } else { roles };
        let wheres: Vec<Option<Arc<str>>> = match systems {
            [] => vec![None],
            systems => systems.iter().map(|system| Some(system.as_str().into())).collect(),
        };
        let in_one = |system: &Option<Arc<str>>| {
            let grant = |role: &String| Grant { system: system.clone(), role: role.as_str().into() };
            roles.iter().map(grant).collect::<Vec<_>>()
        };
        wheres.iter().flat_map(in_one).collect()
    }
}

/// What a user shows to come in. The secret itself is kept by nobody but its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserKey {
    /// The part of the key that is no secret.
    pub id: Arc<str>,
    /// SHA-256 of the whole key.
    pub hash: Hash,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// Someone who has keys here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Tells one from others, in runs and channels too.
    pub name: Arc<str>,
    /// What it may do where, sorted.
    pub grants: Vec<Grant>,
    /// Any of them lets it in.
    pub keys: Vec<UserKey>,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// A change to one user, all or nothing.
#[derive(Debug, Clone)]
pub enum UserEdit {
    /// Grants and a key more; makes the user where there is none.
    Add {
        /// Who.
        name: Arc<str>,
        /// What it may do besides what it may already.
        grants: Vec<Grant>,
        /// One more.
        key: Option<UserKey>,
        /// Milliseconds since 1970.
        at_ms: i64,
    },
    /// A key lets nobody in any more.
    Revoke {
        /// Whose.
        name: Arc<str>,
        /// See [`UserKey::id`].
        key: Arc<str>,
    },
    /// A grant goes.
    Withdraw {
        /// Whose.
        name: Arc<str>,
        /// Which.
        grant: Grant,
    },
    /// The user goes, with grants and keys.
    Remove {
        /// Who.
        name: Arc<str>,
    },
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of what the browser shows.
    pub name: Hash,
    /// What it signed in with, as the server wrote it.
    pub body: Vec<u8>,
    /// Milliseconds since 1970.
    pub until_ms: i64,
}

/// One line of the trail: what was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Sorts by time.
    pub id: Id,
    /// None: it concerns the installation.
    pub system: Option<Arc<str>>,
    /// Who.
    pub user: Option<Arc<str>>,
    /// signed_in, cancelled, retried, ..
    pub what: Arc<str>,
    /// The run, if it is about one.
    pub run: Option<Id>,
    /// What else there is to say, in a few words.
    pub detail: Arc<str>,
}

impl UserEdit {
    pub(crate) fn name(&self) -> &str {
        let (UserEdit::Add { name, .. }
        | UserEdit::Revoke { name, .. }
        | UserEdit::Withdraw { name, .. }
        | UserEdit::Remove { name }) = self;
        name
    }

    /// What becomes of the user; None: there is no such user, key or grant.
    pub(crate) fn applied(&self, known: Option<User>) -> Option<User> {
        match self {
            UserEdit::Add { name, grants, key, at_ms } => {
                let fresh = User { name: name.clone(), grants: vec![], keys: vec![], created_at_ms: *at_ms };
                let mut user = known.unwrap_or(fresh);
                user.grants.extend(grants.iter().cloned());
                user.grants.sort();
                user.grants.dedup();
                user.keys.extend(key.iter().cloned());
                Some(user)
            }
            UserEdit::Revoke { key, .. } => {
                let mut user = known?;
                let before = user.keys.len();
                user.keys.retain(|known| known.id != *key);
                (user.keys.len() < before).then_some(user)
            }
            UserEdit::Withdraw { grant, .. } => {
                let mut user = known?;
                let before = user.grants.len();
                user.grants.retain(|known| known != grant);
                (user.grants.len() < before).then_some(user)
            }
            UserEdit::Remove { .. } => known,
        }
    }
}
