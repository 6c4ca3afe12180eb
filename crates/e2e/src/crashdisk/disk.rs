//! What a disk holds when the power goes.
//!
//! What was written to a file before a sync of that file began is there once the sync has returned. Of what was not, each sector may
//! have come as far as any of its writes, whatever became of others: the kernel writes its pages back in any order, and a page may
//! be torn between two sectors. A sector is written whole, and none beside it changes (SQLite relies on it too: powersafe
//! overwrite). It never goes back behind an earlier write to the same sector, as both lie in one page.
//! A file that grew may have got its new size and not its content: then there is whatever the disk had before.
//! A file that was cut short either has been, with what was written after, or neither: the old blocks stay until the journal has
//! the cut. Names (new files and folders, files taken away) are there once their folder was synced, which is less than ext4 gives, where a
//! sync of the file is enough; until then some of the changes since may be there, in order, as in ext4's journal.

use std::collections::{BTreeMap, HashMap};

use super::trace::Call;
use crate::dice::Dice;

/// Bytes that a disk writes whole.
const SECTOR: u64 = 512;

/// How much of what was not synced has reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// Some writes.
    Some,
    /// Some sectors.
    Torn,
    /// The later ones without the earlier ones.
    Late,
    /// Some sectors, and each file has its new size.
    Grown,
}

impl Variant {
    pub(crate) const ALL: [Variant; 6] =
        [Variant::Nothing, Variant::Everything, Variant::Some, Variant::Torn, Variant::Late, Variant::Grown];
}

/// Files and their names, as far as the kernel was asked and as far as the disk must have it.
#[derive(Default)]
pub(crate) struct Disk<'a> {
    files: Vec<File<'a>>,
    /// As programs see them.
    names: BTreeMap<&'a str, usize>,
    /// As the disk has them.
    kept: BTreeMap<&'a str, usize>,
    /// Not yet synced.
    renamed: Vec<(&'a Call, Naming<'a>)>,
}

#[derive(Debug, Clone, Copy)]
enum Naming<'a> {
    New(&'a str, usize),
    Gone(&'a str),
}

#[derive(Default)]
struct File<'a> {
    kept: Vec<u8>,
    /// Not yet synced.
    pending: Vec<(&'a Call, Change<'a>)>,
}

#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Write(u64, &'a [u8]),
    Cut(u64),
}

impl<'a> Disk<'a> {
    /// A call begins: from now on what it does may be there.
    pub(crate) fn begins(&mut self, call: &'a Call) {
        if call.failed {
            return;
        }
        match call.name.as_str() {
            "openat" => self.open(call),
            "pwrite64" => self.change(call, Change::Write(call.last(), &call.bytes)),
            "ftruncate" => self.change(call, Change::Cut(call.last())),
            "unlink" => {
                let name = std::str::from_utf8(&call.bytes).expect("a path");
                self.names.remove(name);
                self.renamed.push((call, Naming::Gone(name)));
            }
            "mkdir" => self.make(call, std::str::from_utf8(&call.bytes).expect("a path")),
            "fdatasync" | "fsync" => {}
            other => panic!("`{other}` of {} is not known to this proof", call.path),
        }
    }

    /// A call has returned: after a sync some things must be there.
    pub(crate) fn ends(&mut self, call: &'a Call) {
        if call.failed || !is_sync(call) {
            return;
        }
        let covered = |of: &Call| of.ended.is_some_and(|ended| ended < call.begun);
        if let Some(file) = self.names.get(call.path.as_str()) {
            self.files[*file].keep(covered);
        }
        let (now, later) = std::mem::take(&mut self.renamed).into_iter().partition(|(of, naming)| {
            let (Naming::New(name, _) | Naming::Gone(name)) = naming;
            covered(of) && folder(name) == call.path
        });
        self.renamed = later;
        apply(&mut self.kept, &now);
    }

    fn open(&mut self, call: &'a Call) {
        let name = call.path.as_str();
        if call.rest.contains("O_CREAT") && !self.names.contains_key(name) {
            self.make(call, name);
        }
    }

    fn make(&mut self, call: &'a Call, name: &'a str) {
        self.files.push(File::default());
        self.names.insert(name, self.files.len() - 1);
        self.renamed.push((call, Naming::New(name, self.files.len() - 1)));
    }

    fn change(&mut self, call: &'a Call, change: Change<'a>) {
        let file =
            self.names.get(call.path.as_str()).unwrap_or_else(|| panic!("{} was not opened", call.path));
        self.files[*file].pending.push((call, change));
    }

    /// Whether anything is not yet synced.
    pub(crate) fn is_settled(&self) -> bool {
        self.renamed.is_empty() && self.kept.values().all(|file| self.files[*file].pending.is_empty())
    }

    /// The files as they may be after a power cut now: last parts of names, and contents.
    pub(crate) fn after_a_cut(&self, variant: Variant, dice: &mut Dice) -> Vec<(&'a str, Vec<u8>)> {
        let renamed = match variant {
            Variant::Nothing => 0,
            Variant::Everything => self.renamed.len(),
            _ => dice.below(self.renamed.len() as u64 + 1) as usize,
        };
        let mut names = self.kept.clone();
        apply(&mut names, &self.renamed[..renamed]);
        let named = |(name, file): (&'a str, usize)| {
            let last = name.rsplit('/').next().unwrap_or(name);
            (last, self.files[file].after_a_cut(variant, dice))
        };
        // A file is not there without its folder.
        let there = |name: &str| names.contains_key(folder(name));
        names.clone().into_iter().filter(|(name, _)| there(name)).map(named).collect()
    }
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(crate) fn is_sync(call: &Call) -> bool {
    call.name == "fdatasync" || call.name == "fsync"
}

fn apply<'a>(names: &mut BTreeMap<&'a str, usize>, changes: &[(&'a Call, Naming<'a>)]) {
    for (_, naming) in changes {
        match naming {
            Naming::New(name, file) => names.insert(name, *file),
            Naming::Gone(name) => names.remove(name),
        };
    }
}

impl<'a> File<'a> {
    fn keep(&mut self, covered: impl Fn(&Call) -> bool) {
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|(call, _)| covered(call));
        self.pending = later;
        for (_, change) in now {
            match change {
                Change::Write(at, bytes) => put(&mut self.kept, at, bytes),
                Change::Cut(len) => self.kept.resize(len as usize, 0),
            }
        }
    }

    fn after_a_cut(&self, variant: Variant, dice: &mut Dice) -> Vec<u8> {
        let changes = self.reaching(variant, dice);
        // How far each sector has come.
        let mut reached: HashMap<u64, usize> = HashMap::new();
        let late = dice.below(changes.len() as u64 + 1) as usize;
        for (n, change) in changes.iter().enumerate() {
            let Change::Write(at, bytes) = change else { continue };
            let whole = match variant {
                Variant::Nothing => false,
                Variant::Everything | Variant::Torn | Variant::Grown => true,
                Variant::Some => dice.below(2) == 0,
                Variant::Late => n >= late,
            };
            let torn = matches!(variant, Variant::Torn | Variant::Grown);
            for sector in sectors(*at, bytes) {
                if whole && (!torn || dice.below(2) == 0) {
                    reached.insert(sector, n);
                }
            }
        }
        let mut content = self.kept.clone();
        if variant == Variant::Grown {
            grow(&mut content, &changes, dice);
        }
        for (n, change) in changes.iter().enumerate() {
            match change {
                Change::Cut(len) => content.resize(*len as usize, 0),
                Change::Write(at, bytes) => {
                    for sector in sectors(*at, bytes).filter(|sector| reached.get(sector) >= Some(&n)) {
                        let from = (sector * SECTOR).max(*at);
                        let to = ((sector + 1) * SECTOR).min(at + bytes.len() as u64);
                        put(&mut content, from, &bytes[(from - at) as usize..(to - at) as usize]);
                    }
                }
            }
        }
        content
    }

    /// What may have reached the disk: all up to a cut that has not.
    fn reaching(&self, variant: Variant, dice: &mut Dice) -> Vec<Change<'a>> {
        let mut all = Vec::new();
        for (_, change) in &self.pending {
            let stays_out = match variant {
                Variant::Nothing => true,
                Variant::Everything => false,
                _ => dice.below(2) == 0,
            };
            if matches!(change, Change::Cut(_)) && stays_out {
                break;
            }
            all.push(*change);
        }
        all
    }
}

/// The size that all of it gives, filled with what the disk had there before.
fn grow(content: &mut Vec<u8>, changes: &[Change<'_>], dice: &mut Dice) {
    let ends = changes.iter().map(|change| match change {
        Change::Write(at, bytes) => *at as usize + bytes.len(),
        Change::Cut(_) => 0,
    });
    let end = ends.max().unwrap_or(0);
    while content.len() < end {
        let garbage = dice.roll().to_le_bytes();
        content.extend_from_slice(&garbage[..garbage.len().min(end - content.len())]);
    }
}

fn sectors(at: u64, bytes: &[u8]) -> std::ops::Range<u64> {
    at / SECTOR..(at + bytes.len() as u64).div_ceil(SECTOR)
}

/// What lies between is zeros.
fn put(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (from, to) = (at as usize, at as usize + bytes.len());
    if content.len() < to {
        content.resize(to, 0);
    }
    content[from..to].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/project/.hefe/file";

    fn call(name: &str, path: &str, bytes: &[u8], rest: &str, at: (usize, usize)) -> Call {
        let (path, bytes) = (path.to_owned(), bytes.to_owned());
        let (begun, ended) = (at.0, Some(at.1));
        Call { name: name.to_owned(), path, bytes, rest: rest.to_owned(), begun, ended, failed: false }
    }

    fn write(at: u64, byte: u8, len: usize, when: (usize, usize)) -> Call {
        call("pwrite64", FILE, &vec![byte; len], &format!(", {len}, {at}"), when)
    }

    /// A folder with one file, durable, before the calls.
    fn begin() -> [Call; 4] {
        [
            call("mkdir", "", b"/project/.hefe", "", (0, 1)),
            call("fsync", "/project", b"", "", (2, 3)),
            call("openat", FILE, FILE.as_bytes(), ", O_RDWR|O_CREAT", (4, 5)),
            call("fsync", "/project/.hefe", b"", "", (6, 7)),
        ]
    }

    /// The file's content on each of some disks.
    fn disks(calls: &[Call], variant: Variant) -> Vec<Option<Vec<u8>>> {
        let mut steps: Vec<(usize, bool, &Call)> = calls
            .iter()
            .flat_map(|call| [(call.begun, true, call), (call.ended.expect("its end"), false, call)])
            .collect();
        steps.sort_by_key(|(at, ..)| *at);
        let mut disk = Disk::default();
        for (_, begins, call) in steps {
            if begins { disk.begins(call) } else { disk.ends(call) }
        }
        let cut = |seed| disk.after_a_cut(variant, &mut Dice::new(seed));
        (0..100).map(|seed| cut(seed).pop().map(|(_, content)| content)).collect()
    }

    fn with(more: impl IntoIterator<Item = Call>) -> Vec<Call> {
        begin().into_iter().chain(more).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let calls = with([
            write(0, 1, 512, (10, 11)),
            call("fdatasync", FILE, b"", "", (12, 15)),
            write(512, 2, 512, (13, 14)),
        ]);
        let [one, both] = [vec![1; 512], [[1; 512], [2; 512]].concat()];
        assert!(disks(&calls, Variant::Nothing).iter().all(|found| found.as_ref() == Some(&one)));
        assert!(disks(&calls, Variant::Everything).iter().all(|found| found.as_ref() == Some(&both)));
        let some = disks(&calls, Variant::Some);
        assert!(some.contains(&Some(one.clone())) && some.contains(&Some(both)));
        let grown = disks(&calls, Variant::Grown);
        assert!(grown.iter().flatten().all(|found| found.len() == 1_024 && found[..512] == one));
        assert!(grown.iter().flatten().any(|found| found[512..] != [0; 512] && found[512..] != [2; 512]));
    }

    #[test]
    fn a_write_is_torn_between_sectors_and_never_goes_back_in_one() {
        let calls = with([write(0, 1, 1_024, (10, 11)), write(100, 2, 1_024, (12, 13))]);
        let torn = disks(&calls, Variant::Torn);
        for found in torn.iter().flatten().filter(|found| found.len() >= 512) {
            assert!(found[..100] == [1; 100] || found[..100] == [0; 100]);
            assert!(
                found[100..512] != [2; 412] || found[..100] == [1; 100],
                "the later one without the earlier one"
            );
        }
        let first: Vec<bool> = torn.iter().flatten().map(|found| found.get(200) == Some(&2)).collect();
        assert!(first.contains(&true) && first.contains(&false));
    }

    #[test]
    fn a_name_is_there_once_its_folder_was_synced() {
        let [made, synced, opened, _] = begin();
        let calls = [made, synced, opened, call("fdatasync", FILE, b"", "", (8, 9))];
        assert!(disks(&calls, Variant::Nothing).iter().all(Option::is_none));
        assert!(disks(&calls, Variant::Everything).iter().all(Option::is_some));
        let gone = with([call("unlink", "", FILE.as_bytes(), "", (10, 11))]);
        assert!(disks(&gone, Variant::Nothing).iter().all(Option::is_some));
        assert!(disks(&gone, Variant::Everything).iter().all(Option::is_none));
    }

    #[test]
    fn what_follows_a_cut_is_not_there_without_it() {
        let calls = with([
            write(0, 1, 512, (10, 11)),
            call("fdatasync", FILE, b"", "", (12, 13)),
            call("ftruncate", FILE, b"", "3<>, 0", (14, 15)),
            write(0, 2, 100, (16, 17)),
        ]);
        let may_be = [vec![1; 512], vec![], vec![2; 100]];
        for variant in Variant::ALL {
            let found = disks(&calls, variant);
            let fine = |found: &Vec<u8>| may_be.contains(found) || variant == Variant::Grown;
            assert!(found.iter().flatten().all(fine), "{variant:?}");
        }
    }
}
