//! Databases for proofs: one for each seed, on a PostgreSQL of the proof's own or on one that is there.

use std::{thread, time::Duration};

use store::{
    Publish, Store, Version, Versions,
    postgres::{Postgres, Settings},
};
use testkit::postgres::{Server, psql_at};

use super::load;

/// A server to make databases on.
pub(super) struct Databases {
    /// Before and after a database's name.
    url: (String, String),
    /// So that two proofs can use it.
    pub(super) mark: String,
    _own: Option<Server>,
}

impl Databases {
    /// On the server of that address, or on one of the proof's own.
    pub(super) fn at(url: Option<&str>) -> Databases {
        let own = url.is_none().then(|| {
            // Nobody cuts the power: what is committed is there without a sync.
            Server::start_with(&[("max_connections", "500"), ("fsync", "off")])
        });
        let own_url = own.as_ref().map(|own| own.url("postgres"));
        let url = url.map(str::to_owned).or(own_url).unwrap_or_default();
        let databases =
            Databases { url: around_the_name(&url), mark: std::process::id().to_string(), _own: own };
        databases.make_template();
        databases
    }

    fn name(&self, of: &str) -> String {
        format!("sim_{}_{of}", self.mark)
    }

    /// Its address.
    pub(super) fn url(&self, name: &str) -> String {
        format!("{}{name}{}", self.url.0, self.url.1)
    }

    /// What a query gives there.
    pub(super) fn psql(&self, name: &str, sql: &str) -> String {
        psql_at(&self.url(name), sql).unwrap_or_else(|says| panic!("`{sql}` fails: {says}"))
    }

    /// Tables and the system: each seed begins with a copy.
    fn make_template(&self) {
        let name = self.name("template");
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        let version = Version { system: "main".into(), files: load::files(), broken: Vec::new() };
        let store = Postgres::open(&self.url(&name), Settings::default()).expect("a database that opens");
        let published = async {
            store.publish(version, Publish::default()).await.expect("a version");
            store.close().await.expect("a store that closes");
        };
        runtime().block_on(published);
        drop(store);
        self.is_left(&name, "");
    }

    /// A database for that seed.
    pub(super) fn copy(&self, seed: u64) -> String {
        let name = self.name(&seed.to_string());
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {}", self.name("template")));
        name
    }

    /// It is of no use any more.
    pub(super) fn remove(&self, name: &str) {
        self.psql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// Awaits that nothing of a life is under way: what it had sent is done, or never will be.
    pub(super) fn is_left(&self, name: &str, life: &str) {
        let mine =
            format!("datname = '{name}' AND application_name LIKE '{life}%' AND pid <> pg_backend_pid()");
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {mine}");
        while self.psql("postgres", &count) != "0" {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        self.remove(&self.name("template"));
    }
}

/// What comes before and after the name of the database.
fn around_the_name(url: &str) -> (String, String) {
    let (base, options) = url.split_once('?').unwrap_or((url, ""));
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base[host..].find('/').map_or(base.len(), |at| host + at);
    let options = if options.is_empty() { String::new() } else { format!("?{options}") };
    (format!("{}/", &base[..end]), options)
}

/// A runtime of its own.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
