//! Who comes in (delivery.md, Sign-in): from what a request shows to a [`Guest`], and from a guest and a system to a
//! [`Viewer`] with a rank. What each rank may do stands in the handlers that ask for it.
//!
//! A guest is looked up anew at every request, and a stream looks again whenever users change: a key that is revoked, a role
//! that is withdrawn, a session that is closed counts at once.
//!
//! ```text
//! open (nobody has a key, no issuer) -- the first user comes --> closed, for as long as the process lives
//! ```

mod book;
mod guest;
mod jwks;
pub mod key;
pub mod name;
mod seldom;
mod ticket;
mod token;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, StatusCode, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use store::{Change, Grant, Hash, Noted, Session, Store, User};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinSet,
};

pub use self::token::{TokenAlgorithm, TokenKeys, TokenSettings};
use self::{book::Book, seldom::Seldom, token::Tokens};
pub(crate) use self::{
    guest::{Guest, Rank, Sight, Viewer, unknown_system},
    ticket::TICKET_MS,
};
use crate::{
    answer::Refused,
    secret::{hex, random},
};

/// How long a browser stays signed in, milliseconds.
const SESSION_MS: i64 = 12 * 3_600_000;

/// Sessions that are kept in memory, so that not every request reads the store.
const SESSIONS_MAX: usize = 10_000;

/// After the store has refused.
const AGAIN: Duration = Duration::from_secs(1);

/// The cookie of a signed-in browser.
const COOKIE: &str = "hefe_session";

/// Who may come in besides those whom the store knows.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// First users, from hefe.toml.
    pub users: Vec<User>,
    /// Whose tokens are taken.
    pub tokens: Option<TokenSettings>,
}

/// What someone has shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Credential {
    /// Nothing: the server is open to its own machine.
    Open,
    /// The project's socket: who may open it owns the project, and acts for whom it likes.
    Socket { user: Arc<str> },
    /// A user's key.
    Key { user: Arc<str>, id: Arc<str> },
    /// An issuer's token.
    Token { user: Arc<str>, grants: Vec<Grant>, until_ms: i64 },
    /// A browser's cookie, and what was shown for it.
    Session { name: Hash, until_ms: i64, of: Box<Credential> },
    /// A ticket, and what was shown for that. It opens a stream, which lasts as long as the credential does.
    Ticket { of: Box<Credential> },
}

/// The door.
pub(crate) struct Door {
    store: Arc<dyn Store>,
    first: Vec<User>,
    tokens: Option<Tokens>,
    refused: Seldom,
    book: RwLock<Arc<Book>>,
    /// One at a time reads, so that an older book never takes the place of a newer one.
    reading: tokio::sync::Mutex<()>,
    open: AtomicBool,
    sessions: Mutex<HashMap<Hash, Session>>,
    /// Sessions that are over, and that the store could not be told of yet.
    over: watch::Sender<HashSet<Hash>>,
    secret: [u8; 32],
    changed: watch::Sender<()>,
}

/// A door with the tasks that keep it up to date.
pub(crate) struct Kept {
    pub(crate) door: Arc<Door>,
    /// They end with it.
    _followers: JoinSet<()>,
}

impl Kept {
    /// Needs a runtime.
    ///
    /// # Errors
    /// As the store's.
    pub(crate) async fn open(store: Arc<dyn Store>, doors: Doors) -> Result<Kept, store::Error> {
        let secret = store.secret("tickets", random()?).await?;
        let changes = store.changes();
        let door = Arc::new(Door {
            first: doors.users,
            tokens: doors.tokens.map(Tokens::new),
            refused: Seldom::default(),
            book: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            open: AtomicBool::new(true),
            sessions: Mutex::default(),
            over: watch::channel(HashSet::new()).0,
            secret,
            changed: watch::channel(()).0,
            store,
        });
        door.read().await?;
        let mut followers = JoinSet::new();
        followers.spawn(follow(door.clone(), changes));
        followers.spawn(end_sessions(door.clone()));
        Ok(Kept { door, _followers: followers })
    }
}

async fn follow(door: Arc<Door>, mut changes: tokio::sync::broadcast::Receiver<store::Changes>) {
    loop {
        let touched = match changes.recv().await {
            Ok(changes) => changes.iter().any(|(_, change)| matches!(change, Change::Users)),
            Err(RecvError::Lagged(_)) => true,
            Err(RecvError::Closed) => return,
        };
        if touched && !door.read_on().await {
            return;
        }
    }
}

/// Tells the store of the sessions that were over while it took nothing.
async fn end_sessions(door: Arc<Door>) {
    let mut over = door.over.subscribe();
    while over.wait_for(|over| !over.is_empty()).await.is_ok() {
        tokio::time::sleep(AGAIN).await;
        let names: Vec<Hash> = over.borrow().iter().copied().collect();
        for name in names {
            match door.store.close_session(name).await {
                Ok(()) => {
                    door.over.send_if_modified(|over| over.remove(&name));
                }
                Err(store::Error::Closed) => return,
                Err(_) => break,
            }
        }
    }
}

impl Door {
    /// Reads the users, and forgets the sessions that were looked up. Whoever has changed them waits for it before it says so: a
    /// fresh key lets its user in at once, and a revoked one nobody any more.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn read(&self) -> Result<(), store::Error> {
        let _one = self.reading.lock().await;
        let users = self.store.users().await?;
        let book = Book::of(self.first.iter().cloned().chain(users));
        if !book.is_empty() || self.tokens.is_some() {
            self.open.store(false, Ordering::Release);
        }
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        lock(&self.sessions).clear();
        self.changed.send_replace(());
        Ok(())
    }

    /// Reads until it could; false once the store is closed. Who was let in before stays in meanwhile: a revoked key counts once
    /// the store can be read.
    async fn read_on(&self) -> bool {
        loop {
            match self.read().await {
                Ok(()) => return true,
                Err(store::Error::Closed) => return false,
                Err(error) => {
                    // An outage the store has told of itself, once.
                    match error.is_outage() {
                        true => tracing::debug!(%error, "the users could not be read"),
                        false => tracing::error!(%error, "the users could not be read"),
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// The users of hefe.toml.
    pub(crate) fn first(&self) -> &[User] {
        &self.first
    }

    /// Whether nobody signs in. A server that was closed once stays so, whoever is removed.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Told whenever someone may have less than before.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Who asks: by key, token or cookie. What is shown and is none of ours is refused; a cookie that is over counts as none.
    ///
    /// # Errors
    /// 401, and the store's.
    pub(crate) async fn admit(&self, headers: &HeaderMap, now_ms: i64) -> Result<Guest, Refused> {
        if self.is_open() {
            return Ok(Guest::of(Credential::Open));
        }
        let shown = |name: &str| headers.get_all(name).iter().count();
        // A proxy and we might each go by another one.
        if shown("x-api-key") + shown("authorization") > 1 {
            return Err(nobody("more than one credential is shown")
                .help("show one credential: one `X-Api-Key`, or one `Authorization`"));
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text("authorization").and_then(|value| {
            let (kind, rest) = value.split_once(' ')?;
            kind.eq_ignore_ascii_case("bearer").then(|| rest.trim())
        });
        if let Some(shown) = text("x-api-key").or(bearer) {
            return self.credential(shown).await.map(Guest::of);
        }
        if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") {
            return Err(nobody("what `Authorization` shows is neither a key nor a token"));
        }
        match cookie(headers) {
            Some(shown) => Ok(self.session(shown, now_ms).await?.map_or_else(Guest::nobody, Guest::of)),
            None => Ok(Guest::nobody()),
        }
    }

    /// What a key or a token stands for.
    pub(crate) async fn credential(&self, shown: &str) -> Result<Credential, Refused> {
        if key::id_of(shown).is_some() {
            let (user, id) = self.book().whose(shown).ok_or_else(|| nobody("this key lets nobody in"))?;
            return Ok(Credential::Key { user, id });
        }
        let Some(tokens) = &self.tokens else { return Err(nobody("this is no key")) };
        let named = tokens.check(shown).await.map_err(|why| {
            // Why is for whoever runs the server: it would help one who tries.
            if let Some(tokens) = self.refused.count(Instant::now()) {
                tracing::info!(why, tokens, "a token was refused");
            }
            nobody("this token lets nobody in")
        })?;
        Ok(Credential::Token { user: named.user, grants: named.grants, until_ms: named.until_ms })
    }

    /// What a credential may do now; None: nothing any more.
    pub(crate) fn grants(&self, credential: &Credential, now_ms: i64) -> Option<Vec<Grant>> {
        match credential {
            Credential::Open if self.is_open() => Some(everything()),
            Credential::Open => None,
            Credential::Socket { .. } => Some(everything()),
            Credential::Key { user, id } => self.book().grants(user, id).map(<[Grant]>::to_vec),
            Credential::Token { grants, until_ms, .. } => (now_ms < *until_ms).then(|| grants.clone()),
            Credential::Session { until_ms, of, .. } if now_ms < *until_ms => self.grants(of, now_ms),
            Credential::Session { .. } => None,
            Credential::Ticket { of } => self.grants(of, now_ms),
        }
    }

    /// The same for one that may have been closed elsewhere.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn still(
        &self,
        credential: &Credential,
        now_ms: i64,
    ) -> Result<Option<Vec<Grant>>, store::Error> {
        let mut inner = credential;
        while let Credential::Ticket { of } = inner {
            inner = of;
        }
        if let Credential::Session { name, .. } = inner
            && self.look_up(*name).await?.is_none()
        {
            return Ok(None);
        }
        Ok(self.grants(credential, now_ms))
    }

    /// A browser signs in with a key or a token: its cookie's value, never one that it brought.
    ///
    /// # Errors
    /// 401, and the store's.
    pub(crate) async fn sign_in(&self, shown: &str, now_ms: i64) -> Result<(String, Credential), Refused> {
        let of = self.credential(shown).await?;
        let until_ms = match &of {
            Credential::Token { until_ms, .. } => (*until_ms).min(now_ms + SESSION_MS),
            _ => now_ms + SESSION_MS,
        };
        let bytes = random::<32>().map_err(|_| {
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the server has no random bytes just now")
        })?;
        let value = hex(&bytes);
        let name = Hash::of(value.as_bytes());
        let body = postcard::to_stdvec(&of).unwrap_or_default();
        self.store.open_session(Session { name, body, until_ms }, now_ms).await?;
        Ok((value, Credential::Session { name, until_ms, of: Box::new(of) }))
    }

    /// The session of that cookie ends, in every tab and stream. Where the store takes nothing it ends for this process, and in
    /// the store once that takes something again.
    pub(crate) async fn sign_out(&self, headers: &HeaderMap) {
        let Some(shown) = cookie(headers) else { return };
        let name = Hash::of(shown.as_bytes());
        let Err(error) = self.store.close_session(name).await else { return };
        // What is no session would only take up room.
        if matches!(self.look_up(name).await, Ok(None)) || self.over.borrow().len() >= SESSIONS_MAX {
            return;
        }
        tracing::warn!(%error, "a session was ended that the store still has; it is told as soon as it takes something");
        self.over.send_if_modified(|over| over.insert(name));
        lock(&self.sessions).remove(&name);
        self.changed.send_replace(());
    }

    async fn session(&self, shown: &str, now_ms: i64) -> Result<Option<Credential>, store::Error> {
        let name = Hash::of(shown.as_bytes());
        let Some(session) = self.look_up(name).await? else { return Ok(None) };
        let Ok(of) = postcard::from_bytes::<Credential>(&session.body) else { return Ok(None) };
        let credential = Credential::Session { name, until_ms: session.until_ms, of: Box::new(of) };
        Ok(self.grants(&credential, now_ms).map(|_| credential))
    }

    async fn look_up(&self, name: Hash) -> Result<Option<Session>, store::Error> {
        if self.over.borrow().contains(&name) {
            return Ok(None);
        }
        if let Some(session) = lock(&self.sessions).get(&name) {
            return Ok(Some(session.clone()));
        }
        // What changes while it is read is read again.
        let mut changed = self.changed();
        changed.mark_unchanged();
        let found = self.store.session(name).await?;
        if let Some(session) = &found
            && !changed.has_changed().unwrap_or(true)
        {
            let mut sessions = lock(&self.sessions);
            if sessions.len() >= SESSIONS_MAX {
                sessions.clear();
            }
            sessions.insert(name, session.clone());
        }
        Ok(found)
    }

    fn book(&self) -> Arc<Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a line of the trail.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn note(&self, line: Noted) -> Result<(), store::Error> {
        self.store.note(line).await
    }
}

impl Credential {
    /// Whom it names.
    pub(crate) fn user(&self) -> Arc<str> {
        match self {
            Credential::Open => name::LOCAL.into(),
            Credential::Socket { user } | Credential::Key { user, .. } | Credential::Token { user, .. } => {
                user.clone()
            }
            Credential::Session { of, .. } | Credential::Ticket { of } => of.user(),
        }
    }

    /// Until when at the longest, milliseconds since 1970.
    pub(crate) fn until_ms(&self) -> i64 {
        match self {
            Credential::Open | Credential::Socket { .. } | Credential::Key { .. } => i64::MAX,
            Credential::Token { until_ms, .. } => *until_ms,
            Credential::Session { until_ms, of, .. } => of.until_ms().min(*until_ms),
            Credential::Ticket { of } => of.until_ms(),
        }
    }

    /// Whether a browser sends it by itself, wherever a page makes it.
    pub(crate) fn is_sent_unasked(&self) -> bool {
        matches!(self, Credential::Open | Credential::Session { .. })
    }
}

fn everything() -> Vec<Grant> {
    vec![Grant { system: None, role: "admin".into() }]
}

/// 401 with what to do.
pub(crate) fn nobody(says: &str) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, says)
        .code("unauthorized")
        .help("send a key as `X-Api-Key`, a key or a token as `Authorization: Bearer`, or sign in at /ui")
}

/// The cookie's value, as it is set.
pub(crate) fn set_cookie(value: &str, path: &str, secure: bool) -> String {
    let age = if value.is_empty() { 0 } else { SESSION_MS / 1_000 };
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut ours = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    // Two of one name: somebody has slipped one in.
    ours.next().filter(|value| !value.is_empty() && ours.next().is_none())
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
