//! Journals as bytes, of every format that was released, kept in tests/journals: each must replay to the end that it had,
//! from its entries alone and from every checkpoint that was kept, and one that was changed must be refused.
//!
//! `HEFE_BLESS=journals` writes those of `recording.rs` that are missing, in the folder of the format of today; nothing that
//! is there is ever written over.

mod recording;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use interpreter::{
    Checkpoint, End, EndStatus, Entry, Failure, Machine, Output, Run, Then,
    journal::{self, FORMAT},
};
use recipe::{Blob, Value};
use serde_json::json;

use crate::{run, start, system};

/// The run of a file, or of what one is made from: a request waits for it if that says so.
fn run_of(described: &serde_json::Value) -> Arc<Run> {
    Arc::new(Run { in_request: described["request"] == true, ..Run::clone(&run()) })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/journals")
}

/// A run that was recorded once.
struct Kept {
    path: PathBuf,
    run: Arc<Run>,
    workflows: Vec<String>,
    input: Value,
    /// Chunks as they were submitted.
    chunks: Vec<Vec<u8>>,
    /// How many entries each has seen.
    checkpoints: Vec<(usize, Checkpoint)>,
    end: serde_json::Value,
}

impl Kept {
    fn read(path: PathBuf) -> Kept {
        let file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let bytes = |text: &serde_json::Value| BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();
        let list = |name: &str| file[name].as_array().unwrap().clone();
        Kept {
            run: run_of(&file),
            workflows: list("workflows").iter().map(ToString::to_string).collect(),
            input: Value::from_json(&file["input"].to_string()).unwrap(),
            chunks: list("entries").iter().map(bytes).collect(),
            checkpoints: list("checkpoints")
                .iter()
                .map(|kept| {
                    let blobs = kept["blobs"].as_array().unwrap().iter().map(|blob| Blob::of(bytes(blob)));
                    let state = Checkpoint { bytes: bytes(&kept["bytes"]), blobs: blobs.collect() };
                    (kept["at"].as_u64().unwrap() as usize, state)
                })
                .collect(),
            end: file["end"].clone(),
            path,
        }
    }

    fn entries(&self) -> Vec<Entry> {
        self.chunks.iter().flat_map(|chunk| journal::decode(chunk).unwrap()).collect()
    }

    fn machine(&self, checkpoint: Option<&Checkpoint>, entries: Vec<Entry>) -> Result<Machine, Failure> {
        Machine::resume(
            system(&self.workflows),
            self.run.clone(),
            start("w", self.input.clone()),
            checkpoint,
            entries,
        )
    }

    /// Where a replay gets to; nothing may be written or asked for on the way.
    fn replay(&self, checkpoint: Option<&Checkpoint>, entries: Vec<Entry>) -> End {
        let mut machine = self.machine(checkpoint, entries).unwrap();
        loop {
            let turn = machine.advance(64);
            let written = turn.outputs.iter().find(|output| matches!(output, Output::Own { .. }));
            assert!(written.is_none(), "{}: it writes {written:?} again", self.path.display());
            match turn.then {
                Then::More => {}
                Then::End(end) => return *end,
                Then::Await => panic!("{}: it asks for {:?}", self.path.display(), turn.flights),
            }
        }
    }
}

/// All that are kept, of all formats.
fn kept() -> Vec<Kept> {
    let list = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        list(&folder()).flat_map(|format| list(&format).collect::<Vec<_>>()).collect();
    paths.sort();
    paths.into_iter().map(Kept::read).collect()
}

/// An end as a file tells it.
fn told(end: &End) -> serde_json::Value {
    let value = |value: &Value| serde_json::from_str::<serde_json::Value>(&value.to_json()).unwrap();
    json!({
        "status": if end.status == EndStatus::Succeeded { "succeeded" } else { "failed" },
        "result": value(&end.result),
        "code": end.failure.as_ref().map(|failure| failure.code.to_string()),
        "page": end.page.iter().map(value).collect::<Vec<_>>(),
        "response": end.response.as_ref().map(|response| response.status),
        "handled": end.handled,
    })
}

#[test]
fn every_journal_that_was_kept_replays_to_its_end() {
    if std::env::var("HEFE_BLESS").is_ok_and(|what| what == "journals") {
        recording::write(&folder().join(FORMAT.to_string()));
    }
    let kept = kept();
    assert!(
        kept.len() >= recording::NAMES.len(),
        "{} journals: HEFE_BLESS=journals writes those that are missing",
        kept.len()
    );
    let mut kinds = Vec::new();
    for kept in kept {
        let entries = kept.entries();
        assert_eq!(told(&kept.replay(None, entries.clone())), kept.end, "{}", kept.path.display());
        for (at, state) in &kept.checkpoints {
            let end = kept.replay(Some(state), entries[*at..].to_vec());
            assert_eq!(told(&end), kept.end, "{} from {at}", kept.path.display());
        }
        kinds.extend(entries.into_iter().map(|entry| entry.kind));
    }
    for kind in ["start", "notify", "end", "http", "wait", "await", "signal", "modal", "again"] {
        assert!(kinds.iter().any(|known| &**known == kind), "no journal has an entry of the kind `{kind}`");
    }
}

#[test]
fn a_journal_of_today_is_the_one_that_was_kept() {
    for name in recording::NAMES {
        let kept = Kept::read(folder().join(FORMAT.to_string()).join(format!("{name}.json")));
        let today = recording::record(name);
        let says = format!(
            "`{name}` is recorded otherwise now: a change of the format, or of a meaning, that old runs will meet"
        );
        assert_eq!(today.entries, kept.entries(), "{says}");
        assert!(today.checkpoints == kept.checkpoints, "{says}");
    }
}

#[test]
fn a_journal_that_was_changed_is_refused_before_anything_is_done() {
    let mut changed = 0;
    for kept in kept() {
        let entries = kept.entries();
        // What was taken back is not looked at any more.
        let again = |entry: &Entry| {
            entries.iter().any(|other| &*other.kind == "again" && other.firing == entry.firing)
        };
        for at in (0..entries.len()).filter(|at| !again(&entries[*at])) {
            let mut other = entries.clone();
            other[at].fingerprint ^= 1;
            let failure = kept.replay(None, other).failure.unwrap();
            assert_eq!(&*failure.code, "replay_mismatch", "{} at {at}", kept.path.display());
            let detail = failure.detail.to_text();
            assert!(detail.contains("expected") && detail.contains(&*entries[at].element), "{detail}");
            changed += 1;
        }
        if entries.iter().any(|entry| &*entry.kind == "http") {
            let workflows =
                kept.workflows.iter().map(|text| text.replace("x.example", "z.example")).collect();
            let failure = Kept { workflows, ..kept }.replay(None, entries).failure.unwrap();
            assert_eq!(&*failure.code, "replay_mismatch");
        }
    }
    assert!(changed > 50, "{changed}");
}

#[test]
fn bytes_of_another_format_or_cut_ones_are_refused_in_clear_words() {
    for kept in kept() {
        let entries = kept.entries();
        for chunk in kept.chunks.iter().filter(|chunk| chunk[0] == FORMAT) {
            let newer = [&[FORMAT + 1], &chunk[1..]].concat();
            let says = format!("its format is {}, this version reads {FORMAT}", FORMAT + 1);
            assert_eq!(journal::decode(&newer), Err(journal::Unreadable(says)));
            (0..chunk.len()).for_each(|cut| assert!(journal::decode(&chunk[..cut]).is_err(), "cut at {cut}"));
            assert!(journal::decode(&[&chunk[..], &[0]].concat()).is_err());
        }
        for (at, state) in kept.checkpoints.iter().filter(|(_, state)| state.bytes[0] == FORMAT) {
            let rest = || entries[*at..].to_vec();
            let Checkpoint { bytes, blobs } = state;
            let newer = [&[FORMAT + 1], &bytes[1..]].concat();
            let with = |bytes: &[u8], blobs: Vec<Blob>| {
                let state = Checkpoint { bytes: bytes.to_vec(), blobs };
                kept.machine(Some(&state), rest()).err().expect("it is refused")
            };
            let refused = |bytes: &[u8]| with(bytes, blobs.clone());
            let failure = refused(&newer);
            assert_eq!(
                (&*failure.code, &*failure.message),
                ("replay_mismatch", "the run's checkpoint cannot be read")
            );
            assert!(failure.detail.to_text().contains("its format is"), "{:?}", failure.detail);
            (0..bytes.len()).step_by(7).for_each(|cut| drop(refused(&bytes[..cut])));
            for at in 0..blobs.len() {
                let (mut without, mut damaged) = (blobs.clone(), blobs.clone());
                without.remove(at);
                damaged[at].bytes[9] ^= 1;
                for blobs in [without, damaged] {
                    let failure = with(bytes, blobs);
                    assert_eq!(&*failure.code, "replay_mismatch");
                    let detail = failure.detail.to_text();
                    assert!(detail.contains("missing or damaged"), "{detail}");
                }
            }
        }
    }
}
