//! A folder with the processes that work in it. Both end with this process however it ends, or, for a shared one, some time
//! after the last process that uses it.
//!
//! A small shell keeps it, in a process group of its own. It waits for the end of a pipe, or for a lock that nobody holds;
//! then it ends whatever process has its working folder in there, and removes the folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::programs::User;

const KEEPER: &str = r#"
trap '' HUP INT TERM
folder=$1 locks=$2 linger=$3
if [ -z "$locks" ]; then
  cat >/dev/null
else
  while :; do
    flock "$locks/users" true
    sleep "$linger"
    # Whoever comes takes the door first, then is a user: behind it nobody becomes one.
    exec 9<"$locks/door"
    flock 9
    flock --nonblock "$locks/users" true && break
    exec 9<&-
  done
fi
living() {
  find /proc/[0-9]* -maxdepth 1 -name cwd \( -lname "$folder" -o -lname "$folder/*" \) 2>/dev/null | cut -d / -f 3
}
tell() {
  for process in $(living); do kill -"$1" "$process"; kill -CONT "$process"; done 2>/dev/null
}
# PostgreSQL then tidies up its shared memory, which SIGKILL would leave behind.
tell QUIT
tries=0
while [ -n "$(living)" ] && [ "$tries" -lt 250 ]; do sleep 0.02; tries=$((tries + 1)); done
tell KILL
rm -rf "$folder"
"#;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    user: User,
    keeper: Child,
}

impl Folder {
    /// A temporary one, for this process.
    pub(super) fn new() -> Folder {
        let user = User::unprivileged();
        let folder = tempfile::Builder::new().prefix("hefe-postgres-").tempdir().expect("a temporary folder");
        let path = folder.keep();
        user.own(&path);
        let keeper = keeper(user, &path).arg("").stdin(Stdio::piped()).spawn().expect("`sh`");
        Folder { path, user, keeper }
    }

    /// `server` in a folder of locks: for as long as someone holds the lock on its file `users`, which the caller does, and
    /// `linger` longer. What was left there is ended and removed; the caller holds the lock on the file `door`.
    pub(super) fn shared(locks: &Path, linger: Duration) -> Folder {
        let (user, path) = (User::unprivileged(), locks.join("server"));
        let cleared = keeper(user, &path).arg("").stdin(Stdio::null()).status();
        assert!(cleared.is_ok_and(|status| status.success()), "{} cannot be removed", path.display());
        fs::create_dir(&path).expect("a folder for the server");
        user.own(&path);
        let mut keeper = keeper(user, &path);
        keeper.arg(locks).arg(linger.as_secs_f64().to_string()).stdin(Stdio::null());
        Folder { path, user, keeper: keeper.spawn().expect("`sh`") }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A program that works in the folder.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = self.user.command(program);
        command.current_dir(&self.path);
        command
    }

    /// Ends its processes and removes it, unless it is shared.
    pub(super) fn end(&mut self) {
        if let Some(pipe) = self.keeper.stdin.take() {
            drop(pipe);
            let _ = self.keeper.wait();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.end();
    }
}

fn keeper(user: User, folder: &Path) -> Command {
    let mut command = user.command("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(folder);
    command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
    command
}
