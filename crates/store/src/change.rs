//! The stream of what has changed, after the commit.

use std::sync::Arc;

use recipe::Value;
use serde::{Deserialize, Serialize};

use crate::{Hash, Id, Item, NewRun, Notification, Pause, Standing};

/// A short message for the browser that asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Toast {
    /// The tenant.
    pub system: Arc<str>,
    /// For whom.
    pub user: Arc<str>,
    /// {type, message, description, duration}.
    pub body: Value,
}

/// One message under a name of the workflow's own, for those who listen just then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The tenant.
    pub system: Arc<str>,
    /// For whom.
    pub to: To,
    /// The name it goes out under: none of the server's own.
    pub event: Arc<str>,
    /// What it says, with its marks.
    pub data: Value,
}

/// Who hears a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum To {
    /// Everyone signed in to the system.
    Everyone,
    /// One person.
    Person(Arc<str>),
    /// Those signed in to the system who listen to that channel.
    Channel(Arc<str>),
}

/// What a commit changed. Each has the number it got in the stream; numbers grow over restarts too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Change {
    /// A run was queued, taken, parked or ended.
    Run {
        /// What it was started with.
        start: Arc<NewRun>,
        /// Where it stands now.
        stands: Standing,
    },
    /// Nothing of that queue is claimed any more.
    Paused(Pause),
    /// Its runs are claimed again.
    Resumed {
        /// The tenant.
        system: Arc<str>,
        /// Its name.
        queue: Arc<str>,
    },
    /// Someone asked a claimed run to end: for the worker that holds it.
    Cancel(Id),
    /// An item's newest state.
    Progress(Arc<Item>),
    /// A new notification.
    Notification(Arc<Notification>),
    /// A toast.
    Toast(Arc<Toast>),
    /// Users, their keys or sessions have changed: whoever holds them reads them again.
    Users,
    /// A message.
    Message(Arc<Message>),
    /// A system has another current version: whoever holds it reads it again.
    Published {
        /// The tenant.
        system: Arc<str>,
        /// The version.
        version: Hash,
    },
}

/// The changes of one commit with their numbers.
pub type Changes = Arc<[(u64, Change)]>;
