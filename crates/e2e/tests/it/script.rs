//! A person at a browser: a script in `browser/` that says, a JSON line each, what it saw, and is told when to go on.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::browser::missing;

/// A script that runs. It is killed when it is dropped.
pub(crate) struct Script {
    _process: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// None: there is no browser here.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Option<Script> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        if let Some(what) = missing(&folder) {
            assert!(std::env::var_os("CI").is_none(), "{what} is not there");
            eprintln!("skipped: {what} is not there");
            return None;
        }
        let mut command = Command::new("node");
        command.current_dir(&folder).arg(name).args(arguments).kill_on_drop(true);
        // Whoever wants to look at the pages names a folder.
        command.args(std::env::var_os("HEFE_PICTURES"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Some(Script { _process: process, to, from: BufReader::new(from).lines() })
    }

    /// What it says next; None: it has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = testkit::within(self.from.next_line(), || "the browser says nothing".to_owned()).await;
        line.unwrap().map(|line| serde_json::from_str(&line).unwrap())
    }

    /// The same, where it has not ended yet.
    pub(crate) async fn said(&mut self) -> Value {
        self.next().await.expect("what the browser saw: standard error says why it ended")
    }

    /// Lets it go on.
    pub(crate) async fn go_on(&mut self) {
        self.to.write_all(b"{}\n").await.unwrap();
    }
}
