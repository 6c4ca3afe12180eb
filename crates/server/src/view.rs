//! What people and programs get to see of what the store keeps: one struct a thing, its fields as delivery.md names them.
//!
//! A value goes out as [`Shown`] (withheld) or, in the journal for operators, as [`Raw`]; there is no third way.

use std::sync::Arc;

use recipe::Value;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use store::{Id, Item, ItemStatus, Log, NewRun, Notification, Run, Standing, Status};

use crate::{
    border::{Raw, Shown},
    door::Sight,
    schema::{IdText, ItemStatusWord, Moment, StatusWord},
    time::iso,
};

/// A progress item.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ItemView<'a> {
    #[schemars(with = "IdText")]
    id: Id,
    #[schemars(with = "IdText")]
    run: Id,
    workflow: &'a str,
    process: &'a str,
    title: Shown,
    total: Option<Number>,
    progress: Number,
    percent: Option<Number>,
    status_message: Shown,
    #[schemars(with = "ItemStatusWord")]
    status: ItemStatus,
    #[schemars(with = "Moment")]
    started_at: String,
    #[schemars(with = "Moment")]
    updated_at: String,
    eta_seconds: Option<Number>,
    #[schemars(with = "Option<Moment>")]
    eta_until: Option<String>,
    rate: Option<Number>,
    seq: u64,
    link: Shown,
    user: Option<&'a str>,
    ignored: u64,
}

impl<'a> ItemView<'a> {
    /// As someone sees it who asks now: what has not moved for too long has no figures that are known to be bad.
    pub(crate) fn now(item: &'a Item, now_ms: i64) -> ItemView<'a> {
        let view = ItemView::from(item);
        match item.eta_until_ms {
            Some(until_ms) if until_ms < now_ms => ItemView { eta_seconds: None, rate: None, ..view },
            _ => view,
        }
    }
}

/// As it was stored: whoever shows it counts down, up to `eta_until`.
impl<'a> From<&'a Item> for ItemView<'a> {
    fn from(item: &'a Item) -> ItemView<'a> {
        ItemView {
            id: item.id,
            run: item.run,
            workflow: &item.workflow,
            process: &item.process,
            title: Shown::of(&item.title),
            total: item.total.map(Number),
            progress: Number(item.progress),
            percent: percent(item).map(Number),
            status_message: Shown::of(&item.message()),
            status: item.status,
            started_at: iso(item.started_at_ms),
            updated_at: iso(item.updated_at_ms),
            eta_seconds: item.eta_seconds.map(Number),
            eta_until: item.eta_until_ms.map(iso),
            rate: item.rate.map(Number),
            seq: item.seq,
            link: Shown::of(&item.link),
            user: item.user.as_deref(),
            ignored: item.ignored,
        }
    }
}

/// How far an item has come, to a tenth of a percent; None without a total. Where nothing is to be done all of it is.
pub(crate) fn percent(item: &Item) -> Option<f64> {
    let total = item.total?;
    if total == 0.0 {
        return Some(100.0);
    }
    Some(((item.progress / total * 1_000.0).floor() / 10.0).clamp(0.0, 100.0))
}

/// A number that is written without `.0` where it is whole.
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Up to 2^53 every whole number has a form of its own.
        if self.0.fract() == 0.0 && self.0.abs() < 9_007_199_254_740_992.0 {
            to.serialize_i64(self.0 as i64)
        } else {
            to.serialize_f64(self.0)
        }
    }
}

/// What never changes of a run, and where it stands: what a live event carries and every list begins with.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunHead<'a> {
    #[schemars(with = "IdText")]
    pub(crate) id: Id,
    pub(crate) workflow: &'a str,
    pub(crate) version: String,
    #[schemars(with = "StatusWord")]
    pub(crate) status: Status,
    pub(crate) queue: &'a str,
    pub(crate) user: Option<&'a str>,
    #[schemars(with = "IdText")]
    pub(crate) root: Id,
    #[schemars(with = "Option<IdText>")]
    pub(crate) parent: Option<Id>,
    #[schemars(with = "Option<IdText>")]
    pub(crate) retry_of: Option<Id>,
    /// Started by a person or a schedule, or by a run inside a request.
    pub(crate) direct: bool,
    #[schemars(with = "Moment")]
    pub(crate) created_at: String,
}

impl<'a> RunHead<'a> {
    pub(crate) fn new(start: &'a NewRun, status: Status) -> RunHead<'a> {
        RunHead {
            id: start.id,
            workflow: &start.workflow,
            version: start.version.to_string(),
            status,
            queue: &start.queue,
            user: start.user.as_deref(),
            root: start.root,
            parent: start.parent,
            retry_of: start.retry_of,
            direct: start.direct,
            created_at: iso(start.created_at_ms),
        }
    }
}

/// A run in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunRow<'a> {
    #[serde(flatten)]
    head: RunHead<'a>,
    attempts: u32,
    #[schemars(with = "Option<Moment>")]
    started_at: Option<String>,
    #[schemars(with = "Option<Moment>")]
    ended_at: Option<String>,
}

impl<'a> RunRow<'a> {
    pub(crate) fn new(head: RunHead<'a>, stands: Standing) -> RunRow<'a> {
        RunRow {
            head,
            attempts: stands.attempts,
            started_at: stands.started_at_ms.map(iso),
            ended_at: stands.ended_at_ms.map(iso),
        }
    }
}

impl<'a> From<&'a Run> for RunRow<'a> {
    fn from(run: &'a Run) -> RunRow<'a> {
        RunRow::new(RunHead::new(&run.start, run.status), run.stands())
    }
}

/// A run in "my work".
#[derive(Serialize, JsonSchema)]
pub(crate) struct MineRow<'a> {
    #[serde(flatten)]
    row: RunRow<'a>,
    result: Shown,
    error: Shown,
    why: Option<String>,
    progress: Vec<ItemView<'a>>,
}

impl<'a> MineRow<'a> {
    pub(crate) fn new(run: &'a Run, why: Option<String>, items: Vec<ItemView<'a>>) -> MineRow<'a> {
        let (result, error) = outcome(run, Sight::Own);
        MineRow { row: RunRow::from(run), result, error, why, progress: items }
    }
}

/// Result and error of a run, as far as someone sees into it.
pub(crate) fn outcome(run: &Run, sight: Sight) -> (Shown, Shown) {
    let Some(end) = &run.end else { return (Shown::null(), Shown::null()) };
    let some_of = |names: &[&str]| {
        let field = |name: &&str| Some((Arc::<str>::from(*name), end.error.get(name)?.clone()));
        Shown::of(&if end.error.is_null() {
            Value::Null
        } else {
            Value::Object(names.iter().filter_map(field).collect())
        })
    };
    match sight {
        Sight::All => (Shown::of(&end.result), Shown::of(&end.error)),
        Sight::Own => (Shown::of(&end.result), some_of(&["code", "message"])),
        Sight::Standing => (Shown::null(), some_of(&["code"])),
    }
}

/// GET runs/ID.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunView<'a> {
    #[serde(flatten)]
    pub(crate) row: RunRow<'a>,
    #[schemars(with = "Option<Moment>")]
    pub(crate) cancel_asked_at: Option<String>,
    pub(crate) input: Shown,
    pub(crate) result: Shown,
    pub(crate) error: Shown,
    pub(crate) handled: u32,
    pub(crate) why: Option<String>,
    pub(crate) progress: Vec<ItemView<'a>>,
    pub(crate) children: Vec<RunRow<'a>>,
    pub(crate) effects: Vec<Shown>,
    pub(crate) log: Vec<LogView<'a>>,
    /// Left out for those who are no operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) journal: Option<JournalView<'a>>,
}

/// The entries that are kept, and how many are not.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct JournalView<'a> {
    pub(crate) entries: Vec<Raw<'a>>,
}

/// A line that a run logged.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LogView<'a> {
    #[schemars(with = "Moment")]
    at: String,
    level: &'a str,
    element: &'a str,
    message: Shown,
    data: Shown,
}

impl<'a> From<&'a Log> for LogView<'a> {
    fn from(log: &'a Log) -> LogView<'a> {
        LogView {
            at: iso(log.at_ms),
            level: &log.level,
            element: &log.element,
            message: Shown::of(&log.message),
            data: Shown::of(&log.data),
        }
    }
}

/// A notification: its body's fields, and what the store knows of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NotificationView {
    #[schemars(with = "IdText")]
    id: Id,
    #[schemars(with = "IdText")]
    run: Id,
    title: Shown,
    message: Shown,
    link: Shown,
    actions: Shown,
    #[schemars(with = "Moment")]
    created_at: String,
    #[schemars(with = "Option<Moment>")]
    read_at: Option<String>,
}

impl From<&Notification> for NotificationView {
    fn from(notification: &Notification) -> NotificationView {
        let field = |name: &str| Shown::field(&notification.body, name);
        NotificationView {
            id: notification.id,
            run: notification.run,
            title: field("title"),
            message: field("message"),
            link: field("link"),
            actions: field("actions"),
            created_at: iso(notification.at_ms),
            read_at: notification.read_at_ms.map(iso),
        }
    }
}
