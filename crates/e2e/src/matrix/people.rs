//! Who comes: one of each kind, with what each was given.

use bytes::Bytes;
use testkit::client::Client;

/// What someone may in a system. Each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Signed in, with no role there.
    NoRole,
    SignedIn,
    Viewer,
    Operator,
    Admin,
}

impl Level {
    pub(crate) fn has_role(self) -> bool {
        self > Level::NoRole
    }
}

/// How someone shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Key,
    Bearer,
    Cookie,
}

/// What someone shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shows {
    Nothing,
    /// A key that is nobody's.
    Wrong(String),
    Key {
        key: String,
        cookie: String,
    },
}

pub(crate) struct Person {
    pub(crate) name: &'static str,
    /// None: in all systems.
    system: Option<&'static str>,
    level: Level,
    shows: Shows,
    base: Client,
}

/// Name, role and system (empty: all) of those who have keys. `user` is no role that means anything.
pub(crate) const USERS: &[(&str, &str, &str, Level)] = &[
    ("elsewhere", "admin", "other", Level::Admin),
    ("here", "user", "shop", Level::SignedIn),
    ("owner", "user", "shop", Level::SignedIn),
    ("viewer", "viewer", "shop", Level::Viewer),
    ("operator", "operator", "shop", Level::Operator),
    ("admin", "admin", "shop", Level::Admin),
    ("watch", "operator", "", Level::Operator),
    ("root", "admin", "", Level::Admin),
];

impl Person {
    pub(crate) fn nobody(base: &Client) -> Person {
        let shows = Shows::Nothing;
        Person { name: "nobody", system: None, level: Level::NoRole, shows, base: base.clone() }
    }

    /// Its key has the form of one, and is nobody's.
    pub(crate) fn impostor(base: &Client, like: &str) -> Person {
        let (rest, _) = like.rsplit_once('_').expect("hefe_ID_SECRET");
        let shows = Shows::Wrong(format!("{rest}_{}", "0".repeat(64)));
        Person { name: "impostor", system: None, level: Level::NoRole, shows, base: base.clone() }
    }

    /// Signs in with a browser too.
    pub(crate) async fn signed_in(
        base: &Client,
        (name, _, system, level): (&'static str, &str, &'static str, Level),
        key: String,
    ) -> Person {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = Bytes::from(format!("key={key}"));
        let entered = base.request("POST", "/ui/signin", &form, body).await;
        let cookie = entered.header("set-cookie").unwrap_or_else(|| panic!("{name}: {}", entered.text()));
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let system = (!system.is_empty()).then_some(system);
        Person { name, system, level, shows: Shows::Key { key, cookie }, base: base.clone() }
    }

    pub(crate) fn ways(&self) -> &'static [Way] {
        match self.shows {
            Shows::Nothing => &[Way::Key],
            Shows::Wrong(_) => &[Way::Key, Way::Bearer],
            Shows::Key { .. } => &[Way::Key, Way::Bearer, Way::Cookie],
        }
    }

    pub(crate) fn client(&self, way: Way) -> Client {
        match (&self.shows, way) {
            (Shows::Nothing, _) => self.base.clone(),
            (Shows::Key { cookie, .. }, Way::Cookie) => self.base.with("cookie", cookie),
            (Shows::Wrong(key) | Shows::Key { key, .. }, Way::Bearer) => {
                self.base.with("authorization", &format!("Bearer {key}"))
            }
            (Shows::Wrong(key) | Shows::Key { key, .. }, _) => self.base.with("x-api-key", key),
        }
    }

    pub(crate) fn is_impostor(&self) -> bool {
        matches!(self.shows, Shows::Wrong(_))
    }

    /// What it may in that system (empty: the installation); None: it is not signed in.
    pub(crate) fn level(&self, system: &str) -> Option<Level> {
        let Shows::Key { .. } = self.shows else { return None };
        Some(match self.system {
            None => self.level,
            Some(own) if own == system => self.level,
            Some(_) if system.is_empty() => Level::SignedIn,
            Some(_) => Level::NoRole,
        })
    }
}
