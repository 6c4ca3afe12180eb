//! The disk under the database: how full it is, and what its refusals mean.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::Error;

/// Less than this is as good as nothing: a batch and its checkpoint need it, bytes.
const LEAST: u64 = 1 << 20;

/// Between two looks, microseconds.
const LOOK_US: u64 = 1_000_000;

/// A file system, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that we may still write.
    pub free: u64,
    /// Of those that are free or used: bytes that are used.
    pub used: u64,
    /// It takes no writes.
    pub read_only: bool,
}

impl Disk {
    /// Of the file system that a folder lies on; None where it does not tell.
    pub fn of(folder: &Path) -> Option<Disk> {
        let told = statvfs(folder).ok().filter(|told| told.f_blocks > 0)?;
        Some(Disk {
            free: told.f_bavail.saturating_mul(told.f_frsize),
            used: told.f_blocks.saturating_sub(told.f_bfree).saturating_mul(told.f_frsize),
            read_only: told.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }

    /// As df says it, but rounded down.
    fn used_percent(self) -> u8 {
        let whole = u128::from(self.used) + u128::from(self.free);
        (u128::from(self.used) * 100 / whole.max(1)).min(100) as u8
    }

    /// Whether what could not be written may be tried again.
    pub(super) fn has_room(self) -> bool {
        self.free >= LEAST && !self.read_only
    }
}

/// How disks are asked; a test brings its own.
pub type Probe = Arc<dyn Fn(&Path) -> Option<Disk> + Send + Sync>;

/// SQLite says `disk I/O error` for much; the disk itself often knows better.
pub(super) fn explained(error: Error, disk: Option<Disk>) -> Error {
    match (&error, disk) {
        (Error::Unavailable(_), Some(disk)) if disk.read_only => Error::ReadOnly,
        (Error::Unavailable(_), Some(disk)) if disk.free < LEAST / 16 => Error::Full,
        _ => error,
    }
}

/// The same for what the system says itself.
pub(super) fn refused(error: &io::Error, path: &Path) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
        io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly,
        _ => Error::Unavailable(format!("`{}`: {error}", path.display()).into()),
    }
}

/// Whether there is room for what comes from outside, looked at about once a second and only when something comes.
pub(super) struct Room {
    limit: u8,
    looked_us: AtomicU64,
    used: AtomicU64,
    refuses: AtomicBool,
}

impl Room {
    pub(super) fn new(limit: u8) -> Room {
        Room { limit, looked_us: AtomicU64::new(0), used: AtomicU64::new(0), refuses: AtomicBool::new(false) }
    }

    /// # Errors
    /// [`Error::Filling`].
    pub(super) fn check(&self, now_us: u64, look: impl FnOnce() -> Option<Disk>) -> Result<(), Error> {
        let last = self.looked_us.load(Ordering::Relaxed);
        let old = last == 0 || now_us.abs_diff(last) >= LOOK_US;
        // One of those who come at once looks; the others take what was seen last.
        if old
            && self
                .looked_us
                .compare_exchange(last, now_us.max(1), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let used = look().map_or(0, Disk::used_percent);
            self.used.store(used.into(), Ordering::Relaxed);
            self.say(used);
        }
        let used = self.used.load(Ordering::Relaxed) as u8;
        if used < self.limit { Ok(()) } else { Err(Error::Filling { used, limit: self.limit }) }
    }

    /// Once as it begins and once as it is over.
    fn say(&self, used: u8) {
        let refuses = used >= self.limit;
        match (self.refuses.swap(refuses, Ordering::Relaxed), refuses) {
            (false, true) => tracing::error!(
                "the disk is {used} % full: from {} % on new starts are refused with 503, what runs goes on; free some space",
                self.limit
            ),
            (true, false) => tracing::info!("the disk is {used} % full: new starts are taken again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::{Disk, LOOK_US, Room, explained};
    use crate::Error;

    fn disk(used: u64, free: u64) -> Option<Disk> {
        Some(Disk { free, used, read_only: false })
    }

    #[test]
    fn it_is_looked_at_once_a_second() {
        let room = Room::new(95);
        let full = Err(Error::Filling { used: 96, limit: 95 });
        assert_eq!(room.check(1, || disk(969, 31)), full);
        assert_eq!(room.check(LOOK_US, || panic!("looked at too soon")), full);
        assert_eq!(room.check(1 + LOOK_US, || disk(949, 51)), Ok(()));
        assert_eq!(room.check(2 * LOOK_US, || panic!("looked at too soon")), Ok(()));
        assert_eq!(room.check(2 + 2 * LOOK_US, || None), Ok(()), "a disk that does not tell refuses nothing");
    }

    #[test]
    fn what_the_disk_knows_is_said() {
        let error = || Error::Unavailable("disk I/O error".into());
        assert_eq!(explained(error(), disk(100, 0)), Error::Full);
        let read_only = Disk { free: 1 << 30, used: 0, read_only: true };
        assert_eq!(explained(error(), Some(read_only)), Error::ReadOnly);
        assert_eq!(explained(error(), disk(0, 1 << 30)), error());
        assert_eq!(explained(Error::Closed, disk(100, 0)), Error::Closed);
    }
}
