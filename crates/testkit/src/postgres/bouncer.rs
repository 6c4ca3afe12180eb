//! PgBouncer before a PostgreSQL.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Stdio},
};

use super::{ended, folder::Folder, free_port, programs::bouncer, wait_until};

/// PgBouncer in transaction mode: each transaction may go to the server over another of its few connections. It is ended
/// when it is dropped, and when the test's process ends.
#[derive(Debug)]
pub struct Bouncer {
    folder: Folder,
    port: u16,
    process: Child,
}

impl Bouncer {
    /// Before the server on that port of 127.0.0.1, with at most `connections` to it a database; returns when it listens.
    pub fn start(server: u16, connections: u16) -> Bouncer {
        for _ in 0..10 {
            let port = free_port();
            match launch(port, &settings(server, port, connections)) {
                Ok(bouncer) => return bouncer,
                // Someone else was faster.
                Err(says) if says.contains("Address already in use") => {}
                Err(says) => panic!("{says}"),
            }
        }
        panic!("PgBouncer finds no free port");
    }

    /// `postgres://USER@127.0.0.1:PORT/DATABASE`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        self.folder.end();
        let _ = self.process.wait();
    }
}

fn settings(server: u16, port: u16, connections: u16) -> String {
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={server} user=postgres\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         default_pool_size = {connections}\n\
         max_client_conn = 1000\n"
    )
}

fn launch(port: u16, settings: &str) -> Result<Bouncer, String> {
    let folder = Folder::new();
    let (config, log) = (folder.path().join("pgbouncer.ini"), folder.path().join("log"));
    fs::write(&config, settings).expect("its settings");
    let mut command = folder.command(&bouncer());
    command.arg(&config).stdout(Stdio::null()).stderr(fs::File::create(&log).expect("its log"));
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let mut status = None;
    wait_until("PgBouncer listens", || {
        status = ended(&mut process);
        status.is_some() || TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    match status {
        None => Ok(Bouncer { folder, port, process }),
        Some(status) => {
            let log = fs::read_to_string(&log).unwrap_or_default();
            Err(format!("PgBouncer ended ({status}) before it listened; it says:\n{log}"))
        }
    }
}
