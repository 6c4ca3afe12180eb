//! What tests on PostgreSQL lean on.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testkit::postgres::{Bouncer, Server, Shared, shared};

#[test]
fn a_crash_loses_nothing_that_was_committed() {
    let mut server = Server::start_with(&[("max_connections", "33")]);
    server.create("kept");
    server.psql("kept", "create table seen (n int)");
    server.psql("kept", "insert into seen values (1), (2)");
    assert_eq!(server.psql("kept", "show max_connections"), "33");
    let url = server.url("kept");
    server.stop_at_once();
    assert!(server.try_psql("kept", "select 1").is_err());
    server.start_again();
    assert!(server.log().contains("was not properly shut down"), "{}", server.log());
    assert_eq!(server.url("kept"), url);
    assert_eq!(server.psql("kept", "select n from seen order by n"), "1\n2");
    server.stop();
    server.start_again();
    assert_eq!(server.psql("kept", "select sum(n), 'x' from seen"), "3|x");
}

#[test]
fn a_paused_server_answers_no_open_connection_until_it_goes_on() {
    let server = Server::start();
    let mut session = Session::of(&server.url("postgres"));
    session.ask("select 1");
    assert_eq!(session.answer(), "1");
    server.pause();
    session.ask("select 2");
    assert_eq!(
        session.answers.recv_timeout(Duration::from_millis(300)),
        Err(mpsc::RecvTimeoutError::Timeout)
    );
    server.resume();
    assert_eq!(session.answer(), "2");
}

#[test]
fn a_promoted_standby_has_what_was_committed() {
    let mut server = Server::start();
    server.psql("postgres", "create table seen as select 1 as n");
    let standby = server.standby();
    server.psql("postgres", "insert into seen values (2)");
    assert!(standby.try_psql("postgres", "insert into seen values (3)").unwrap_err().contains("read-only"));
    server.stop_at_once();
    standby.promote();
    assert_eq!(standby.psql("postgres", "select n from seen order by n"), "1\n2");
    standby.psql("postgres", "insert into seen values (3)");
    assert_eq!(standby.psql("postgres", "select count(*) from seen"), "3");
}

#[test]
fn transactions_of_many_clients_share_the_bouncers_one_connection() {
    let server = Server::start();
    server.create("behind");
    let bouncer = Bouncer::start(server.port(), 1);
    let [mut one, mut other] = [Session::of(&bouncer.url("behind")), Session::of(&bouncer.url("behind"))];
    let backend = |session: &mut Session| {
        session.ask("select pg_backend_pid()");
        session.answer()
    };
    assert_eq!(backend(&mut one), backend(&mut other));
    one.ask("select 1");
    assert_eq!(one.answer(), "1");
}

#[test]
fn each_test_has_a_database_of_its_own_and_leaves_none() {
    let [one, other] = [shared().database(), shared().database()];
    one.psql("create table seen as select 1 as n");
    assert!(other.try_psql("select n from seen").unwrap_err().contains("does not exist"));
    assert_eq!(one.psql("show fsync"), "on");
    let name = one.name().to_owned();
    let mut open = Session::of(&one.url());
    open.ask("select 1");
    assert_eq!(open.answer(), "1");
    drop(one);
    assert_eq!(other.psql(&format!("select count(*) from pg_database where datname = '{name}'")), "0");
}

/// As another test process of the build folder that is its temporary folder: says which server it has, and ends when its
/// input does.
#[test]
#[ignore = "the other's second process"]
fn another_process() {
    let shared = Shared::of(&std::env::temp_dir(), Duration::ZERO);
    println!("\nport {}", shared.port());
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn processes_share_a_server_that_ends_after_the_last() {
    let [build, elsewhere] = [build_folder(), build_folder()];
    // Both come first, at the same time.
    let [mut one, mut other] = [Other::start(&build), Other::start(&build)];
    let port = one.port();
    assert_eq!(port, other.port());
    let mut third = Other::start(&elsewhere);
    let another = third.port();
    assert_ne!(port, another);

    one.kill();
    assert!(listens(port));
    let mut late = Other::start(&build);
    assert_eq!(port, late.port());
    [other, late, third].iter_mut().for_each(Other::kill);
    wait_until("the servers end", || has_no_server(&build) && has_no_server(&elsewhere));
    assert!(!listens(port) && !listens(another));

    // And there is another for who comes then.
    let mut next = Other::start(&build);
    assert!(listens(next.port()));
    next.kill();
    wait_until("the server ends", || has_no_server(&build));
}

#[test]
fn who_comes_while_a_shared_server_is_about_to_end_keeps_it() {
    let build = build_folder();
    let mut one = Other::start(&build);
    let port = one.port();
    let lock = |name: &str| File::open(server_of(&build).unwrap().with_file_name(name)).unwrap();
    let (door, users) = (lock("door"), lock("users"));
    door.lock().unwrap();
    one.kill();
    let waits = format!(":{} ", door.metadata().unwrap().ino());
    let is_awaited = |line: &str| line.contains("-> FLOCK") && line.contains(&waits);
    wait_until("its keeper is at the door", || {
        fs::read_to_string("/proc/locks").unwrap().lines().any(is_awaited)
    });
    users.lock_shared().unwrap();
    door.unlock().unwrap();
    let mut late = Other::start(&build);
    assert_eq!(port, late.port());
    late.kill();
    drop(users);
    wait_until("the server ends", || has_no_server(&build));
}

#[test]
fn a_shared_server_that_crashed_is_replaced() {
    let build = build_folder();
    let mut one = Other::start(&build);
    let port = one.port();
    let pid_file = server_of(&build).expect("a server").join("data/postmaster.pid");
    let id = fs::read_to_string(&pid_file).unwrap().lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
    wait_until("it is gone", || !listens(port));
    assert!(pid_file.exists());
    let mut other = Other::start(&build);
    assert!(listens(other.port()));
    [one, other].iter_mut().for_each(Other::kill);
    wait_until("the server ends", || has_no_server(&build));
}

#[test]
#[ignore = "the other's process"]
fn a_process_with_a_server() {
    let server = Server::start();
    println!("\nport {}", server.port());
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_server_ends_with_a_killed_test_process() {
    let folder = build_folder();
    let mut process = Other::of("a_process_with_a_server", &folder);
    let port = process.port();
    assert!(listens(port));
    process.kill();
    wait_until("its folder goes", || fs::read_dir(folder.path()).unwrap().next().is_none());
    assert!(!listens(port));
}

/// Temporary folders of tests: those of their own processes are in there.
fn build_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // Who runs the server is not who owns it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    folder
}

fn server_of(build: &TempDir) -> Option<PathBuf> {
    let mut servers = fs::read_dir(build.path()).unwrap().map(|locks| locks.unwrap().path().join("server"));
    servers.find(|server| server.exists())
}

fn has_no_server(build: &TempDir) -> bool {
    server_of(build).is_none()
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Another process of tests, killed when it is dropped.
struct Other {
    process: Child,
    lines: Lines,
}

impl Other {
    fn start(build: &TempDir) -> Other {
        Other::of("another_process", build)
    }

    fn of(test: &str, temporary: &TempDir) -> Other {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]).env("TMPDIR", temporary.path());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Other { process, lines }
    }

    fn port(&mut self) -> u16 {
        let lines = self.lines.by_ref().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("port ")?.parse().ok()).next().expect("its port")
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Lines = std::io::Lines<BufReader<std::process::ChildStdout>>;

fn wait_until(says: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < testkit::DEADLINE, "it did not come about that {says}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// One connection that stays open.
struct Session {
    psql: Child,
    answers: mpsc::Receiver<String>,
}

impl Session {
    fn of(url: &str) -> Session {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-A", "-t", "-w", url]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = command.spawn().unwrap();
        let lines = BufReader::new(psql.stdout.take().unwrap()).lines();
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Session { psql, answers }
    }

    /// Sends a query that one line answers.
    fn ask(&mut self, sql: &str) {
        writeln!(self.psql.stdin.as_mut().unwrap(), "{sql};").unwrap();
    }

    fn answer(&self) -> String {
        self.answers.recv_timeout(testkit::DEADLINE).unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}
