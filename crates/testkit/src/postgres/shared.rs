//! One server for all test processes of a build folder, and a database in it for each test.
//!
//! Whoever comes first starts it. Each process holds a lock on the file `users` for as long as it lives, however it ends; the
//! server's keeper ends it once nobody has held one for a while. What a run left that could not even do that is ended and
//! replaced by whoever finds it not answering.

use std::{
    collections::hash_map::DefaultHasher,
    fs::{self, File},
    hash::{Hash, Hasher},
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use super::{Address, PidFile, Server, folder::Folder, programs::User};

/// A server that other test processes use at the same time.
#[derive(Debug)]
pub struct Shared {
    address: Address,
    // Open for as long as the server is used.
    _users: File,
}

/// The server of this build folder's tests. It stays for half a minute after the last of them, for the next run.
pub fn shared() -> &'static Shared {
    static SHARED: LazyLock<Shared> = LazyLock::new(|| {
        let own = std::env::current_exe().expect("the test's own path");
        Shared::of(own.parent().expect("its folder"), Duration::from_secs(30))
    });
    &SHARED
}

impl Shared {
    /// The server of all that name the same build folder; a new one ends `linger` after its last user.
    pub fn of(build: &Path, linger: Duration) -> Shared {
        let mut name = DefaultHasher::new();
        (build, rustix::process::geteuid().as_raw()).hash(&mut name);
        let locks = std::env::temp_dir().join(format!("hefe-postgres-of-{:016x}", name.finish()));
        fs::create_dir_all(&locks).expect("a folder for the locks");
        User::unprivileged().own(&locks);
        let lock = |name: &str| {
            let options = File::options().create(true).append(true).open(locks.join(name));
            options.unwrap_or_else(|error| panic!("{} does not open: {error}", locks.join(name).display()))
        };
        let (door, users) = (lock("door"), lock("users"));
        door.lock().expect("the lock of who starts it");
        users.lock_shared().expect("the lock of who uses it");
        let address = running(&locks.join("server")).unwrap_or_else(|| start(&locks, linger));
        Shared { address, _users: users }
    }

    /// A new empty database. It is dropped with what is returned.
    pub fn database(&self) -> Database {
        let name = format!("test_{}_{:08x}", std::process::id(), fastrand::u32(..));
        self.address.psql("postgres", &format!("create database {name}"));
        Database { address: self.address.clone(), name }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port
    }
}

fn running(folder: &Path) -> Option<Address> {
    let port = PidFile::of(folder)?.port;
    let address = Address { socket: folder.to_owned(), port };
    address.try_psql("postgres", "select 1").is_ok().then_some(address)
}

fn start(locks: &Path, linger: Duration) -> Address {
    // Each test of several at once may have a few servers with a few connections each.
    let mut server = Server::start_in(Folder::shared(locks, linger), &[("max_connections", "400")]);
    // It outlives this process; its keeper ends it.
    drop(server.process.take());
    server.address.clone()
}

/// A database of a test's own in a shared server.
#[derive(Debug)]
pub struct Database {
    address: Address,
    name: String,
}

impl Database {
    /// `postgres://USER@127.0.0.1:PORT/DATABASE`.
    pub fn url(&self) -> String {
        self.address.url(&self.name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a query gives: a line a row, its fields with `|` between.
    pub fn psql(&self, sql: &str) -> String {
        self.address.psql(&self.name, sql)
    }

    /// As [`Database::psql`], or what it says that went wrong.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        self.address.try_psql(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.address.try_psql("postgres", &format!("drop database {} with (force)", self.name));
    }
}
