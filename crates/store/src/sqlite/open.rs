//! A database as it is opened: whose it is, its schema, and what in it has not ended.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    disk,
    forms::{blob_of, id, status_of, trouble},
    held::left_open,
    memory::{Crashes, Memory, Ready},
    queues,
};
use crate::{Error, Id, Parked, sabotage::Sabotage};

/// The schema that this version writes.
const SCHEMA: u32 = 1;

/// "Hefe": says that a file is ours.
const APPLICATION: i32 = 0x4865_6665;

/// The lock file beside the database: whoever holds its lock owns the database.
pub(super) fn own(path: &Path) -> Result<File, Error> {
    let failed = |error: &std::io::Error| disk::refused(error, path);
    if let Some(folder) = path.parent() {
        make(folder).map_err(|error| failed(&error))?;
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    }
    let file =
        File::options().create(true).truncate(false).read(true).write(true).open(path.with_extension("lock"));
    let mut file = file.map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => {
            // For whoever finds it locked; a disk that is full takes not even that.
            let named =
                file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
            drop(named);
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            Err(Error::Owned { path: path.to_owned(), process })
        }
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// Makes a folder so that no power cut takes it away with all that is in it: whoever syncs a file need not sync the folders above.
fn make(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(folder);
    make(above)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(if above.as_os_str().is_empty() { Path::new(".") } else { above })?.sync_all(),
    }
}

/// What SQLite would take for a database or a log without anything in it, and go on as if nothing had been lost.
pub(super) fn look_at(path: &Path) -> Result<(), Error> {
    let beside = [path.with_file_name("held"), wal(path)];
    let used = beside.into_iter().find(|file| std::fs::metadata(file).is_ok_and(|file| file.len() > 0));
    match (used, std::fs::metadata(path)) {
        (Some(_), Ok(file)) if file.len() == 0 => {
            return Err(Error::Corrupt("the file is empty, and was not when hefe last had it".into()));
        }
        (Some(beside), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Missing { beside });
        }
        _ => {}
    }
    if left_open(path) && path.exists() && !wal(path).exists() {
        return Err(Error::NoLog { log: wal(path) });
    }
    let mut head = [0; 4];
    let log = File::open(wal(path)).and_then(|mut log| log.read_exact(&mut head));
    // What a power cut leaves of a file that was not synced yet is zeros.
    if log.is_ok() && !WAL_HEADS.contains(&u32::from_be_bytes(head)) {
        let says = format!("`{}` beside it is no write-ahead log of SQLite's", wal(path).display());
        return Err(Error::Corrupt(says.into()));
    }
    Ok(())
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// How the log of a database begins that has one: in either order of bytes, or not written yet.
const WAL_HEADS: [u32; 3] = [0x377f_0682, 0x377f_0683, 0];

pub(super) fn connect(path: &Path, only_read: bool) -> Result<Connection, Error> {
    let flags = match only_read {
        true => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        false => {
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
        }
    };
    let db = Connection::open_with_flags(path, flags).map_err(trouble)?;
    db.set_prepared_statement_cache_capacity(64);
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(trouble)?;
    let settings = match only_read {
        true => "PRAGMA mmap_size=0;",
        false => {
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0; \
             PRAGMA temp_store=MEMORY; PRAGMA cache_size=-512;"
        }
    };
    db.execute_batch(settings).map_err(trouble)?;
    if !only_read {
        // A start that is refused leaves the log as it was found.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(trouble)?;
    }
    if Sabotage::NoFsync.on() {
        db.execute_batch("PRAGMA synchronous=OFF").map_err(trouble)?;
    }
    Ok(db)
}

/// Brings the schema up to date, in one transaction.
pub(super) fn migrate(db: &Connection, path: &Path) -> Result<(), Error> {
    let number =
        |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0)).map_err(trouble);
    let (application, found) = (number("application_id")?, number("user_version")? as u32);
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(trouble)?;
    if application != APPLICATION && tables > 0 {
        return Err(Error::Corrupt("it is a database of another program".into()));
    }
    if found > SCHEMA {
        return Err(Error::TooNew { found, known: SCHEMA });
    }
    if found == 0 {
        let sql = format!(
            "BEGIN; {} PRAGMA application_id={APPLICATION}; PRAGMA user_version={SCHEMA}; COMMIT;",
            include_str!("schema.sql")
        );
        db.execute_batch(&sql).map_err(trouble)?;
        // Else a power cut could take the file and leave what is written beside it next, which says that it was there.
        if let Some(folder) = path.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| disk::refused(&error, folder))?;
        }
    }
    Ok(())
}

/// Trees with bars that have not ended; some of them may end before their tree does.
pub(super) fn moving(db: &Connection) -> Result<HashMap<Id, bool>, Error> {
    let mut found = db.prepare("SELECT DISTINCT root FROM items WHERE ended = 0").map_err(trouble)?;
    let roots = found.query_map([], |row| Ok((row.get(0).map(id)?, true))).map_err(trouble)?;
    roots.collect::<Result<_, _>>().map_err(trouble)
}

/// Whatever has not ended is queued.
pub(super) fn unfinished(db: &Connection) -> Result<Memory, Error> {
    let mut memory = Memory::default();
    // Nobody has begun what has neither parked nor an entry, and was in nobody's hands when a process died.
    let sql = "SELECT starts.start, cancel_at IS NOT NULL, attempts, started_at, crashes, alone, worked, started_at IS NOT NULL OR crashes > 0 OR worked > 0 \
               OR EXISTS (SELECT 1 FROM journal WHERE journal.run = live.run) OR EXISTS (SELECT 1 FROM checkpoints WHERE checkpoints.run = live.run) \
               FROM live JOIN starts ON starts.id = live.run WHERE NOT EXISTS (SELECT 1 FROM parks WHERE parks.run = live.run)";
    let mut found = db.prepare(sql).map_err(trouble)?;
    let mut rows = found.query([]).map_err(trouble)?;
    while let Some(row) = rows.next().map_err(trouble)? {
        let body: Vec<u8> = row.get(0).map_err(trouble)?;
        let journal: bool = row.get(7).map_err(trouble)?;
        memory.queue(Ready {
            start: Arc::new(blob_of(&body)?),
            journal,
            cancel: row.get(1).map_err(trouble)?,
            attempts: row.get(2).map_err(trouble)?,
            started_at_ms: row.get(3).map_err(trouble)?,
            worked_ms: row.get::<_, i64>(6).map_err(trouble)? as u64,
            parked: (!journal).then(Parked::default),
            crashes: Crashes { count: row.get(4).map_err(trouble)?, alone: row.get(5).map_err(trouble)? },
        });
    }
    let sql = "SELECT status, count(*), min(wake_at) FROM parks GROUP BY status";
    let mut found = db.prepare(sql).map_err(trouble)?;
    let mut rows = found.query([]).map_err(trouble)?;
    while let Some(row) = rows.next().map_err(trouble)? {
        memory.count_parked(status_of(row.get(0).map_err(trouble)?), row.get(1).map_err(trouble)?);
        let due: Option<i64> = row.get(2).map_err(trouble)?;
        memory.next_wake_ms = memory.next_wake_ms.into_iter().chain(due).min();
    }
    memory.next_prune_ms =
        db.query_row("SELECT min(at) FROM expires", [], |row| row.get(0)).map_err(trouble)?;
    let dooms: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM doomed)", [], |row| row.get(0)).map_err(trouble)?;
    memory.next_doom_ms = dooms.then_some(0);
    queues::pauses(db)?.into_iter().for_each(|pause| memory.pause(pause));
    let mut found = db.prepare("SELECT name, n FROM counters").map_err(trouble)?;
    let mut rows = found.query([]).map_err(trouble)?;
    while let Some(row) = rows.next().map_err(trouble)? {
        memory.count(&row.get::<_, String>(0).map_err(trouble)?, row.get(1).map_err(trouble)?);
    }
    Ok(memory)
}
