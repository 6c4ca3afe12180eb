//! What a kill cannot show: the disk as a power cut leaves it. A server under strace and a load; then its files as they may be at
//! many moments of that, from the recorded writes and syncs (`disk.rs` says what may be). The product opens them, and all that it had
//! told others by then must be there (`promise.rs`), the rest must fit together (`look.rs`); on some a server starts and
//! brings everything to its end (`revive.rs`).
//!
//! The file of held runs and the lock are not laid out: after a power cut the boot has another id, and nobody is accused.

mod disk;
mod look;
mod moments;
mod promise;
mod record;
mod revive;
mod trace;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};

use self::{
    disk::{Disk, Variant, is_sync},
    moments::{is_moved, is_reset, is_sent, moments, words},
    promise::{Promise, promises},
    record::Recording,
    trace::{Call, Step, Trace},
};
use crate::{
    dice::Dice,
    proof::{Report, Sabotage},
};

/// One moment in so many is brought to its end by a server.
const REVIVED: usize = 25;

/// So many faults are enough to look into.
const ENOUGH: usize = 10;

/// The disk as a power cut leaves it, at many moments of a load.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// How many moments
    #[arg(long, default_value_t = 500)]
    pub moments: usize,
    /// How many launches the load has
    #[arg(long, default_value_t = 400)]
    pub launches: usize,
    /// All that is random comes from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Look at this one moment, as a fault names it
    #[arg(long, value_name = "MOMENT")]
    pub at: Option<usize>,
    /// Keep the traces in that folder, as it is done anyway if something broke
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Record nothing, look at the traces that were kept there
    #[arg(long, value_name = "FOLDER")]
    pub replay: Option<PathBuf>,
    /// Take syncs of that file (`hefe.db`, `hefe.db-wal`, `.hefe`) for nothing: then something must break
    #[arg(long, value_name = "NAME")]
    pub forget: Option<String>,
}

/// Records, rebuilds, looks. Needs strace.
pub async fn check(asked: Asked, sabotage: Sabotage) -> Report {
    let own = tempfile::Builder::new().prefix("hefe-crashdisk-").tempdir().expect("a folder");
    let traces = asked.replay.as_deref().or(asked.keep.as_deref()).unwrap_or(own.path());
    let recording = match asked.replay {
        Some(_) => None,
        None => Some(record::record(traces, asked.launches, asked.seed, &sabotage).await),
    };
    let trace = read(traces);
    let chosen = asked.at.map_or_else(|| moments(&trace, asked.moments), |at| vec![at]);
    let mut broken: Vec<String> = recording.iter().flat_map(|kept| kept.complaints.clone()).collect();
    let (recording, forget) = (recording.as_ref(), asked.forget.as_deref());
    let mut proof = Proof { trace: &trace, seed: asked.seed, recording, forget, disks: 0, revived: 0 };
    proof.cut(&chosen, &mut broken).await;
    broken.extend(recording.into_iter().flat_map(revive::keys));
    let mut figures = figures(&trace);
    figures.insert("moments".to_owned(), chosen.len().into());
    figures.insert("disks".to_owned(), proof.disks.into());
    figures.insert("revived".to_owned(), proof.revived.into());
    // One that is broken on purpose is nothing to look into.
    if !broken.is_empty() && traces == own.path() && !sabotage.on() {
        let kept = own.keep();
        eprintln!("note: to look again: `--seed {} --replay {} --at MOMENT`", asked.seed, kept.display());
    }
    Report { proof: "crashdisk", figures, broken, ..Report::default() }
}

/// What was recorded.
fn figures(trace: &Trace) -> Map<String, Value> {
    let is_answer = |promise: &Promise| {
        matches!(promise, Promise::Started(_) | Promise::Signalled(_) | Promise::Cancelled(_))
    };
    let count = |is: &dyn Fn(&Call) -> bool| trace.calls.iter().filter(|call| is(call)).count().into();
    let all = [
        ("writes", count(&|call| call.name == "pwrite64")),
        ("syncs", count(&is_sync)),
        ("checkpoints", count(&is_moved)),
        ("resets", count(&is_reset)),
        ("told", count(&is_sent)),
        ("answered", count(&|call| is_sent(call) && promises(call).iter().any(is_answer))),
    ];
    all.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// All lives of the server in one order, as far as it is about the database or tells something to others.
fn read(folder: &Path) -> Trace {
    let mut trace = Trace::default();
    for life in 1.. {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{life}.trace"))) else { break };
        trace.read(&text, |call| is_of_database(call) || (is_sent(call) && !promises(call).is_empty()));
    }
    trace
}

/// Not the log's index, which no power cut leaves behind, nor the lock and the held runs.
fn is_of_database(call: &Call) -> bool {
    // What names a file instead of having it open.
    let path = if call.path.is_empty() { &String::from_utf8_lossy(&call.bytes) } else { call.path.as_str() };
    let last = path.rsplit('/').next().unwrap_or_default();
    let folder = last == ".hefe" || (last.starts_with("hefe-project-") && is_sync(call));
    folder || (last.starts_with("hefe.db") && !last.ends_with("-shm"))
}

struct Proof<'a> {
    trace: &'a Trace,
    seed: u64,
    /// None: a kept trace is looked at again, and no server starts on it.
    recording: Option<&'a Recording>,
    forget: Option<&'a str>,
    disks: usize,
    revived: usize,
}

impl Proof<'_> {
    async fn cut(&mut self, chosen: &[usize], broken: &mut Vec<String>) {
        let mut disk = Disk::default();
        let mut known = Arc::new(Vec::new());
        let mut next = 0;
        for (n, moment) in chosen.iter().enumerate() {
            for step in &self.trace.steps[next..*moment] {
                let call = self.trace.call(*step);
                match step {
                    Step::Begins(_) if is_sent(call) => Arc::make_mut(&mut known).extend(promises(call)),
                    Step::Begins(_) => disk.begins(call),
                    Step::Ends(_) if self.forgets(call) => {}
                    Step::Ends(_) => disk.ends(call),
                }
            }
            next = *moment;
            self.look(&disk, *moment, n % REVIVED == REVIVED / 2, &known, broken).await;
            if broken.len() >= ENOUGH {
                return;
            }
        }
    }

    fn forgets(&self, call: &Call) -> bool {
        is_sync(call) && self.forget.is_some() && self.forget == call.path.rsplit('/').next()
    }

    /// The disks that may be there at that moment, side by side.
    async fn look(
        &mut self,
        disk: &Disk<'_>,
        moment: usize,
        revives: bool,
        known: &Arc<Vec<Promise>>,
        broken: &mut Vec<String>,
    ) {
        let variants = if disk.is_settled() { &Variant::ALL[..1] } else { &Variant::ALL[..] };
        let mut dice = Dice::new(self.seed ^ (moment as u64) << 16);
        let revived = dice.below(variants.len() as u64) as usize;
        let looks: Vec<_> = variants
            .iter()
            .map(|variant| {
                let files = disk.after_a_cut(*variant, &mut dice.split());
                let (folder, known) = (folder(), known.clone());
                lay_out(folder.path(), &files);
                (variant, files, tokio::spawn(async move { look::look(folder.path(), &known).await }))
            })
            .collect();
        for (n, (variant, files, looked)) in looks.into_iter().enumerate() {
            let mut found = looked.await.expect("a look");
            self.disks += 1;
            if let Some(recording) = self.recording.filter(|_| revives && n == revived && found.is_empty()) {
                found = revive::revive(recording, &files, known).await;
                self.revived += 1;
            }
            let at = || format!("moment {moment} ({}, {variant:?})", words(self.trace, moment));
            broken.extend(found.iter().take(3).map(|what| format!("{}: {what}", at())));
        }
    }
}

/// In memory where there is such a place: what was to be synced has been decided on.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

fn lay_out(folder: &Path, files: &[(&str, Vec<u8>)]) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("a file");
    }
}
