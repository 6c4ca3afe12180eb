//! One state as it goes out: encoded once, when the first client takes it, and shared by all of them.

use std::{
    fmt::{self, Write},
    str::FromStr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::Serialize;
use store::{Hash, Id, Item, ItemStatus, Message, NewRun, Notification, Standing, Toast};

use super::channel::Channel;
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
    event: OnceLock<Bytes>,
    /// For the channel of its system, and for that of its person.
    messages: [OnceLock<Bytes>; 2],
}

impl Frame {
    pub(crate) fn new(mark: Option<Mark>, content: Content) -> Arc<Frame> {
        Arc::new(Frame { mark, content, event: OnceLock::new(), messages: Default::default() })
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

    /// An item that ended after that, milliseconds since 1970: who was cut off for a moment has to be told.
    pub(crate) fn ended_since(&self, ms: i64) -> bool {
        matches!(&self.content, Content::Progress(item) if item.status != ItemStatus::Running && item.updated_at_ms > ms)
    }

    /// As a server-sent event: `event:`, `id:` and one line of `data:`.
    pub(crate) fn event(&self) -> Bytes {
        let encode = || {
            let mut head = format!("event: {}\n", self.name());
            if let Some(mark) = self.mark {
                // Writing to a string does not fail.
                let _ = writeln!(head, "id: {mark}");
            }
            head.push_str("data: ");
            // JSON has no line breaks of its own.
            Ok([head.as_bytes(), &self.json()?, b"\n\n"].concat())
        };
        self.event.get_or_init(|| written(encode())).clone()
    }

    /// As a message of the Pusher protocol, whose data is JSON in a text.
    pub(crate) fn message(&self, channel: &Channel) -> Bytes {
        let encode = || {
            let data = self.json()?;
            let data = String::from_utf8_lossy(&data);
            serde_json::to_vec(&Envelope { event: self.name(), channel: Some(&channel.name), data: &data })
        };
        self.messages[usize::from(channel.is_own())].get_or_init(|| written(encode())).clone()
    }

    fn name(&self) -> &str {
        match &self.content {
            Content::Progress(_) | Content::Gone(..) => "progress",
            Content::Notification(_) => "notification",
            Content::Toast(..) => "toast",
            Content::Message(message, _) => &message.event,
            Content::Run(_) => "run",
        }
    }

    fn json(&self) -> serde_json::Result<Vec<u8>> {
        match &self.content {
            Content::Progress(item) => serde_json::to_vec(&ItemView::from(&**item)),
            Content::Gone(item, _) => serde_json::to_vec(&Gone { id: item.id, gone: true }),
            Content::Notification(kept) if kept.gone => serde_json::to_vec(&Gone { id: kept.id, gone: true }),
            Content::Notification(kept) => serde_json::to_vec(&NotificationView::from(&**kept)),
            Content::Toast(toast, _) => serde_json::to_vec(&Shown::of(&toast.body)),
            Content::Message(message, _) => serde_json::to_vec(&Shown::of(&message.data)),
            Content::Run(run) => serde_json::to_vec(&run.row()),
        }
    }
}

/// A message of the Pusher protocol.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    pub(crate) event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<&'a str>,
    pub(crate) data: &'a str,
}

#[derive(Serialize)]
struct Gone {
    id: Id,
    gone: bool,
}

fn written(encoded: serde_json::Result<Vec<u8>>) -> Bytes {
    encoded.map(Bytes::from).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written as JSON");
        Bytes::new()
    })
}
