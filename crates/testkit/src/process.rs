//! The real `hefe` binary, started as a user would start it.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::OnceLock,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::{client::Client, within};

/// A server that says when it is ready. It is killed when it is dropped.
#[derive(Debug)]
pub struct Hefe {
    child: Child,
    base: String,
    stdout: watch::Receiver<Vec<String>>,
    stderr: watch::Receiver<Vec<String>>,
}

impl Hefe {
    /// `hefe serve PROJECT --listen 127.0.0.1:0` and `more`; awaits its ready line.
    pub async fn serve(project: &Path, more: &[&str]) -> Hefe {
        let mut command = command();
        command.arg("serve").arg(project).args(["--listen", "127.0.0.1:0"]).args(more);
        Hefe::start(command).await
    }

    /// Any command that prints `hefe ready http://ADDRESS`; awaits that line.
    pub async fn start(mut command: Command) -> Hefe {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut stdout = lines(child.stdout.take().expect("its standard output"));
        let stderr = lines(child.stderr.take().expect("its standard error"));
        let ready = async {
            let seen = stdout.wait_for(|lines| lines.iter().any(|line| address(line).is_some())).await;
            seen.ok().and_then(|lines| lines.iter().find_map(|line| address(line)))
        };
        let says =
            |why: &str| format!("`hefe` {why} before it was ready; it says:\n{}", stderr.borrow().join("\n"));
        match within(ready, || says("took too long")).await {
            Some(base) => Hefe { child, base, stdout, stderr },
            None => {
                let status = child.wait().await.expect("its exit status");
                panic!("{}", says(&format!("ended ({status})")));
            }
        }
    }

    /// `http://ADDRESS`, as it said.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A client of its address.
    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a process that was not awaited")
    }

    /// What it wrote to its standard error so far, line by line.
    pub fn messages(&self) -> Vec<String> {
        self.stderr.borrow().clone()
    }

    /// What it wrote to its standard output so far, line by line.
    pub fn printed(&self) -> Vec<String> {
        self.stdout.borrow().clone()
    }

    /// Awaits a line on its standard error that holds `part`, and gives it.
    pub async fn message(&self, part: &str) -> String {
        let mut stderr = self.stderr.clone();
        let wanted = |lines: &Vec<String>| lines.iter().any(|line| line.contains(part));
        let says = || format!("no message with `{part}`; it says:\n{}", self.stderr.borrow().join("\n"));
        let found = match within(stderr.wait_for(wanted), says).await {
            Ok(lines) => lines.iter().find(|line| line.contains(part)).cloned(),
            Err(_) => None,
        };
        found.unwrap_or_else(|| panic!("{} (it ended)", says()))
    }

    /// SIGKILL, as a power cut would: nothing is flushed, nothing is said. Returns when it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a process to kill");
    }

    /// SIGTERM; [`Hefe::wait`] then awaits its end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGSTOP: it stands still with its connections open, until [`Hefe::proceed`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn proceed(&self) {
        self.signal(Signal::CONT);
    }

    /// Awaits its end by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        let stderr = self.stderr.clone();
        let says = || format!("`hefe` does not end; it says:\n{}", stderr.borrow().join("\n"));
        within(self.child.wait(), says).await.expect("its exit status")
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a live process");
        kill_process(pid, signal).expect("a process that takes signals");
    }
}

/// Runs `hefe` with `arguments` to its end, and gives its status and what it printed.
pub async fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    let mut command = command();
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    within(command.output(), || format!("{command:?} does not end")).await.expect("its output")
}

/// The binary without arguments, and without what `HEFE_*` variables around the test would set.
pub fn command() -> Command {
    let mut command = Command::new(binary());
    clean(&mut command);
    command
}

/// The binary under another program, which comes with its own arguments.
pub fn command_under(program: &str, arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(binary());
    clean(&mut command);
    command
}

/// From now on this process's own program, with that variable set, is the binary: a proof carries the product in itself,
/// with whatever features it was built.
pub fn stand_in(variable: &'static str) {
    let own = std::env::current_exe().expect("the program's own path");
    let _ = STAND_IN.set((own, variable));
}

static STAND_IN: OnceLock<(PathBuf, &'static str)> = OnceLock::new();

fn clean(command: &mut Command) {
    if let Some((_, variable)) = STAND_IN.get() {
        command.env(variable, "1");
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEFE_")) {
        command.env_remove(name);
    }
    // How full the machine's own disk is, is no matter of a test's.
    command.env("HEFE_DISK_PERCENT", "100");
}

/// Where the binary is: `CARGO_BIN_EXE_hefe`, else beside the test's own in the build folder.
pub fn binary() -> PathBuf {
    if let Some((own, _)) = STAND_IN.get() {
        return own.clone();
    }
    let given = std::env::var_os("CARGO_BIN_EXE_hefe").map(PathBuf::from);
    let beside = || {
        let own = std::env::current_exe().expect("the test's own path");
        own.ancestors().skip(1).take(2).map(|folder| folder.join("hefe")).find(|path| path.is_file())
    };
    given.or_else(beside).expect("the `hefe` binary; build it with `cargo build -p hefe` first")
}

fn address(line: &str) -> Option<String> {
    let base = line.strip_prefix("hefe ready ")?;
    Some(base.trim().trim_end_matches('/').to_owned())
}

/// Reads on in the background, so that a full pipe never holds the process up. The sender goes when the stream ends.
fn lines(stream: impl AsyncRead + Unpin + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            sender.send_modify(|lines| lines.push(String::from_utf8_lossy(&line).trim_end().to_owned()));
        }
    });
    receiver
}
