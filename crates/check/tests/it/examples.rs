//! The examples that people begin from hold no mistake.

use std::path::{Path, PathBuf};

use check::Settings;
use workflow::{File, Severity};

use crate::found;

fn files(folder: &Path, below: &str, into: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let below = format!("{below}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files(&path, &below, into);
        } else {
            into.push(File { path: below, bytes: std::fs::read(&path).unwrap().into() });
        }
    }
}

#[test]
fn no_example_has_a_warning() {
    let all = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let mut systems = 0;
    for example in std::fs::read_dir(all).unwrap() {
        for system in std::fs::read_dir(example.unwrap().path().join("systems")).unwrap() {
            systems += 1;
            let mut here = Vec::new();
            files(&system.unwrap().path().join("workflows"), "workflows", &mut here);
            for finding in found(&here, &Settings::default()) {
                assert!(finding.severity == Severity::Info, "{finding}");
            }
        }
    }
    assert!(systems >= 4, "{systems}");
}
