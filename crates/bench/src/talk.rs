//! A process that answers a line with a line: a `psql` that stays open, and workers beside this process.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{Failure, inside::Ground};

/// It ends when this is dropped.
pub(crate) struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Talk {
    pub(crate) fn start(command: &mut Command) -> Result<Talk, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take().ok_or("a process without output")?);
        Ok(Talk { child, to, from: BufReader::new(from) })
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn say(&mut self, line: &str) -> Result<(), Failure> {
        let to = self.to.as_mut().ok_or("a process without input")?;
        Ok(to.write_all(format!("{line}\n").as_bytes())?)
    }

    /// Its next line.
    pub(crate) fn hear(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(format!("process {} ended before it answered", self.process()).into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // What it waits for is over, so it ends by itself.
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

/// A session of `psql`.
pub(crate) struct Psql(Talk);

impl Psql {
    pub(crate) fn open(database: &str) -> Result<Psql, Failure> {
        let words = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"];
        Ok(Psql(Talk::start(Command::new("psql").args(words).arg(database))?))
    }

    /// What a query gives that gives one row: its fields with `|` between.
    pub(crate) fn ask(&mut self, query: &str) -> Result<String, Failure> {
        self.0.say(&format!("{query};"))?;
        self.0.hear()
    }

    pub(crate) fn number(&mut self, query: &str) -> Result<f64, Failure> {
        let says = self.ask(query)?;
        says.parse().map_err(|_| format!("`{query}` gave no number: {says}").into())
    }
}

/// Sees the database as it was when this was made, until it is dropped: nothing that goes meanwhile can be tidied away.
pub(crate) struct Snapshot(#[expect(dead_code, reason = "its session is what counts")] Psql);

impl Snapshot {
    pub(crate) fn of(ground: &Ground) -> Result<Snapshot, Failure> {
        let database = ground.database.as_deref().ok_or("a snapshot stays open on PostgreSQL alone")?;
        let mut psql = Psql::open(database)?;
        // The first query takes the snapshot.
        psql.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pauses")?;
        Ok(Snapshot(psql))
    }
}
