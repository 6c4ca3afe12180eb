//! What a run costs PostgreSQL and those who work: transactions that wrote, bytes of its log, processor time. The numbers of transactions and
//! the place in the log are read, not `pg_stat_database` and `pg_stat_wal`, which sessions bring up to date when they come to it. Of a database
//! on another machine, or one whose files we may not read, the processor time is not known.

use std::{
    ops::{AddAssign, Sub},
    time::Duration,
};

use crate::{Failure, figures::Figures, memory, talk::Psql};

/// What has been used so far.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Used {
    commits: f64,
    wal_bytes: f64,
    database: Duration,
    workers: Duration,
}

impl Sub for Used {
    type Output = Used;

    fn sub(self, before: Used) -> Used {
        Used {
            commits: self.commits - before.commits,
            wal_bytes: self.wal_bytes - before.wal_bytes,
            database: self.database.saturating_sub(before.database),
            workers: self.workers.saturating_sub(before.workers),
        }
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, more: Used) {
        self.commits += more.commits;
        self.wal_bytes += more.wal_bytes;
        self.database += more.database;
        self.workers += more.workers;
    }
}

/// Reads it.
pub(crate) struct Meter {
    psql: Psql,
    /// PostgreSQL's first process, where it is one of this machine.
    postmaster: Option<u32>,
    workers: Vec<u32>,
    sum: Used,
    since: Used,
}

impl Meter {
    /// None on SQLite.
    pub(crate) fn of(database: Option<&str>, workers: Vec<u32>) -> Result<Option<Meter>, Failure> {
        let Some(database) = database else { return Ok(None) };
        let mut psql = Psql::open(database)?;
        let postmaster = postmaster(&mut psql)?;
        Ok(Some(Meter { psql, postmaster, workers, sum: Used::default(), since: Used::default() }))
    }

    fn read(&mut self) -> Result<Used, Failure> {
        let query = "SELECT pg_snapshot_xmax(pg_current_snapshot()), pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')";
        let says = self.psql.ask(query)?;
        let (commits, wal_bytes) = says.split_once('|').ok_or("no figures of the database")?;
        let workers =
            self.workers.iter().map(|worker| memory::cpu(*worker)).sum::<Result<Duration, Failure>>()?;
        let database = self.postmaster.map_or(Ok(Duration::ZERO), memory::cpu_of_family)?;
        Ok(Used { commits: commits.parse()?, wal_bytes: wal_bytes.parse()?, database, workers })
    }

    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        self.since = self.read()?;
        Ok(())
    }

    /// What was used since the begin counts.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        let now = self.read()?;
        self.sum += now - self.since;
        Ok(())
    }

    /// What has counted, over so many runs.
    pub(crate) fn add_to(self, figures: &mut Figures, of: &str, runs: usize) {
        let (sum, runs) = (self.sum, runs as f64);
        figures.add(format!("commits_per_run{of}"), sum.commits / runs, "1");
        figures.add(format!("wal_bytes_per_run{of}"), sum.wal_bytes / runs, "B");
        if self.postmaster.is_some() {
            figures.add(
                format!("database_cpu_us_per_run{of}"),
                sum.database.as_secs_f64() * 1e6 / runs,
                "us",
            );
        }
        figures.add(format!("worker_cpu_us_per_run{of}"), sum.workers.as_secs_f64() * 1e6 / runs, "us");
    }
}

fn postmaster(psql: &mut Psql) -> Result<Option<u32>, Failure> {
    if psql.ask("SELECT has_function_privilege('pg_read_file(text)', 'execute')")? != "t" {
        return Ok(None);
    }
    let number = psql.ask("SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)")?;
    Ok(number.parse().ok().filter(|process| memory::name(*process) == "postgres"))
}
