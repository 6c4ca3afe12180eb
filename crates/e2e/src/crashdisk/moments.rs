//! At which moments the power goes: evenly around all syncs and all that was sent, and closely around what moves the log into the
//! database, begins the log anew, and names files.

use std::collections::BTreeSet;

use super::{
    disk::is_sync,
    trace::{Call, Step, Trace},
};

/// Of the calls that move the log, one in so many: a checkpoint writes thousands of pages.
const MOVED: usize = 64;

/// Counts of steps that have happened when the power goes, in order.
pub(crate) fn moments(trace: &Trace, wanted: usize) -> Vec<usize> {
    let (mut usual, mut close) = (BTreeSet::new(), BTreeSet::new());
    let mut moved = 0;
    for (n, step) in trace.steps.iter().enumerate() {
        let call = trace.call(*step);
        let into = match call {
            call if is_close(call) => &mut close,
            call if is_move(call) => {
                moved += 1;
                if moved % MOVED > 1 {
                    continue;
                }
                &mut close
            }
            call if is_sync(call) || is_sent(call) => &mut usual,
            _ => continue,
        };
        into.extend([n, n + 1]);
    }
    usual.insert(trace.steps.len());
    let close = evenly(&close, wanted / 2);
    let usual = evenly(&usual, wanted - close.len());
    close.into_iter().chain(usual).collect::<BTreeSet<usize>>().into_iter().collect()
}

fn evenly(all: &BTreeSet<usize>, wanted: usize) -> Vec<usize> {
    let all: Vec<usize> = all.iter().copied().collect();
    let wanted = wanted.min(all.len());
    (0..wanted).map(|n| all[n * all.len() / wanted]).collect()
}

/// A page of the log goes into the database.
fn is_move(call: &Call) -> bool {
    call.name == "pwrite64" && call.path.ends_with("hefe.db")
}

/// The log begins anew.
pub(crate) fn is_reset(call: &Call) -> bool {
    call.name == "pwrite64" && call.path.ends_with("-wal") && call.last() == 0
}

/// The log is in the database.
pub(crate) fn is_moved(call: &Call) -> bool {
    is_sync(call) && call.path.ends_with("hefe.db")
}

fn is_close(call: &Call) -> bool {
    let names = ["openat", "unlink", "ftruncate", "mkdir"].contains(&call.name.as_str());
    let creates = call.name != "openat" || call.rest.contains("O_CREAT");
    (names && creates) || is_reset(call) || is_moved(call) || (is_sync(call) && call.path.ends_with(".hefe"))
}

pub(crate) fn is_sent(call: &Call) -> bool {
    call.path.starts_with("socket:") && !call.failed
}

/// A moment in words.
pub(crate) fn words(trace: &Trace, moment: usize) -> String {
    let Some(step) = moment.checked_sub(1).and_then(|last| trace.steps.get(last)) else {
        return "before all".to_owned();
    };
    let call = trace.call(*step);
    let verb = match step {
        Step::Begins(_) => "has begun",
        Step::Ends(_) => "has returned",
    };
    format!("{} {} {verb}", call.name, call.path.rsplit('/').next().unwrap_or_default())
}
