//! Projects as they lie in folders, for commands that look at files and start nothing.

use std::path::{Path, PathBuf};

use crate::say::Trouble;

/// A project, and what of it is meant.
pub(crate) struct Project {
    /// Its folder, as it was named or found.
    pub(crate) folder: PathBuf,
    /// Only what lies there, by paths within the folder; nothing: all of it.
    only: Vec<PathBuf>,
}

/// A system's files.
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) files: Vec<workflow::File>,
}

impl Project {
    /// The projects that the paths name, or that they lie in; the folder that the process is in, if there are none.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Vec<Project>, Trouble> {
        let here = [PathBuf::from(".")];
        let mut all: Vec<Project> = Vec::new();
        for path in if paths.is_empty() { &here } else { paths } {
            let (folder, part) = found(path)?;
            let known = all.iter_mut().find(|project| project.folder == folder);
            match (known, part) {
                (Some(project), Some(part)) if !project.only.is_empty() => project.only.push(part),
                (Some(_), Some(_)) => {}
                (Some(project), None) => project.only.clear(),
                (None, part) => all.push(Project { folder, only: part.into_iter().collect() }),
            }
        }
        Ok(all)
    }

    /// Its systems with their files.
    pub(crate) fn systems(&self) -> Result<Vec<System>, Trouble> {
        let read = engine::read_folder(&self.folder).map_err(|error| {
            Trouble::new(format!("the folder cannot be read: {error}"), "look who may read it")
        })?;
        let system = |version: store::Version| System {
            name: version.system.to_string(),
            files: version.files.into_iter().map(|(path, bytes)| workflow::File { path, bytes }).collect(),
        };
        Ok(read.into_iter().map(system).collect())
    }

    /// Where a file of a system is, as people may open it.
    pub(crate) fn path(&self, system: &str, path: &str) -> PathBuf {
        let within = Path::new("systems").join(system).join(path);
        if self.folder == Path::new(".") { within } else { self.folder.join(within) }
    }

    /// Whether a file of a system is meant.
    pub(crate) fn means(&self, system: &str, path: &str) -> bool {
        let within = Path::new("systems").join(system).join(path);
        self.only.is_empty() || self.only.iter().any(|only| within.starts_with(only))
    }
}

/// The project that a path names, or that it lies in, and where in it.
fn found(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Trouble> {
    if path.join("systems").is_dir() {
        return Ok((path.to_owned(), None));
    }
    let whole = path.canonicalize().map_err(|error| {
        Trouble::new(
            format!("`{}` cannot be read: {error}", path.display()),
            "name a project, or a folder or file in one",
        )
    })?;
    let mut above = whole.ancestors().skip(1);
    let folder =
        above.find(|folder| whole.strip_prefix(folder).is_ok_and(|part| part.starts_with("systems")));
    let Some(folder) = folder else {
        return Err(Trouble::new(
            format!("`{}` is no project, and lies in none: there is no folder `systems`", path.display()),
            "name the project's folder, or make `systems/NAME/workflows` in it",
        ));
    };
    let part = whole.strip_prefix(folder).map(Path::to_owned).ok();
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    let shown = here.and_then(|here| folder.strip_prefix(here).map(Path::to_owned).ok());
    let shown = shown.map(|shown| if shown.as_os_str().is_empty() { PathBuf::from(".") } else { shown });
    Ok((shown.unwrap_or_else(|| folder.to_owned()), part))
}
