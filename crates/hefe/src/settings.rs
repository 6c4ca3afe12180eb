//! hefe.toml: each crate owns its settings, here they are read. A flag comes before an environment variable, which comes
//! before the file.

use std::{collections::BTreeMap, path::Path};

use engine::Publishes;
use serde::Deserialize;
use workflow::Severity;

use crate::say::Trouble;

/// How full the disk may be before new starts are refused (durability.md, Stores).
pub(crate) const DISK_PERCENT: u8 = 95;

/// How many runs one process may be told to work at once.
pub(crate) const RUNS_MAX: u64 = 10_000;

/// How many calls of a host may begin within a second.
const PER_SECOND: std::ops::RangeInclusive<f64> = 0.0001..=10_000.0;

/// How many calls of a host may be under way at once.
const CONCURRENT: std::ops::RangeInclusive<u32> = 1..=10_000;

/// What makes the folder's content current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Publish {
    /// It has changed
    Changes,
    /// `hefe deploy`
    Deploy,
}

impl Publish {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Publish::Changes => "changes",
            Publish::Deploy => "deploy",
        }
    }
}

/// The file's keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// Address and port to listen on.
    pub(crate) listen: Option<String>,
    /// Where PostgreSQL is; without one the database is SQLite's, in the project's folder.
    pub(crate) database: Option<String>,
    /// A pooler stands before PostgreSQL that gives each transaction another of its connections.
    pub(crate) pooled: Option<bool>,
    /// Where people reach the server: what addresses begin with that runs hand out.
    pub(crate) public_url: Option<String>,
    /// The path under which everything is served.
    pub(crate) base_path: Option<String>,
    /// Runs worked at once.
    pub(crate) runs: Option<usize>,
    /// What makes the folder's content current.
    pub(crate) publish: Option<Publish>,
    /// The largest request body, bytes.
    pub(crate) body_bytes_max: Option<usize>,
    /// How long a client may take to send a request's head, seconds.
    pub(crate) head_timeout_s: Option<u32>,
    /// How long a client may take to send a body, seconds.
    pub(crate) body_timeout_s: Option<u32>,
    /// Runs of a system that may be queued before more are refused.
    pub(crate) queued_max: Option<u64>,
    /// Runs of a system that may be started within a second.
    pub(crate) starts_per_s: Option<u32>,
    /// Live streams that are open at once.
    pub(crate) streams_max: Option<usize>,
    /// How full the disk may be before new starts are refused, percent.
    pub(crate) disk_percent: Option<u8>,
    /// By host or host:port.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// Users who are there from the first.
    pub(crate) users: Vec<FirstUser>,
    /// Whose tokens are taken.
    pub(crate) tokens: Option<Tokens>,
    /// Pages of these origins may call with a key, a token or a ticket.
    pub(crate) origins: Vec<String>,
    /// Addresses or networks of the proxies whose forwarded headers count.
    pub(crate) proxies: Vec<String>,
    /// How grave findings are, by code.
    pub(crate) check: BTreeMap<String, Gravity>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gravity {
    Error,
    Warning,
    Info,
    /// It is not looked for.
    Off,
}

/// What a process works of a database that it shares with others.
#[derive(Debug, Clone)]
pub(crate) enum Works {
    /// Every queue.
    All,
    /// Those, each so many runs at once.
    Queues(BTreeMap<std::sync::Arc<str>, usize>),
    /// None.
    Nothing,
}

/// What this machine is called.
fn host_name() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = read.trim();
    if name.is_empty() { "a machine".to_owned() } else { name.to_owned() }
}

/// A user whom the file names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstUser {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// None: all of them.
    #[serde(default)]
    pub(crate) systems: Vec<String>,
    /// `ID:SHA256` of the key, as `hefe user key` prints it.
    pub(crate) key: String,
}

/// An issuer of JSON Web Tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    pub(crate) algorithm: String,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    /// A file with the shared secret of HS256.
    pub(crate) secret_file: Option<std::path::PathBuf>,
    pub(crate) jwks_file: Option<std::path::PathBuf>,
    pub(crate) jwks_url: Option<String>,
    #[serde(default = "roles")]
    pub(crate) roles_claim: String,
    #[serde(default = "systems")]
    pub(crate) systems_claim: String,
}

fn roles() -> String {
    "roles".to_owned()
}

fn systems() -> String {
    "systems".to_owned()
}

/// What holds for one host that api/http calls.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Host {
    /// Its address may be a private one.
    pub(crate) allow_private: bool,
    /// Calls that begin within a second, over all processes of the database.
    pub(crate) per_second: Option<f64>,
    /// Calls that are under way at once, over all of them.
    pub(crate) concurrent: Option<u32>,
}

impl std::fmt::Display for Host {
    /// What is set, in one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set = [
            self.allow_private.then(|| "allow_private".to_owned()),
            self.per_second.map(|rate| format!("per_second {rate}")),
            self.concurrent.map(|most| format!("concurrent {most}")),
        ];
        f.write_str(&set.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

/// An environment variable that says something.
pub(crate) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number<T: std::str::FromStr>(name: &str, what: &str) -> Result<Option<T>, Trouble> {
    let wrong =
        |text: &str| Trouble::new(format!("{name} is `{text}`"), format!("give a whole number {what}"));
    set(name).map(|text| text.parse().map_err(|_| wrong(&text))).transpose()
}

impl File {
    /// PROJECT/hefe.toml and what the environment says; nothing set if neither is there.
    pub(crate) fn read(project: &Path) -> Result<File, Trouble> {
        File::alone(project)?.with_environment()
    }

    /// PROJECT/hefe.toml.
    pub(crate) fn alone(project: &Path) -> Result<File, Trouble> {
        let path = project.join("hefe.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
            Err(error) => {
                let says = format!("`{}` cannot be read: {error}", path.display());
                return Err(Trouble::new(says, "make the file readable, or remove it"));
            }
        };
        toml::from_str(&text).map_err(|error| {
            Trouble::new(
                format!("`{}` is not right: {}", path.display(), error.to_string().trim_end()),
                "mend the line that is shown; docs/settings.md lists the keys",
            )
        })
    }

    /// What holds for every command that opens the project, not for `hefe serve` alone.
    fn with_environment(mut self) -> Result<File, Trouble> {
        self.database = set("HEFE_DATABASE").or(self.database);
        if let Some(word) = set("HEFE_POOLED") {
            self.pooled =
                Some(word.parse().map_err(|_| {
                    Trouble::new(format!("HEFE_POOLED is `{word}`"), "give `true` or `false`")
                })?);
        }
        self.public_url = set("HEFE_PUBLIC_URL").or(self.public_url);
        self.base_path = set("HEFE_BASE_PATH").or(self.base_path);
        if let Some(word) = set("HEFE_PUBLISH") {
            let publish = <Publish as clap::ValueEnum>::from_str(&word, false);
            self.publish = Some(publish.map_err(|_| {
                Trouble::new(format!("HEFE_PUBLISH is `{word}`"), "give `changes` or `deploy`")
            })?);
        }
        self.disk_percent = number("HEFE_DISK_PERCENT", "from 1 to 100")?.or(self.disk_percent);
        self.body_bytes_max = number("HEFE_BODY_BYTES_MAX", "of bytes")?.or(self.body_bytes_max);
        self.head_timeout_s = number("HEFE_HEAD_TIMEOUT_S", "of seconds")?.or(self.head_timeout_s);
        self.body_timeout_s = number("HEFE_BODY_TIMEOUT_S", "of seconds")?.or(self.body_timeout_s);
        self.queued_max = number("HEFE_QUEUED_MAX", "of runs")?.or(self.queued_max);
        self.starts_per_s = number("HEFE_STARTS_PER_S", "of runs")?.or(self.starts_per_s);
        self.streams_max = number("HEFE_STREAMS_MAX", "of streams")?.or(self.streams_max);
        Ok(self)
    }

    /// Refuses what no address could begin with, and numbers with which nothing would go on, wherever they were given.
    pub(crate) fn check(&self) -> Result<(), Trouble> {
        self.check_numbers()?;
        self.check_hosts()?;
        self.check_base_path()?;
        self.check_public_url()
    }

    fn check_numbers(&self) -> Result<(), Trouble> {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let numbers = [
            ("runs", self.runs.map(count), 1..=RUNS_MAX),
            ("disk_percent", self.disk_percent.map(u64::from), 1..=100),
            ("body_bytes_max", self.body_bytes_max.map(count), 1..=1 << 30),
            ("head_timeout_s", self.head_timeout_s.map(u64::from), 1..=86_400),
            ("body_timeout_s", self.body_timeout_s.map(u64::from), 1..=86_400),
            ("queued_max", self.queued_max, 1..=1_000_000_000),
            ("starts_per_s", self.starts_per_s.map(u64::from), 1..=1_000_000),
            ("streams_max", self.streams_max.map(count), 1..=1_000_000),
        ];
        let wrong = numbers.iter().find_map(|(name, value, range)| {
            let value = value.filter(|value| !range.contains(value))?;
            Some(Trouble::new(
                format!("`{name}` is {value}"),
                format!(
                    "give a number from {} to {}; docs/settings.md lists the settings",
                    range.start(),
                    range.end()
                ),
            ))
        });
        wrong.map_or(Ok(()), Err)
    }

    fn check_hosts(&self) -> Result<(), Trouble> {
        let mut known = BTreeMap::new();
        for (name, host) in &self.hosts {
            if let Some(other) = known.insert(engine::host_name(name), name) {
                let says = format!("`hosts.\"{other}\"` and `hosts.\"{name}\"` are one host");
                return Err(Trouble::new(says, "put what holds for it under one of them"));
            }
            let wrong = |key: &str, value: &dyn std::fmt::Display, range: &str| {
                let says = format!("`hosts.\"{name}\".{key}` is {value}");
                Err(Trouble::new(says, format!("give a number {range}; docs/settings.md lists the settings")))
            };
            if let Some(rate) = host.per_second.filter(|rate| !PER_SECOND.contains(rate)) {
                return wrong("per_second", &rate, "from 0.0001 to 10000");
            }
            if let Some(most) = host.concurrent.filter(|most| !CONCURRENT.contains(most)) {
                return wrong("concurrent", &most, "from 1 to 10000");
            }
        }
        Ok(())
    }

    fn check_base_path(&self) -> Result<(), Trouble> {
        let Some(base) = &self.base_path else { return Ok(()) };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
        let good = |path: &str| path.split('/').all(|part| !part.is_empty() && part.bytes().all(plain));
        if base.is_empty() || base.strip_prefix('/').is_some_and(good) {
            return Ok(());
        }
        Err(Trouble::new(
            format!("`{base}` is no path that everything could be served under"),
            "give `--base-path` a path such as /hefe or /apps/hefe: it begins with `/`, does not end with it, and has letters, digits, `-`, `_` and `~` between",
        ))
    }

    /// Where people reach the server, with the path under which it serves.
    fn public_url(&self) -> Option<String> {
        let (url, base) = (self.public_url.as_deref()?.trim_end_matches('/'), self.base_path());
        let (_, place) = url.split_once("://").unwrap_or_default();
        Some(if place.ends_with(base) { url.to_owned() } else { format!("{url}{base}") })
    }

    /// Empty: there is none.
    pub(crate) fn base_path(&self) -> &str {
        self.base_path.as_deref().unwrap_or_default()
    }

    fn check_public_url(&self) -> Result<(), Trouble> {
        let Some(url) = &self.public_url else { return Ok(()) };
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let good = |rest: &str| {
            let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\".contains(&byte);
            rest.bytes().all(plain) && !rest.is_empty() && !rest.starts_with('/')
        };
        if rest.is_some_and(good) {
            return Ok(());
        }
        Err(Trouble::new(
            format!("`{url}` is no address that people could reach the server at"),
            "give `--public-url` scheme and host, such as https://hefe.example.com",
        ))
    }

    /// What `hefe check` is told.
    pub(crate) fn findings(&self) -> Result<check::Settings, Trouble> {
        let mut settings = check::Settings::default();
        for (code, gravity) in &self.check {
            if !check::rules().iter().any(|rule| rule.code == code) {
                let says = format!("`check.{code}` in hefe.toml: no finding has that code");
                return Err(Trouble::new(says, "`hefe explain` lists the codes"));
            }
            let chosen = match gravity {
                Gravity::Error => check::Chosen::Severity(Severity::Error),
                Gravity::Warning => check::Chosen::Severity(Severity::Warning),
                Gravity::Info => check::Chosen::Severity(Severity::Info),
                Gravity::Off => check::Chosen::Off,
            };
            settings.codes.insert(code.clone(), chosen);
        }
        Ok(settings)
    }

    /// What the store is told.
    pub(crate) fn store(&self) -> store::sqlite::Settings {
        let disk_percent = self.disk_percent.unwrap_or(DISK_PERCENT);
        store::sqlite::Settings { disk_percent, ..store::sqlite::Settings::default() }
    }

    /// What PostgreSQL's store is told.
    pub(crate) fn shared_store(&self, works: Works) -> store::postgres::Settings {
        let name = format!("{}, process {}", host_name(), std::process::id());
        let queues = match works {
            Works::All => None,
            Works::Queues(queues) => Some(queues),
            Works::Nothing => Some(BTreeMap::new()),
        };
        let pooled = self.pooled.unwrap_or(false);
        store::postgres::Settings { name, queues, pooled, ..Default::default() }
    }

    /// When what is in the folder is published.
    pub(crate) fn publishes(&self) -> Publishes {
        match self.publish {
            // Several servers may share a database, each with a folder of its own.
            None if self.database.is_some() => Publishes::First,
            None | Some(Publish::Changes) => Publishes::Changes,
            Some(Publish::Deploy) => Publishes::First,
        }
    }

    /// What the engine is told.
    pub(crate) fn engine(&self, project: &Path) -> engine::Settings {
        let private = self.hosts.iter().filter(|(_, host)| host.allow_private).map(|(name, _)| name.clone());
        let limited = |host: &Host| host.per_second.is_some() || host.concurrent.is_some();
        let hosts = self.hosts.iter().filter(|(_, host)| limited(host)).map(|(name, host)| {
            (name.clone(), store::HostLimits { per_second: host.per_second, concurrent: host.concurrent })
        });
        let usual = engine::Settings::default();
        engine::Settings {
            project: Some(project.to_owned()),
            publishes: self.publishes(),
            runs_max: self.runs.unwrap_or(usual.runs_max),
            allow_private: private.collect(),
            hosts: hosts.collect(),
            public_url: self.public_url(),
            base_path: self.base_path().to_owned(),
            queued_max: self.queued_max.unwrap_or(usual.queued_max),
            starts_per_s: self.starts_per_s.unwrap_or(usual.starts_per_s),
            ..usual
        }
    }
}
