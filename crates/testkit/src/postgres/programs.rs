//! PostgreSQL's and PgBouncer's programs: found, else installed where we may, else the test says what to type.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt, chown},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

/// The path of `initdb`, `postgres`, `psql` or another of PostgreSQL's.
pub(super) fn postgres(program: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| found("PostgreSQL", on_the_path_or_newest));
    FOLDER.join(program)
}

/// The path of `pgbouncer`.
pub(super) fn bouncer() -> PathBuf {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| found("PgBouncer", || on_the_path("pgbouncer")));
    PROGRAM.clone()
}

fn on_the_path_or_newest() -> Option<PathBuf> {
    // Debian keeps them together out of the path; a link on the path leads there.
    let linked = on_the_path("postgres").and_then(|path| fs::canonicalize(path).ok());
    let given = linked.and_then(|path| path.parent().map(Path::to_owned));
    given.filter(|folder| folder.join("initdb").is_file()).or_else(newest)
}

fn newest() -> Option<PathBuf> {
    let version = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let whole = versions.filter(|folder| folder.join("bin/initdb").is_file());
    whole.max_by_key(version).map(|folder| folder.join("bin"))
}

fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian puts servers; not everyone's path has it.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn found(name: &str, look: impl Fn() -> Option<PathBuf>) -> PathBuf {
    look().or_else(|| install().then(&look).flatten()).unwrap_or_else(|| {
        panic!(
            "{name} is not installed, and this test needs it; type `sudo .ci/postgres` in the project's folder to \
             install Debian's `postgresql` and `pgbouncer` (elsewhere, install PostgreSQL 14 or newer with `initdb` \
             and `psql`, and PgBouncer, and put them on the PATH)"
        )
    })
}

/// Only root with Debian's `apt-get` installs; the script itself says so, past what captures a test's output.
fn install() -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/postgres");
    if !is_root() || on_the_path("apt-get").is_none() {
        return false;
    }
    let status = Command::new(script).stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Who owns what the servers write, and runs them: PostgreSQL refuses root.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    uid: u32,
    gid: u32,
    is_other: bool,
}

impl User {
    /// Us; for root, who came with Debian's package, else nobody.
    pub(super) fn unprivileged() -> User {
        if !is_root() {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            return User { uid, gid, is_other: false };
        }
        let users = fs::read_to_string("/etc/passwd").expect("the system's users");
        let of = |name: &str| {
            let mut fields =
                users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
            Some(User {
                uid: fields.next()?.parse().ok()?,
                gid: fields.next()?.parse().ok()?,
                is_other: true,
            })
        };
        of("postgres")
            .or_else(|| of("nobody"))
            .expect("a user `postgres` or `nobody`, as root runs no PostgreSQL")
    }

    /// Gives it a file or folder.
    pub(super) fn own(self, path: &Path) {
        if self.is_other {
            chown(path, Some(self.uid), Some(self.gid)).expect("a path to give away");
        }
        let owner = fs::metadata(path).expect("a path of one's own").uid();
        assert!(owner == self.uid, "{} belongs to another user; remove it", path.display());
    }

    /// A program that runs as this user, hears nothing from the terminal, and sees no `PG*` setting of the test's.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = quiet(program);
        if self.is_other {
            // Takes root's further groups as well.
            command.uid(self.uid).gid(self.gid);
        }
        command.process_group(0);
        command
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program in the plain locale, without input, that sees no `PG*` setting of the test's.
pub(super) fn quiet(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Runs it to its end and gives what it printed, or what it said that went wrong.
pub(super) fn output(mut command: Command) -> Result<String, String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}
