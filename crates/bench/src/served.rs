//! The server under test: the code of `hefe serve`, in a process of its own, so that its threads are not the client's.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use engine::{Engine, Settings, Stop};
use store::sqlite::Sqlite;

use crate::{Failure, figures::Figures};

/// Serves until standard input closes.
pub(crate) fn serve(project: &Path, runs: Option<usize>) -> Result<Figures, Failure> {
    server::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Sqlite::open(&project.join(".hefe/hefe.db"), store::sqlite::Settings::default())?;
        let usual = Settings::default();
        let runs_max = runs.unwrap_or(usual.runs_max);
        let settings = Settings { project: Some(project.to_owned()), runs_max, ..usual };
        let engine = Engine::open(Arc::new(store), settings).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let (stop, stopped) = tokio::sync::watch::channel(Stop::No);
        let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        let site = server::site(engine.clone(), server::Settings::default()).await?;
        let served = server::serve(listener, site, stopped.clone());
        let ends = async {
            let _ = closed.await;
            stop.send_replace(Stop::Now);
        };
        tokio::join!(engine.work(stopped), served, ends);
        engine.store().close().await?;
        Ok::<(), Failure>(())
    })?;
    Ok(Figures::default())
}

/// That process, and where it listens. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    /// `before` is put in front of the command: a tracer, or nothing.
    pub(crate) fn start(project: &Path, before: &[&str]) -> Result<Server, Failure> {
        let own = std::env::current_exe()?;
        let mut words: Vec<&OsStr> = before.iter().map(OsStr::new).collect();
        words.extend([own.as_os_str(), "--serve".as_ref(), project.as_os_str()]);
        Server::start_command(&words)
    }

    /// One that works so many runs at once.
    pub(crate) fn start_wide(project: &Path, runs: usize) -> Result<Server, Failure> {
        let (own, runs) = (std::env::current_exe()?, runs.to_string());
        let words =
            [own.as_os_str(), "--serve".as_ref(), project.as_os_str(), "--runs".as_ref(), runs.as_ref()];
        Server::start_command(&words)
    }

    /// A command that says where it listens as soon as it does.
    pub(crate) fn start_command(words: &[&OsStr]) -> Result<Server, Failure> {
        let mut child =
            Command::new(words[0]).args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        BufReader::new(stdout).read_line(&mut address)?;
        if address.is_empty() {
            return Err("the server did not start".into());
        }
        Ok(Server { child, address: address.trim().to_owned() })
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        // `hefe serve` waits for a signal instead.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status()?;
        let ended = self.child.wait()?;
        if !asked.success() && !ended.success() {
            return Err(format!("the server ended with {ended}").into());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
