//! Systems at their versions: what is current here, as the database says, and what runs are pinned to.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use store::{Change, Hash, Publish, Store, Version};
use tokio::sync::{Mutex, broadcast, watch};
use workflow::{Diagnostic, File, Graph, Severity, System};

use crate::{
    Shared, Stop,
    failed::FAILED,
    work::{PAUSE, stopped},
};

/// A system at one version.
#[derive(Debug)]
pub struct Published {
    /// Its content's hash.
    pub version: Hash,
    /// Its graphs and findings.
    pub system: Arc<System>,
    /// What keeps a file from loading here that loaded where the version was published: it needs another hefe. Its runs are
    /// left to those that have it.
    pub foreign: Option<Box<Diagnostic>>,
    /// A file asks for the address of a signal.
    pub(crate) hands_out_addresses: bool,
    /// Workflows that failures start, each with its event of that kind, in order of path.
    pub(crate) of_failures: Vec<(Arc<Graph>, usize)>,
}

impl Published {
    fn new(hash: Hash, version: &Version) -> Published {
        let system = load(version);
        let asks = |bytes: &[u8]| bytes.windows(SIGNAL_URL.len()).any(|window| window == SIGNAL_URL);
        let kinds = |graph: &Arc<Graph>| {
            let all = graph.events.iter().enumerate();
            let at = all.filter(|(_, event)| &*event.kind == FAILED).map(|(at, _)| at);
            at.map(|at| (graph.clone(), at)).collect::<Vec<_>>()
        };
        let mut of_failures: Vec<_> = system.workflows.values().flat_map(kinds).collect();
        of_failures.sort_by(|a, b| (&a.0.path, a.1).cmp(&(&b.0.path, b.1)));
        let known = |finding: &&Diagnostic| !version.broken.iter().any(|path| **path == *finding.place.path);
        let foreign = errors(&system).find(known).cloned().map(Box::new);
        if let Some(finding) = &foreign {
            let (system, says) = (&system.name, finding.to_string());
            tracing::error!(%system, version = %hash, "its runs are left to a hefe that can load it: {says}");
        }
        Published {
            version: hash,
            system: Arc::new(system),
            foreign,
            of_failures,
            hands_out_addresses: version.files.iter().any(|(_, bytes)| asks(bytes)),
        }
    }

    /// Why its runs are not worked here.
    pub(crate) fn refuses(&self) -> Option<String> {
        let finding = self.foreign.as_ref()?;
        let (path, line) = (&finding.place.path, finding.place.line);
        Some(format!("its version needs a newer hefe than this one: `{path}`, line {line}: {}", finding.says))
    }
}

/// Versions that are kept in memory without being in use.
const KNOWN_MAX: usize = 256;

/// How recipes ask for the address of a signal.
const SIGNAL_URL: &[u8] = b"signalUrl";

/// Every version in memory.
pub(crate) struct Systems {
    store: Arc<dyn Store>,
    known: RwLock<Known>,
    /// Held by whoever changes what is current.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Known {
    current: HashMap<Arc<str>, Arc<Published>>,
    /// The folder's content as it was last published, or settled by a deploy, by system; broken files stand in it as they are.
    content: HashMap<Arc<str>, Hash>,
    by_hash: HashMap<Hash, Arc<Published>>,
}

impl Known {
    fn remember(&mut self, published: &Arc<Published>) {
        if self.by_hash.len() >= KNOWN_MAX {
            self.by_hash.retain(|_, known| Arc::strong_count(known) > 1);
        }
        self.by_hash.insert(published.version, published.clone());
    }
}

impl Systems {
    /// The current versions as the database has them.
    pub(crate) async fn open(store: Arc<dyn Store>) -> Result<Systems, store::Error> {
        let systems = Systems { store, known: RwLock::default(), turn: Mutex::default() };
        systems.read_again().await?;
        Ok(systems)
    }

    /// Reads which versions are current. Those that were not.
    pub(crate) async fn read_again(&self) -> Result<Vec<Arc<Published>>, store::Error> {
        let _turn = self.turn.lock().await;
        let mut changed = Vec::new();
        for (name, hash) in self.store.current().await? {
            if self.current(&name).is_some_and(|current| current.version == hash) {
                continue;
            }
            if let Some(published) = self.at(hash).await? {
                self.write().current.insert(name, published.clone());
                changed.push(published);
            }
        }
        Ok(changed)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Published>> {
        let mut all: Vec<_> = self.read().current.values().cloned().collect();
        all.sort_by(|a, b| a.system.name.cmp(&b.system.name));
        all
    }

    pub(crate) fn current(&self, name: &str) -> Option<Arc<Published>> {
        self.read().current.get(name).cloned()
    }

    /// A version that was looked at before.
    pub(crate) fn known(&self, hash: Hash) -> Option<Arc<Published>> {
        self.read().by_hash.get(&hash).cloned()
    }

    /// A version, from memory or from the database.
    pub(crate) async fn at(&self, hash: Hash) -> Result<Option<Arc<Published>>, store::Error> {
        let known = self.known(hash);
        if known.is_some() {
            return Ok(known);
        }
        let Some(version) = self.store.version(hash).await? else { return Ok(None) };
        let published = Arc::new(Published::new(hash, &version));
        self.write().remember(&published);
        Ok(Some(published))
    }

    /// Makes what the folder holds the current versions, unless that is settled; `first`: only of systems that have none. Files with
    /// errors are published with their last good content; their findings are shown all the same. Those whose content has changed.
    pub(crate) async fn publish(
        &self,
        versions: Vec<Version>,
        first: bool,
    ) -> Result<Vec<Arc<Published>>, store::Error> {
        let _turn = self.turn.lock().await;
        let mut changed = Vec::new();
        for version in versions {
            changed.extend(self.publish_one(version, first).await?);
        }
        Ok(changed)
    }

    async fn publish_one(
        &self,
        version: Version,
        first: bool,
    ) -> Result<Option<Arc<Published>>, store::Error> {
        let (content, name) = (version.hash(), version.system.clone());
        let before = self.current(&name);
        if self.read().content.get(&name) == Some(&content) || (first && before.is_some()) {
            return Ok(None);
        }
        let now = load(&version);
        let mut good = version;
        if let Some(before) = &before {
            self.put_back(&mut good, &now, before.version).await?;
        }
        good.broken = errors(&load(&good)).map(|finding| finding.place.path.to_string()).collect();
        let hash = good.hash();
        let is_current = before.as_ref().is_some_and(|before| before.version == hash);
        if !is_current && before.is_some() && self.store.settled(name.clone()).await? == Some(content) {
            // Somebody has published something else since, and the folder is as it was then.
            self.write().content.insert(name, content);
            return Ok(None);
        }
        let published = Published::new(hash, &good);
        let how = Publish { folder: Some(content), first, ..Publish::default() };
        if self.store.publish(good, how).await? != hash {
            // Another was faster; what is current is read when it is told.
            return Ok(None);
        }
        // What a put-back file does not say any more is still true of the folder.
        let mut shown = System::clone(&published.system);
        shown.findings.clone_from(&now.findings);
        shown.broken = now.broken.into_iter().filter(|(id, _)| !has(&shown, id)).collect();
        let published = Arc::new(Published { system: Arc::new(shown), ..published });
        let mut known = self.write();
        known.remember(&published);
        known.content.insert(name.clone(), content);
        known.current.insert(name, published.clone());
        Ok(Some(published))
    }

    /// Makes a version current that somebody deploys, and settles that content of the folder with it.
    pub(crate) async fn deploy(
        &self,
        version: Version,
        how: Publish,
    ) -> Result<Arc<Published>, store::Error> {
        let _turn = self.turn.lock().await;
        let (hash, name, folder) = (version.hash(), version.system.clone(), how.folder);
        let published = Arc::new(Published::new(hash, &version));
        self.store.publish(version, how).await?;
        self.is_current(name, folder, &published);
        Ok(published)
    }

    /// The same with one that is kept; None: there is none of that system.
    pub(crate) async fn publish_again(
        &self,
        name: &Arc<str>,
        hash: Hash,
        how: Publish,
    ) -> Result<Option<Arc<Published>>, store::Error> {
        let _turn = self.turn.lock().await;
        let folder = how.folder;
        if !self.store.publish_again(name.clone(), hash, how).await? {
            return Ok(None);
        }
        let Some(published) = self.at(hash).await? else { return Ok(None) };
        self.is_current(name.clone(), folder, &published);
        Ok(Some(published))
    }

    fn is_current(&self, name: Arc<str>, folder: Option<Hash>, published: &Arc<Published>) {
        let mut known = self.write();
        known.remember(published);
        known.content.extend(folder.map(|folder| (name.clone(), folder)));
        known.current.insert(name, published.clone());
    }

    /// Replaces the content of files that do not load by what they held when they last did.
    async fn put_back(&self, version: &mut Version, now: &System, before: Hash) -> Result<(), store::Error> {
        let broken: Vec<_> = errors(now).map(|finding| finding.place.path.clone()).collect();
        if broken.is_empty() {
            return Ok(());
        }
        let Some(old) = self.store.version(before).await? else { return Ok(()) };
        for (path, bytes) in &mut version.files {
            let was = old.files.iter().find(|(old, _)| old == path);
            if let (true, Some((_, good))) = (broken.iter().any(|at| **at == **path), was) {
                bytes.clone_from(good);
            }
        }
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has(system: &System, identifier: &str) -> bool {
    system.workflows.contains_key(identifier)
        || system
            .workflows
            .values()
            .any(|graph| graph.events.iter().any(|event| &*event.identifier == identifier))
}

pub(crate) fn load(version: &Version) -> System {
    let files: Vec<File> =
        version.files.iter().map(|(path, bytes)| File { path: path.clone(), bytes: bytes.clone() }).collect();
    workflow::load(&version.system, &files, interpreter::catalog())
}

/// What keeps files from loading.
pub(crate) fn errors(system: &System) -> impl Iterator<Item = &Diagnostic> {
    system.findings.iter().filter(|finding| finding.severity == Severity::Error)
}

/// Reads what is current whenever another process has changed it, until told to stop.
pub(crate) async fn follow(shared: Arc<Shared>, mut stop: watch::Receiver<Stop>) {
    let mut changes = shared.store.changes();
    let follows = async {
        loop {
            match shared.systems.read_again().await {
                Ok(changed) if changed.is_empty() => {}
                Ok(changed) => {
                    for published in changed {
                        let (system, version) = (&published.system.name, published.version);
                        tracing::info!(%system, %version, "another version is current");
                    }
                    shared.schedules.notify_one();
                }
                Err(store::Error::Closed) => return,
                Err(error) => {
                    crate::say_once("which versions are current is not known", &error);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            loop {
                match changes.recv().await {
                    Ok(batch) if batch.iter().any(|(_, change)| is_news(&shared, change)) => break,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => break,
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stopped(&mut stop) => {}
        () = follows => {}
    }
}

fn is_news(shared: &Shared, change: &Change) -> bool {
    let Change::Published { system, version } = change else { return false };
    shared.systems.current(system).is_none_or(|current| current.version != *version)
}

/// Findings to the log, as they would stand on a terminal.
pub(crate) fn report(system: &System) {
    for finding in &system.findings {
        // A line of the log is one line.
        for line in format!("{}: {finding}", system.name).lines() {
            match finding.severity {
                Severity::Error => tracing::error!("{line}"),
                Severity::Warning => tracing::warn!("{line}"),
                Severity::Info => {}
            }
        }
    }
}
