//! The project's folder: what is in it, and that it has changed.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{RecursiveMode, Watcher};
use store::Version;
use tokio::sync::{mpsc, watch};

use crate::{Engine, Publishes, Stop, systems::report, work::stopped};

/// The folder has been quiet for so long: then it is published.
const QUIET: Duration = Duration::from_millis(300);

/// After the store could not take it.
const AGAIN: Duration = Duration::from_secs(2);

/// The largest file that is read, bytes; a larger one is reported by its first bytes' absence.
const FILE_BYTES_MAX: u64 = 16 << 20;

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
        for part in PARTS {
            folder.read(&path.join(part), part);
        }
        folder.files.sort_by(|a, b| a.0.cmp(&b.0));
        versions.push(Version { system: name.into(), files: folder.files, broken: Vec::new() });
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
            } else if is_ours(name) {
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

/// Folders of a system that are read.
const PARTS: [&str; 4] = ["config", "recipes", "views", "workflows"];

/// Whether a file at that path within a system's folder is one of its files.
pub fn belongs(path: &str) -> bool {
    let hidden = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(['\\', '\0']);
    path.split_once('/').is_some_and(|(part, rest)| PARTS.contains(&part) && !rest.split('/').any(hidden))
        && is_ours(path)
}

/// Every other file is ignored (workflow.md, Where files live).
fn is_ours(name: &str) -> bool {
    [".workflow.json", ".bake.json", ".html", ".txt", ".recipe"].iter().any(|ending| name.ends_with(ending))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// Publishes the folder each time it has changed and then been quiet.
pub(crate) async fn watch(engine: Engine, mut stop: watch::Receiver<Stop>) {
    let Some(project) = engine.shared.settings.project.clone() else { return };
    if engine.shared.settings.publishes != Publishes::Changes {
        return;
    }
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
