//! What people see live, once it is durable.

use std::sync::Arc;

use store::{Change, NewRun, Standing};

use super::life::Life;

/// What people see live.
pub(crate) fn seen(life: &Life, stamp: u64, change: &Change) {
    match change {
        Change::Run { start, stands } => {
            life.log(format!("{stamp} {} {} {}", start.workflow, start.id, stands.status.word()));
            match life.is_alone() {
                true => stands_so(life, start, stands),
                false => life.sees(start.id),
            }
        }
        Change::Progress(item) => {
            life.log(format!(
                "{stamp} bar {} {} of {:?} {:?}",
                item.process, item.progress, item.total, item.status
            ));
            bar(life, item);
        }
        Change::Cancel(run) => life.log(format!("{stamp} {run} is asked to end")),
        Change::Notification(kept) => life.log(format!("{stamp} note {}", kept.body.to_json())),
        Change::Toast(_)
        | Change::Message(_)
        | Change::Users
        | Change::Paused(_)
        | Change::Resumed { .. }
        | Change::Published { .. } => {}
    }
}

/// In the order in which one process does it: what is over is so until somebody asks for more.
fn stands_so(life: &Life, start: &Arc<NewRun>, stands: &Standing) {
    life.has_moved(start, stands);
    let mut world = life.world();
    let over = world.over.contains(&start.id);
    if stands.status.ended() {
        world.over.insert(start.id);
    } else {
        world.over.remove(&start.id);
    }
    let asked = world.reopened.contains(&start.id);
    drop(world);
    if over && (stands.status.ended() || !asked) {
        life.broken(format!("{} {} was over and is {}", start.workflow, start.id, stands.status.word()));
    }
}

/// A bar's state: none is behind an earlier one. One process tells of them in their order; of several each tells when it hears of one.
pub(crate) fn bar(life: &Life, item: &store::Item) {
    let now = (item.seq, item.progress);
    let mut world = life.world();
    let states = world.bars.entry(item.id).or_default();
    let before = states.range(..=item.seq).next_back().filter(|before| *before.1 > now.1);
    let after = states.range(item.seq + 1..).next().filter(|after| life.is_alone() || *after.1 < now.1);
    let other = before.or(after).map(|(seq, progress)| (*seq, *progress));
    states.insert(now.0, now.1);
    drop(world);
    if let Some(other) = other {
        life.broken(format!("bar {} went back: it was seen at {other:?}, and then at {now:?}", item.process));
    }
}
