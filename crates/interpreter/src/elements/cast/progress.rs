//! cast/progress

use recipe::Value;
use workflow::{Class, Declaration, Json};

use crate::{
    effect::{Failure, Live, Own, Progress},
    element::{Firing, Step, Type, port},
    elements::{IN, OUT, literal, value},
    firing::fingerprint,
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "cast/progress",
        doc: "Shows how far the work is, live, as a bar that the person who started it sees. Passes its input on.",
        class: Class::Live,
        options: &[
            value(
                "process",
                "Which bar, among those of one tree of runs; the one that the file names elsewhere, else the workflow's identifier.",
            ),
            value("title", "For people."),
            value(
                "total",
                "How much there is to do; a bar without one, or with a negative one, is indeterminate.",
            ),
            value("progress", "How much of it is done, between 0 and `total`."),
            value("increment", "How much more of it is done; runs of one tree add up."),
            value("statusMessage", "What is being done, for people."),
            value(
                "status",
                "running, succeeded, failed, cancelled: by hand. Anything but running ends the bar.",
            ),
            literal("send_to_user", &[Json::Bool], "Only the person who started the root run sees it."),
            value("link", "Where a click leads."),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let update = Update::read(firing)?;
        let progress = update.add_to(firing.items);
        if progress.over() {
            firing.left.own.push(Own::End(progress));
        } else {
            firing.left.live.push(Live::Progress(progress));
        }
        Ok(Step::Emit(port("default", firing.input())))
    },
);

/// Beyond this nobody counts.
const MOST: f64 = 1e15;

/// What one firing says.
struct Update {
    says: Progress,
    set: Option<f64>,
    increment: f64,
}

impl Update {
    fn read(firing: &Firing<'_>) -> Result<Update, Failure> {
        let text = |option| firing.value(option).map(|value| value.as_text());
        let number = |option| firing.value(option).map(|value| number(&value));
        let process = match firing.value("process")? {
            Value::Null => firing.graph.process.clone().unwrap_or_else(|| firing.graph.identifier.clone()),
            // A provider's words tell bars apart as well as any, but are shown to nobody.
            named if named.tainted() => format!("external {:016x}", fingerprint(&named.to_text())).into(),
            named => named.to_text().into(),
        };
        let private = firing.value("send_to_user")?.truthy() || firing.graph.private.contains(&process);
        Ok(Update {
            says: Progress {
                process,
                title: text("title")?,
                total: number("total")?.filter(|total| *total >= 0.0),
                updates: 0,
                set: None,
                before: 0.0,
                subtotal: 0.0,
                status_message: text("statusMessage")?,
                status: status(&firing.value("status")?)?,
                private,
                link: text("link")?,
            },
            set: number("progress")?.map(|value| value.max(0.0)),
            increment: number("increment")?.unwrap_or(0.0),
        })
    }

    /// The run's newest words on the item: all of them, so that the newest update stands for those before.
    fn add_to(self, items: &mut Vec<Progress>) -> Progress {
        let Update { says, set, increment } = self;
        let at = items.iter().position(|item| item.process == says.process).unwrap_or_else(|| {
            items.push(Progress { process: says.process.clone(), ..Progress::default() });
            items.len() - 1
        });
        let item = &mut items[at];
        item.updates += 1;
        item.title = newer(says.title, &item.title);
        item.total = says.total.or(item.total);
        item.status_message = newer(says.status_message, &item.status_message);
        item.link = newer(says.link, &item.link);
        item.private |= says.private;
        if let Some(value) = set {
            // A set is the item's new base and voids the increments that its own run made before.
            item.set = Some((item.set.map_or(1, |(sets, _)| sets + 1), value));
            item.before += std::mem::take(&mut item.subtotal);
        }
        item.subtotal += increment;
        Progress { status: says.status, ..item.clone() }
    }
}

/// What is no number leaves the figure as it was: a bar is not what a run should fail of. What is beyond counting is held
/// where sums stay finite.
fn number(value: &Value) -> Option<f64> {
    let of_text = || value.as_str()?.trim().parse().ok().filter(|number: &f64| number.is_finite());
    value.as_f64().or_else(of_text).map(|number| number.clamp(-MOST, MOST))
}

/// Null leaves it as it was.
fn newer(said: Value, before: &Value) -> Value {
    if said.is_null() { before.clone() } else { said }
}

fn status(value: &Value) -> Result<Option<String>, Failure> {
    match value.as_str() {
        None | Some("") => Ok(None),
        Some(status @ ("running" | "succeeded" | "failed" | "cancelled")) => Ok(Some(status.to_owned())),
        Some(_) => Err(Failure::new(
            "invalid",
            "a progress item's status is one of running, succeeded, failed and cancelled",
        )),
    }
}
