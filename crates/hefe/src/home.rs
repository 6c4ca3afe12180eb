//! A project opened by the one process that owns its database: store, engine, server on its socket. Other commands find
//! the socket and speak to it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use engine::{Engine, Publishes, Stop};
use server::{Listener, Site};
use store::{Store, postgres::Postgres, sqlite::Sqlite};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
};

use crate::{
    say::Trouble,
    settings::{File, Works},
};

/// How long a command may have the database before another gives up, and how often that looks.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(20);

/// PROJECT/.hefe/hefe.db
pub(crate) fn database(project: &Path) -> PathBuf {
    project.join(".hefe").join("hefe.db")
}

/// The socket's path, however deep the project lies: a socket's name has room for some hundred bytes, so it is reached
/// through the open folder.
pub(crate) struct Socket {
    _folder: std::fs::File,
    pub(crate) path: PathBuf,
}

impl Socket {
    pub(crate) fn of(project: &Path) -> std::io::Result<Socket> {
        Socket::named(project, "hefe.sock")
    }

    /// One that nobody but this process is to find.
    pub(crate) fn own(project: &Path) -> std::io::Result<Socket> {
        Socket::named(project, &format!("command-{}.sock", std::process::id()))
    }

    fn named(project: &Path, name: &str) -> std::io::Result<Socket> {
        use std::os::fd::AsRawFd;
        let folder = std::fs::File::open(project.join(".hefe"))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Socket { _folder: folder, path })
    }
}

/// A project that this process owns.
pub(crate) struct Home {
    pub(crate) engine: Engine,
    project: PathBuf,
    /// Others may have the database too.
    shares: bool,
    stop: watch::Sender<Stop>,
    site: Site,
    base_path: String,
    serving: JoinSet<()>,
}

impl Home {
    /// Takes the database, publishes the folder, works nothing yet.
    pub(crate) async fn open(project: &Path, file: &File) -> Result<Home, Trouble> {
        Home::open_and(project, file, file.publishes(), Works::All).await
    }

    /// The same, and publishes what `publishes` says.
    pub(crate) async fn open_and(
        project: &Path,
        file: &File,
        publishes: Publishes,
        works: Works,
    ) -> Result<Home, Trouble> {
        let has_folder = project.join("systems").is_dir();
        let is_project = match publishes {
            Publishes::Changes => has_folder,
            // What it serves may be deployed to it.
            Publishes::First => project.is_dir(),
            Publishes::Nothing => has_folder || file.database.is_some() || database(project).exists(),
        };
        if !is_project {
            return Err(Trouble::new(
                format!("`{}` is no project: it has no folder `systems`", project.display()),
                "name the project's folder, or make `systems/NAME/workflows` in it",
            ));
        }
        file.check()?;
        let trouble = |error: &store::Error| troubled(project, file.database.is_some(), error);
        let usual = engine::Settings { publishes, ..file.engine(project) };
        let (store, of_engine): (Arc<dyn Store>, _) = match &file.database {
            Some(url) => {
                let store = shared(url, file, works).await.map_err(|error| trouble(&error))?;
                let clock = engine::Clock::new(store.clock());
                (Arc::new(store), engine::Settings { clock, ..usual })
            }
            None => {
                (Arc::new(taken(&database(project), file).await.map_err(|error| trouble(&error))?), usual)
            }
        };
        let engine = Engine::open(store, of_engine).await.map_err(|error| match error {
            engine::Error::Store(error) => trouble(&error),
            other => Trouble::new(other.to_string(), "look at the path that is named and who may read it"),
        })?;
        if let Some(listen) = &file.listen {
            engine.served_at(&format!("http://{listen}{}", file.base_path()));
        }
        let of_server = file.server(project)?;
        let site = server::site(engine.clone(), of_server).await.map_err(|error| trouble(&error))?;
        let (stop, _) = watch::channel(Stop::No);
        Ok(Home {
            engine,
            project: project.to_owned(),
            shares: file.database.is_some(),
            stop,
            site,
            base_path: file.base_path().to_owned(),
            serving: JoinSet::new(),
        })
    }

    /// What to do about a refusal of its store.
    pub(crate) fn trouble(&self, error: &store::Error) -> Trouble {
        troubled(&self.project, self.shares, error)
    }

    /// For what works: told when the process is to end.
    pub(crate) fn stop(&self) -> watch::Receiver<Stop> {
        self.stop.subscribe()
    }

    /// Answers other commands of this machine, or only this process where others have the database too: then they have their own way to it.
    pub(crate) fn listen_on_socket(&mut self) -> Result<Socket, Trouble> {
        let says = |error: std::io::Error| {
            let help = match error.kind() {
                std::io::ErrorKind::AddrInUse => "remove what stands in its place",
                _ => "look who may write that folder",
            };
            let socket = self.project.join(".hefe/hefe.sock");
            Trouble::new(format!("the socket `{}` cannot be made: {error}", socket.display()), help)
        };
        if self.shares {
            std::fs::create_dir_all(self.project.join(".hefe")).map_err(says)?;
        }
        let socket = self.socket().map_err(says)?;
        // Whoever left it is dead: we have the lock.
        let _ = std::fs::remove_file(&socket.path);
        let listener = UnixListener::bind(&socket.path).map_err(says)?;
        self.serve(Listener::Unix(listener));
        Ok(socket)
    }

    fn socket(&self) -> std::io::Result<Socket> {
        if self.shares { Socket::own(&self.project) } else { Socket::of(&self.project) }
    }

    /// Answers on an address; gives where it does, `http://127.0.0.1:8086`.
    pub(crate) async fn listen_on(&mut self, address: &str) -> Result<String, Trouble> {
        let found = tokio::net::lookup_host(address).await.map(|mut all| all.next());
        let Ok(Some(address)) = found else {
            return Err(Trouble::new(
                format!("`{address}` is no address to listen on"),
                "give an address and a port, such as 127.0.0.1:8086",
            ));
        };
        if self.site.open && !address.ip().is_loopback() {
            return Err(Trouble::new(
                format!("{address} can be reached from other machines, and nobody has to sign in"),
                "make a first user with `hefe user add NAME --role admin --print-key`, or listen on 127.0.0.1",
            ));
        }
        let bound = TcpListener::bind(address).await.and_then(|bound| Ok((bound.local_addr()?, bound)));
        let (address, listener) = bound.map_err(|error| {
            Trouble::new(
                format!("{address} cannot be listened on: {error}"),
                "stop whoever listens there, or choose another with `--listen 127.0.0.1:PORT` (port 0 picks a free one)",
            )
        })?;
        let place = format!("http://{address}{}", self.base_path);
        self.engine.served_at(&place);
        self.serve(Listener::Tcp(listener));
        Ok(place)
    }

    fn serve(&mut self, listener: Listener) {
        self.serving.spawn(server::serve(listener, self.site.clone(), self.stop.subscribe()));
    }

    /// From now on SIGTERM and Ctrl-C do not kill: the first says to stop once effects and answers under way are finished, the
    /// second at once.
    pub(crate) fn heed_signals(&self) {
        use tokio::signal::unix::{SignalKind, signal};
        let heard = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        let (Ok(mut terminate), Ok(mut interrupt)) = heard else { return };
        let stop = self.stop.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "it watches for a second signal until the process is gone"
        )]
        tokio::spawn(async move {
            for word in [Stop::Soon, Stop::Now] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                stop.send_replace(word);
            }
        });
    }

    /// Works until a signal.
    pub(crate) async fn work(&self) {
        tokio::join!(self.engine.work(self.stop.subscribe()), self.signals());
    }

    /// Returns once a signal came that was heeded.
    pub(crate) async fn signals(&self) {
        // The sender is ours.
        let _ = self.stop.subscribe().wait_for(|stop| *stop != Stop::No).await;
    }

    /// Tells everyone to stop, lets answers go out, and closes the database.
    pub(crate) async fn close(mut self) {
        if *self.stop.borrow() == Stop::No {
            self.stop.send_replace(Stop::Soon);
        }
        while self.serving.join_next().await.is_some() {}
        if let Ok(socket) = self.socket() {
            let _ = std::fs::remove_file(&socket.path);
        }
        if let Err(error) = self.engine.store().close().await {
            tracing::error!("the database was not closed in order, which loses nothing: {error}");
        }
    }
}

/// The database that others may have too.
async fn shared(url: &str, file: &File, works: Works) -> Result<Postgres, store::Error> {
    let (url, settings) = (url.to_owned(), file.shared_store(works));
    let opened = tokio::task::spawn_blocking(move || Postgres::open(&url, settings)).await;
    opened.map_err(|error| store::Error::Unavailable(error.to_string().into()))?
}

/// What to do about a refusal.
fn troubled(project: &Path, shares: bool, error: &store::Error) -> Trouble {
    match (shares, error) {
        (false, _) => trouble(&database(project), error),
        (true, store::Error::TooNew { .. }) => {
            Trouble::new(error.to_string(), "use the newer hefe that wrote it")
        }
        (true, _) => Trouble::new(
            error.to_string(),
            "look whether PostgreSQL is up, and whether `--database postgres://USER:PASSWORD@HOST:PORT/NAME` names it",
        ),
    }
}

/// The database, once nobody else has it: a command has it for a moment only.
async fn taken(path: &Path, file: &File) -> Result<Sqlite, store::Error> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (of, settings) = (path.to_owned(), file.store());
        let opened = tokio::task::spawn_blocking(move || Sqlite::open(&of, settings)).await;
        match opened.map_err(|error| store::Error::Unavailable(error.to_string().into()))? {
            Err(store::Error::Owned { .. }) if tokio::time::Instant::now() < until => {
                tokio::time::sleep(AGAIN).await;
            }
            opened => return opened,
        }
    }
}

/// What to do about the store's refusals.
fn trouble(path: &Path, error: &store::Error) -> Trouble {
    let folder = path.parent().unwrap_or(path);
    let path = path.display();
    let help = match error {
        store::Error::Owned { process: Some(process), .. } => {
            return Trouble::new(
                error.to_string(),
                format!("stop process {process}, or use the address it serves"),
            );
        }
        store::Error::Owned { .. } => {
            return Trouble::new(error.to_string(), "stop the other `hefe`, or use the address it serves");
        }
        store::Error::Full | store::Error::Filling { .. } => {
            "free some space and start again; what was answered is kept".to_owned()
        }
        store::Error::ReadOnly => {
            "make the file and its folder writable (`mount -o remount,rw`, `chmod u+w`), and start again"
                .to_owned()
        }
        store::Error::Unavailable(_) => {
            "look at the disk, and at who may read and write the folder".to_owned()
        }
        store::Error::Corrupt(_) => format!(
            "move `{path}` aside, together with `{path}-wal`, `{path}-shm` and `held` beside it, and put back a copy of it; \
             without one `sqlite3 {path} .recover | sqlite3 NEW` may save what can be read"
        ),
        store::Error::Missing { .. } => format!(
            "put `{path}` back, or a copy of it; to begin anew without the runs that it held, remove `{}`",
            folder.display()
        ),
        store::Error::NoLog { .. } => format!(
            "put it back; if it is gone for good, or `{path}` is a copy, remove `{}` to go on with what the database holds",
            folder.join("held").display()
        ),
        store::Error::TooNew { .. } => "use the newer hefe that wrote it".to_owned(),
        store::Error::LeaseLost
        | store::Error::Conflict(_)
        | store::Error::Poisoned
        | store::Error::Closed => "try again".to_owned(),
    };
    Trouble::new(format!("`{path}`: {error}"), help)
}
