//! What tests on PostgreSQL lean on.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

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

const BUILD: &str = "TESTKIT_SHARES_OF";

/// As another test process: says which server it has, and ends when its input does.
#[test]
#[ignore = "the others' second process"]
fn another_process() {
    let build = std::env::var(BUILD).unwrap();
    let shared = Shared::of(Path::new(&build), Duration::ZERO);
    println!("\nport {}", shared.port());
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn processes_share_a_server_that_ends_after_the_last() {
    let build = tempfile::tempdir().unwrap();
    let [(mut one, port), (mut other, same)] =
        [another_process_of(build.path()), another_process_of(build.path())];
    assert_eq!(port, same);
    let elsewhere = tempfile::tempdir().unwrap();
    let (mut third, another) = another_process_of(elsewhere.path());
    assert_ne!(port, another);

    one.kill().unwrap();
    one.wait().unwrap();
    let answers = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(answers(port));
    let (mut late, same) = another_process_of(build.path());
    assert_eq!(port, same);
    for process in [&mut other, &mut late, &mut third] {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    wait_until("the servers end", || !answers(port) && !answers(another));
    // And there is another for who comes then.
    let (mut next, port) = another_process_of(build.path());
    assert!(answers(port));
    next.kill().unwrap();
    next.wait().unwrap();
}

#[test]
#[ignore = "the other's process"]
fn a_process_with_a_server() {
    let server = Server::start();
    println!("\nport {}", server.port());
    println!("socket {}", server.socket().display());
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_server_ends_with_a_killed_test_process() {
    let (mut process, mut lines) = start("a_process_with_a_server", &[]);
    let port: u16 = said(&mut lines, "port ").parse().unwrap();
    let folder = said(&mut lines, "socket ");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    process.kill().unwrap();
    process.wait().unwrap();
    wait_until("its folder goes", || !Path::new(&folder).exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

fn another_process_of(build: &Path) -> (Child, u16) {
    let (process, mut lines) = start("another_process", &[(BUILD, build)]);
    let port = said(&mut lines, "port ").parse().unwrap();
    (process, port)
}

type Lines = std::io::Lines<BufReader<std::process::ChildStdout>>;

fn start(test: &str, variables: &[(&str, &Path)]) -> (Child, Lines) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).envs(variables.iter().copied());
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    (process, lines)
}

fn said(lines: &mut Lines, what: &str) -> String {
    lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix(what)?.to_owned())).expect(what)
}

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
