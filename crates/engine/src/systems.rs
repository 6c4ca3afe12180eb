//! Systems at their versions: what the folder holds, what the database keeps, what runs are pinned to.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use notify::{RecursiveMode, Watcher};
use store::{Hash, Store, Version};
use tokio::sync::{mpsc, watch};
use workflow::{File, Graph, Severity, System};

use crate::{Engine, Stop, failed::FAILED, work::stopped};

/// The folder has been quiet for so long: then it is published.
const QUIET: Duration = Duration::from_millis(300);

/// After the store could not take it.
const AGAIN: Duration = Duration::from_secs(2);

/// The largest file that is read, bytes; a larger one is reported by its first bytes' absence.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A system at one version.
#[derive(Debug)]
pub struct Published {
    /// Its content's hash.
    pub version: Hash,
    /// Its graphs and findings.
    pub system: Arc<System>,
    /// A file asks for the address of a signal.
    pub(crate) hands_out_addresses: bool,
    /// Workflows that failures start, each with its event of that kind, in order of path.
    pub(crate) of_failures: Vec<(Arc<Graph>, usize)>,
}

impl Published {
    fn new(hash: Hash, version: &Version, system: System) -> Published {
        let asks = |bytes: &[u8]| bytes.windows(SIGNAL_URL.len()).any(|window| window == SIGNAL_URL);
        let kinds = |graph: &Arc<Graph>| {
            let all = graph.events.iter().enumerate();
            let at = all.filter(|(_, event)| &*event.kind == FAILED).map(|(at, _)| at);
            at.map(|at| (graph.clone(), at)).collect::<Vec<_>>()
        };
        let mut of_failures: Vec<_> = system.workflows.values().flat_map(kinds).collect();
        of_failures.sort_by(|a, b| (&a.0.path, a.1).cmp(&(&b.0.path, b.1)));
        Published {
            version: hash,
            system: Arc::new(system),
            of_failures,
            hands_out_addresses: version.files.iter().any(|(_, bytes)| asks(bytes)),
        }
    }
}

/// How recipes ask for the address of a signal.
const SIGNAL_URL: &[u8] = b"signalUrl";

/// Every version in memory.
pub(crate) struct Systems {
    store: Arc<dyn Store>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    current: HashMap<Arc<str>, Arc<Published>>,
    /// The folder's content as it was last published, by system; broken files stand in it as they are.
    content: HashMap<Arc<str>, Hash>,
    by_hash: HashMap<Hash, Arc<Published>>,
}

impl Systems {
    /// The current versions as the database has them.
    pub(crate) async fn open(store: Arc<dyn Store>) -> Result<Systems, store::Error> {
        let systems = Systems { store, known: RwLock::default() };
        for (name, hash) in systems.store.current().await? {
            if let Some(published) = systems.at(hash).await? {
                systems.write().current.insert(name, published);
            }
        }
        Ok(systems)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Published>> {
        let mut all: Vec<_> = self.read().current.values().cloned().collect();
        all.sort_by(|a, b| a.system.name.cmp(&b.system.name));
        all
    }

    pub(crate) fn current(&self, name: &str) -> Option<Arc<Published>> {
        self.read().current.get(name).cloned()
    }

    /// A version, from memory or from the database.
    pub(crate) async fn at(&self, hash: Hash) -> Result<Option<Arc<Published>>, store::Error> {
        let known = self.read().by_hash.get(&hash).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(version) = self.store.version(hash).await? else { return Ok(None) };
        let published = Arc::new(Published::new(hash, &version, load(&version)));
        self.write().by_hash.insert(hash, published.clone());
        Ok(Some(published))
    }

    /// Makes these the current versions. Files with errors are published with their last good content; their findings are shown all the same.
    /// Those whose content has changed.
    pub(crate) async fn publish(&self, versions: Vec<Version>) -> Result<Vec<Arc<Published>>, store::Error> {
        let mut changed = Vec::new();
        for version in versions {
            let content = version.hash();
            if self.read().content.get(&version.system) == Some(&content) {
                continue;
            }
            let now = load(&version);
            let mut good = version;
            if let Some(before) = self.current(&good.system) {
                self.put_back(&mut good, &now, before.version).await?;
            }
            let system = good.system.clone();
            let mut loaded = load(&good);
            // What a put-back file does not say any more is still true of the folder.
            loaded.findings.clone_from(&now.findings);
            loaded.broken = now.broken.into_iter().filter(|(id, _)| !has(&loaded, id)).collect();
            let hash = good.hash();
            let published = Arc::new(Published::new(hash, &good, loaded));
            self.store.publish(good).await?;
            let mut known = self.write();
            known.by_hash.insert(hash, published.clone());
            known.content.insert(system.clone(), content);
            known.current.insert(system, published.clone());
            drop(known);
            changed.push(published);
        }
        Ok(changed)
    }

    /// Replaces the content of files that do not load by what they held when they last did.
    async fn put_back(&self, version: &mut Version, now: &System, before: Hash) -> Result<(), store::Error> {
        let broken: Vec<_> = now
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.place.path.clone())
            .collect();
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

fn load(version: &Version) -> System {
    let files: Vec<File> =
        version.files.iter().map(|(path, bytes)| File { path: path.clone(), bytes: bytes.clone() }).collect();
    workflow::load(&version.system, &files, interpreter::catalog())
}

/// What PROJECT/systems holds: a system is every folder in it. What cannot be read there is left out and said; only a
/// folder `systems` that cannot be read is an error.
pub fn read_folder(project: &Path) -> io::Result<Vec<Version>> {
    let systems = project.join("systems");
    let mut versions = Vec::new();
    for entry in std::fs::read_dir(&systems).map_err(|error| named(&systems, &error))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if !path.is_dir() {
            continue;
        }
        let mut folder = Folder { seen: HashSet::new(), files: Vec::new() };
        for part in ["config", "recipes", "views", "workflows"] {
            folder.read(&path.join(part), part);
        }
        folder.files.sort_by(|a, b| a.0.cmp(&b.0));
        versions.push(Version { system: name.into(), files: folder.files });
    }
    versions.sort_by(|a, b| a.system.cmp(&b.system));
    Ok(versions)
}

/// A system's files as they are gathered.
struct Folder {
    /// Folders by their true path: a link may lead back.
    seen: HashSet<PathBuf>,
    files: Vec<(String, Arc<[u8]>)>,
}

impl Folder {
    fn read(&mut self, folder: &Path, below: &str) {
        let Ok(truly) = folder.canonicalize() else { return };
        if !truly.is_dir() || !self.seen.insert(truly) {
            return;
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return left_out(folder, &error.to_string()),
        };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let below = format!("{below}/{name}");
            if path.is_dir() {
                self.read(&path, &below);
            } else if belongs(name) {
                match content(&path) {
                    Ok(bytes) => self.files.push((below, bytes.into())),
                    Err(why) => left_out(&path, &why),
                }
            }
        }
    }
}

/// A regular file's bytes; a pipe or a device would never end.
fn content(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(format!("it is over {} MiB", FILE_BYTES_MAX >> 20));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

fn left_out(path: &Path, why: &str) {
    tracing::warn!("`{}` is left out: {why}", path.display());
}

/// Every other file is ignored (workflow.md, Where files live).
fn belongs(name: &str) -> bool {
    [".workflow.json", ".bake.json", ".html", ".txt", ".recipe"].iter().any(|ending| name.ends_with(ending))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// Publishes the folder each time it has changed and then been quiet.
pub(crate) async fn watch(engine: Engine, mut stop: watch::Receiver<Stop>) {
    let Some(project) = engine.shared.settings.project.clone() else { return };
    let (tell, mut changed) = mpsc::unbounded_channel();
    let Some(_watcher) = watcher(&project, tell.clone()) else { return };
    // What changed between the first reading of the folder and now has told nobody.
    let _ = tell.send(());
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            event = changed.recv() => if event.is_none() { return },
        }
        while tokio::time::timeout(QUIET, changed.recv()).await.is_ok_and(|event| event.is_some()) {}
        match engine.publish().await {
            Ok(changed) => changed.iter().for_each(|published| report(&published.system)),
            // The disk's trouble will pass, and nobody may touch the folder again.
            Err(crate::Error::Store(error)) if error.is_outage() => {
                tokio::time::sleep(AGAIN).await;
                let _ = tell.send(());
            }
            Err(error) => tracing::error!("the folder was not published: {error}"),
        }
    }
}

fn watcher(project: &Path, tell: mpsc::UnboundedSender<()>) -> Option<notify::RecommendedWatcher> {
    let systems: PathBuf = project.join("systems");
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = tell.send(());
        }
    });
    let watching = made.and_then(|mut watcher| {
        watcher.watch(&systems, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    watching
        .inspect_err(|error| {
            tracing::warn!("changes in `{}` are not seen: {error}", systems.display());
        })
        .ok()
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
