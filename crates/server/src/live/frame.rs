//! One state as it goes out: encoded once, when the first client takes it, and shared by all of them.

use std::{
    fmt::{self, Write},
    str::FromStr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::Serialize;
use store::{Hash, Id, Item, ItemStatus, Message, NewRun, Notification, Standing, Toast};

use crate::{
    border::Shown,
    time::iso,
    view::{ItemView, NotificationView, RunHead, RunRow},
};

/// Who may see something within a system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Audience {
    /// Everyone signed in to the system.
    Everyone,
    /// One person.
    Person(Arc<str>),
    /// Operators: what belongs to nobody.
    Operators,
    /// Every run: operators and viewers.
    Runs,
    /// The runs that work for one person.
    RunsOf(Arc<str>),
    /// Those of the system who listen to that channel.
    Channel(Arc<str>),
}

/// What a client keeps one state of: a newer one takes the place of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// An item.
    Progress(Id),
    /// A notification.
    Notification(Id),
    /// A run.
    Run(Id),
    /// A toast and a message are no states: their place is their own.
    Passing(u64),
}

/// A run as far as an event needs it; its input would be held in memory for nothing.
#[derive(Debug, Clone)]
pub(crate) struct RunShown {
    id: Id,
    workflow: Arc<str>,
    version: Hash,
    queue: Arc<str>,
    user: Option<Arc<str>>,
    root: Id,
    parent: Option<Id>,
    direct: bool,
    retry_of: Option<Id>,
    created_at_ms: i64,
    stands: Standing,
}

impl RunShown {
    pub(crate) fn new(start: &NewRun, stands: Standing) -> RunShown {
        RunShown {
            id: start.id,
            workflow: start.workflow.clone(),
            version: start.version,
            queue: start.queue.clone(),
            user: start.user.clone(),
            root: start.root,
            parent: start.parent,
            direct: start.direct,
            retry_of: start.retry_of,
            created_at_ms: start.created_at_ms,
            stands,
        }
    }

    fn row(&self) -> RunRow<'_> {
        let head = RunHead {
            id: self.id,
            workflow: &self.workflow,
            version: self.version.to_string(),
            status: self.stands.status,
            queue: &self.queue,
            user: self.user.as_deref(),
            root: self.root,
            parent: self.parent,
            retry_of: self.retry_of,
            direct: self.direct,
            created_at: iso(self.created_at_ms),
        };
        RunRow::new(head, self.stands)
    }
}

/// What a frame tells.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// An item's newest state.
    Progress(Arc<Item>),
    /// An item that its reader may no longer see; those of the audience go on seeing it.
    Gone(Arc<Item>, Audience),
    /// A notification.
    Notification(Arc<Notification>),
    /// A toast, and until when it is kept, milliseconds since 1970.
    Toast(Arc<Toast>, i64),
    /// A message, and the same.
    Message(Arc<Message>, i64),
    /// A run.
    Run(Box<RunShown>),
}

/// A place in the stream, as clients send it back: opaque to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which board counted: another process counts anew.
    pub(crate) board: u64,
    /// How many changes had come before and with it.
    pub(crate) place: u64,
    /// The highest number of the store's that had come; what another process goes by.
    pub(crate) number: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}.{:x}", self.board, self.place, self.number)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Mark, ()> {
        let mut parts = text.splitn(3, '.').map(|part| u64::from_str_radix(part, 16).map_err(drop));
        let mut next = || parts.next().unwrap_or(Err(()));
        Ok(Mark { board: next()?, place: next()?, number: next()? })
    }
}

/// A state with its place in the stream.
#[derive(Debug)]
pub(crate) struct Frame {
    /// None: a state read anew, which says nothing about what else the client has.
    mark: Option<Mark>,
    pub(crate) content: Content,
    bytes: OnceLock<Bytes>,
}

impl Frame {
    pub(crate) fn new(mark: Option<Mark>, content: Content) -> Arc<Frame> {
        Arc::new(Frame { mark, content, bytes: OnceLock::new() })
    }

    /// What it is a state of.
    pub(crate) fn key(&self) -> Key {
        match &self.content {
            Content::Progress(item) => Key::Progress(item.id),
            Content::Gone(item, _) => Key::Progress(item.id),
            Content::Notification(notification) => Key::Notification(notification.id),
            Content::Toast(..) | Content::Message(..) => Key::Passing(self.mark.map_or(0, |mark| mark.place)),
            Content::Run(run) => Key::Run(run.id),
        }
    }

    /// The item's own count of changes; 0 for what has none.
    pub(crate) fn seq(&self) -> u64 {
        match &self.content {
            Content::Progress(item) | Content::Gone(item, _) => item.seq,
            _ => 0,
        }
    }

    /// An item that has not ended: every new client is told of it, however old its state is.
    pub(crate) fn moving(&self) -> bool {
        matches!(&self.content, Content::Progress(item) if item.status == ItemStatus::Running)
    }

    /// Until when it is kept, if it is no state, milliseconds since 1970.
    pub(crate) fn until_ms(&self) -> Option<i64> {
        match self.content {
            Content::Toast(_, until_ms) | Content::Message(_, until_ms) => Some(until_ms),
            _ => None,
        }
    }

    /// The event as it stands on the wire.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes
            .get_or_init(|| match &self.content {
                Content::Progress(item) => encode("progress", self.mark, &ItemView::from(&**item)),
                Content::Gone(item, _) => encode("progress", self.mark, &Gone { id: item.id, gone: true }),
                Content::Notification(notification) => {
                    encode("notification", self.mark, &NotificationView::from(&**notification))
                }
                Content::Toast(toast, _) => encode("toast", self.mark, &Shown::of(&toast.body)),
                Content::Message(message, _) => encode(&message.event, self.mark, &Shown::of(&message.data)),
                Content::Run(run) => encode("run", self.mark, &run.row()),
            })
            .clone()
    }
}

#[derive(Serialize)]
struct Gone {
    id: Id,
    gone: bool,
}

/// `event:`, `id:` and one line of `data:`; JSON has no line breaks of its own.
fn encode(event: &str, mark: Option<Mark>, data: &impl Serialize) -> Bytes {
    let mut head = format!("event: {event}\n");
    if let Some(mark) = mark {
        // Writing to a string does not fail.
        let _ = writeln!(head, "id: {mark}");
    }
    head.push_str("data: ");
    let mut bytes = head.into_bytes();
    if let Err(error) = serde_json::to_writer(&mut bytes, data) {
        tracing::error!(%error, "an event could not be written as JSON");
        return Bytes::new();
    }
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}
