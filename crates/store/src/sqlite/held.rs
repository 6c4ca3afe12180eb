//! Which runs this process works, in a file that outlives it: whoever opens the database after a process that died learns
//! which runs it held. Written without a sync, so that it costs nothing; a power cut, after which it may say anything,
//! accuses nobody, as the machine's boot has another id.
//!
//! ```text
//! opened (the boot's id, runs) -- closed in order --> CLOSED
//! ```

use std::{fs::File, io::Read, os::unix::fs::FileExt, path::Path};

use rusqlite::{Connection, params};

use super::forms::{key, trouble};
use crate::{Error, Id};

/// Bytes of the boot's id, behind which the runs stand.
const BOOT: usize = 36;

/// Stands in the place of the boot's id after an orderly end.
const CLOSED: &[u8; BOOT] = b"closed in order, and nothing is held";

/// Whether the process before this one, since the machine's last boot, went away without closing the database.
pub(super) fn left_open(path: &Path) -> bool {
    let mut found = [0; BOOT];
    let read = File::open(path.with_file_name("held")).and_then(|mut file| file.read_exact(&mut found));
    read.is_ok() && found == boot() && found != [0; BOOT]
}

pub(super) struct Held {
    /// None where it cannot be written: then nobody is accused.
    file: Option<File>,
    boot: [u8; BOOT],
    /// How many runs the file names.
    named: usize,
}

impl Held {
    /// Counts a crash for each run that the process before this one held as it died.
    pub(super) fn open(path: &Path, db: &Connection) -> Result<Held, Error> {
        let path = path.with_file_name("held");
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut held = Held { file: file.ok(), boot: boot(), named: 0 };
        let accused = held.read();
        for run in &accused {
            db.execute(
                "UPDATE live SET crashes = crashes + 1, alone = ?2 WHERE run = ?1",
                params![key(*run), accused.len() == 1],
            )
            .map_err(trouble)?;
        }
        held.named = accused.len();
        held.write(&[]);
        Ok(held)
    }

    fn read(&mut self) -> Vec<Id> {
        let mut bytes = Vec::new();
        let read = self.file.as_mut().map(|file| file.read_to_end(&mut bytes));
        if !matches!(read, Some(Ok(_))) || bytes.len() < BOOT || bytes[..BOOT] != self.boot {
            return Vec::new();
        }
        let ids = bytes[BOOT..].as_chunks::<16>().0.iter().map(|id| Id(u128::from_be_bytes(*id)));
        ids.filter(|id| id.0 != 0).collect()
    }

    /// The database is closed in order: who does that has not died with what it held.
    pub(super) fn close(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.set_len(0).and_then(|()| file.write_all_at(CLOSED, 0));
        }
    }

    /// Names the runs that are held now, and none that were.
    pub(super) fn write(&mut self, runs: &[Id]) {
        let Some(file) = &self.file else { return };
        let places = runs.len().max(self.named);
        let mut bytes = Vec::with_capacity(BOOT + 16 * places);
        bytes.extend_from_slice(&self.boot);
        runs.iter().for_each(|run| bytes.extend_from_slice(&key(*run)));
        bytes.resize(BOOT + 16 * places, 0);
        self.named = runs.len();
        // One that cannot be written is no reason to stop: a crash is only not counted.
        let _ = file.write_all_at(&bytes, 0);
    }
}

/// Another one after every boot of the machine; zeros where the system does not say.
fn boot() -> [u8; BOOT] {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.first_chunk().copied().unwrap_or([0; BOOT])
}
