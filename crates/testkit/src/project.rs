//! A temporary project folder, as a user would lay it out.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A project folder that is removed when it is dropped.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// Empty but for its one system, `main`.
    pub fn new() -> Project {
        let folder = tempfile::Builder::new().prefix("hefe-project-").tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("systems/main/workflows")).expect("the system's folder");
        Project { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `systems/SYSTEM/workflows/NAME.workflow.json`; `name` may hold folders.
    pub fn workflow(&self, system: &str, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.write(&format!("systems/{system}/workflows/{name}.workflow.json"), text)
    }

    /// Writes `hefe.toml`.
    pub fn settings(&self, text: impl AsRef<[u8]>) -> PathBuf {
        self.write("hefe.toml", text)
    }

    /// Writes a file below the project, at once: a watcher sees the old or the new text, never half of it.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(relative);
        let folder = path.parent().expect("a file below the project");
        std::fs::create_dir_all(folder).expect("the file's folder");
        let mut file = tempfile::NamedTempFile::new_in(folder).expect("a file beside it");
        std::io::Write::write_all(&mut file, text.as_ref()).expect("the file's text");
        file.persist(&path).expect("the file in its place");
        path
    }

    /// Removes a file below the project.
    pub fn remove(&self, relative: &str) {
        std::fs::remove_file(self.path().join(relative)).expect("a file to remove");
    }
}

impl Default for Project {
    fn default() -> Project {
        Project::new()
    }
}
