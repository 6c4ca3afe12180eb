//! A real PostgreSQL for a test: in a temporary folder, on a free port, run by an unprivileged user, gone when the test is.
//!
//! [`shared`] is the one for most tests: all test processes of a build folder use one server, and each test has a database of
//! its own in it. A test that stops, kills or pauses its server starts its own [`Server`]. A commit is on disk when it is
//! answered, as in production (`fsync` is on).
//!
//! Calls here block: they are the test's, and short. [`until`](crate::until) and the like are for what the product does.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::DEADLINE;

mod bouncer;
mod folder;
mod programs;
mod shared;

pub use self::{
    bouncer::Bouncer,
    shared::{Database, Shared, shared},
};
use self::{
    folder::Folder,
    programs::{output, postgres, quiet},
};

/// A server of the test's own. It is ended and removed when it is dropped, and when the test's process ends.
#[derive(Debug)]
pub struct Server {
    folder: Folder,
    settings: Vec<(String, String)>,
    address: Address,
    process: Option<Child>,
}

impl Server {
    /// A new one, ready, with PostgreSQL's own settings.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// A new one, ready, with such settings as `("max_connections", "200")`.
    pub fn start_with(settings: &[(&str, &str)]) -> Server {
        Server::start_in(Folder::new(), settings)
    }

    fn start_in(folder: Folder, settings: &[(&str, &str)]) -> Server {
        let mut initdb = folder.command(&postgres("initdb"));
        initdb.args([
            "--pgdata=data",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        if let Err(says) = output(initdb) {
            panic!("{} gets no database: {says}", folder.path().display());
        }
        Server::first(
            folder,
            settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        )
    }

    /// Starts what is in the folder, on whatever port is free.
    fn first(folder: Folder, settings: Vec<(String, String)>) -> Server {
        let socket = folder.path().to_owned();
        let mut server = Server { folder, settings, address: Address { socket, port: 0 }, process: None };
        for _ in 0..10 {
            server.address.port = free_port();
            match server.launch() {
                Ok(()) => return server,
                // Someone else was faster.
                Err(says) if says.contains("Address already in use") => {}
                Err(says) => panic!("{says}"),
            }
        }
        panic!("PostgreSQL finds no free port");
    }

    /// `postgres://USER@127.0.0.1:PORT/DATABASE`. There is always a database `postgres`.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Its port on 127.0.0.1, the same after each start.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// The folder of its Unix socket.
    pub fn socket(&self) -> &Path {
        &self.address.socket
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) {
        self.psql("postgres", &format!(r#"create database "{database}""#));
    }

    /// What a query gives: a line a row, its fields with `|` between.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.address.psql(database, sql)
    }

    /// As [`Server::psql`], or what it says that went wrong.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        self.address.try_psql(database, sql)
    }

    /// What it wrote to its log so far, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// A crash: open transactions are cut off, nothing is tidied up. Returns when it is gone.
    pub fn stop_at_once(&mut self) {
        self.end(Signal::QUIT);
    }

    /// As an administrator stops it: open transactions are rolled back. Returns when it is gone.
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// The same server again after a stop, on the same port, with what was committed. Returns when it is ready.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "PostgreSQL runs already");
        if let Err(says) = self.launch() {
            panic!("{says}");
        }
    }

    /// SIGSTOP to all its processes: its connections stay open and nothing answers, until [`Server::resume`].
    pub fn pause(&self) {
        // First the one that would start more of them.
        send(self.id(), Signal::STOP);
        wait_until("PostgreSQL stands still", || process(self.id()).is_none_or(|it| it.is_stopped));
        let others = self.others();
        others.iter().for_each(|&id| send(id, Signal::STOP));
        let all_stand = || others.iter().all(|&id| process(id).is_none_or(|it| it.is_stopped));
        wait_until("PostgreSQL's processes stand still", all_stand);
    }

    /// SIGCONT to all its processes.
    pub fn resume(&self) {
        self.others().into_iter().chain([self.id()]).for_each(|id| send(id, Signal::CONT));
    }

    /// From now on it speaks TLS too, under a certificate of its own for that name (`IP:127.0.0.1`, `DNS:example.com`); the certificate's file.
    pub fn certificate(&self, name: &str) -> PathBuf {
        let mut openssl = self.folder.command(Path::new("openssl"));
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-subj", "/CN=hefe", "-addext", "basicConstraints=critical,CA:FALSE", "-addext"]);
        openssl.arg(format!("subjectAltName={name}")).args([
            "-keyout",
            "data/server.key",
            "-out",
            "data/server.crt",
        ]);
        if let Err(says) = output(openssl) {
            panic!("there is no certificate: {says}");
        }
        self.psql("postgres", "alter system set ssl = on");
        self.psql("postgres", "select pg_reload_conf()");
        wait_until("PostgreSQL speaks TLS", || self.psql("postgres", "show ssl") == "on");
        self.folder.path().join("data/server.crt")
    }

    /// A second server that has all of this one and follows it. From now on this one answers a commit when both have it.
    pub fn standby(&self) -> Server {
        let folder = Folder::new();
        let mut copy = folder.command(&postgres("pg_basebackup"));
        copy.args(["--pgdata=data", "--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--dbname"]);
        copy.arg(format!("application_name=standby user=postgres host=127.0.0.1 port={}", self.port()));
        if let Err(says) = output(copy) {
            panic!("PostgreSQL is not copied: {says}");
        }
        let standby = Server::first(folder, self.settings.clone());
        self.psql("postgres", "alter system set synchronous_standby_names = 'standby'");
        self.psql("postgres", "select pg_reload_conf()");
        let follows = "select 1 from pg_stat_replication where sync_state = 'sync'";
        wait_until("the standby follows", || self.psql("postgres", follows) == "1");
        standby
    }

    /// Makes a standby a server that takes writes. Returns when it does.
    pub fn promote(&self) {
        assert_eq!(self.psql("postgres", "select pg_promote()"), "t", "it is promoted:\n{}", self.log());
    }

    /// Starts it; gives what it says if it ends before it is ready.
    fn launch(&mut self) -> Result<(), String> {
        let log =
            File::options().create(true).append(true).open(self.folder.path().join("log")).expect("its log");
        let begins = log.metadata().map_or(0, |log| log.len());
        let mut command = self.folder.command(&postgres("postgres"));
        command.stdout(log.try_clone().expect("its log")).stderr(log);
        command
            .args(["-D", "data", "-h", "127.0.0.1", "-p", &self.port().to_string(), "-k"])
            .arg(self.socket());
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let mut process =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let (id, mut status) = (process.id().to_string(), None);
        wait_until("PostgreSQL is ready", || {
            status = ended(&mut process);
            let state = PidFile::of(self.folder.path());
            status.is_some() || state.is_some_and(|state| state.id == id && state.is_ready)
        });
        let Some(status) = status else {
            self.process = Some(process);
            return Ok(());
        };
        let log = self.log();
        let says = log.get(usize::try_from(begins).unwrap_or_default()..).unwrap_or(&log);
        Err(format!("PostgreSQL ended ({status}) before it was ready; it says:\n{says}"))
    }

    fn end(&mut self, signal: Signal) {
        let (id, mut process) = (self.id(), self.process.take().expect("a PostgreSQL that runs"));
        send(id, signal);
        wait_until("PostgreSQL stops", || ended(&mut process).is_some());
    }

    fn id(&self) -> u32 {
        self.process.as_ref().expect("a PostgreSQL that runs").id()
    }

    fn others(&self) -> Vec<u32> {
        let ids = fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        ids.filter(|&id| process(id).is_some_and(|it| it.parent == self.id())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.folder.end();
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}

/// What a query gives on the server of that address, which may be anybody's, or what it says that went wrong.
pub fn psql_at(url: &str, sql: &str) -> Result<String, String> {
    psql(&[], url, sql)
}

fn psql(settings: &[(&str, String)], database: &str, sql: &str) -> Result<String, String> {
    let mut command = quiet(postgres("psql"));
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
    command.args(["--dbname", database, "--command", sql]);
    command.env("PGCONNECT_TIMEOUT", DEADLINE.as_secs().to_string());
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    output(command)
}

/// How one speaks to a server.
#[derive(Debug, Clone)]
struct Address {
    socket: PathBuf,
    port: u16,
}

impl Address {
    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|says| panic!("`{sql}` fails: {says}"))
    }

    fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let host = self.socket.to_string_lossy().into_owned();
        let here = [("PGUSER", "postgres".to_owned()), ("PGHOST", host), ("PGPORT", self.port.to_string())];
        psql(&here, database, sql)
    }
}

/// What a server writes about itself in `data/postmaster.pid`.
struct PidFile {
    id: String,
    port: u16,
    is_ready: bool,
}

impl PidFile {
    fn of(folder: &Path) -> Option<PidFile> {
        let text = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
        let line = |number: usize| text.lines().nth(number).map(str::trim);
        let (id, port) = (line(0)?.to_owned(), line(3)?.parse().ok()?);
        Some(PidFile { id, port, is_ready: line(7) == Some("ready") })
    }
}

struct Process {
    parent: u32,
    is_stopped: bool,
}

fn process(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?);
    // One that has ended stands still too, until the one that stands still hears of it.
    Some(Process { parent: parent.parse().ok()?, is_stopped: matches!(state, "T" | "Z") })
}

/// To a process that may have ended.
fn send(id: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(id.cast_signed()) {
        let _ = kill_process(pid, signal);
    }
}

fn ended(process: &mut Child) -> Option<ExitStatus> {
    process.try_wait().expect("its exit status")
}

/// One that no outgoing connection takes meanwhile: it is below those that Linux gives by itself.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(20_000..32_000));
    ports.find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).expect("a free port")
}

fn wait_until(says: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(
            begin.elapsed() < DEADLINE,
            "it did not come about that {says} (waited {} s)",
            DEADLINE.as_secs()
        );
        thread::sleep(Duration::from_millis(5));
    }
}
