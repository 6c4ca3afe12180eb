//! How the tree must look (ARCHITECTURE.md): who may know whom, and which words stand for what.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// What each crate may name under `[dependencies]` of ours, and what it must not name at all.
const DIRECTION: &[(&str, &[&str], &[&str])] = &[
    ("recipe", &[], &["tokio", "rusqlite", "reqwest", "getrandom", "rand"]),
    ("workflow", &["recipe"], &["tokio", "rusqlite", "reqwest", "getrandom", "rand"]),
    ("interpreter", &["recipe", "workflow"], &["tokio", "rusqlite", "reqwest", "getrandom", "rand"]),
    ("check", &["recipe", "workflow", "interpreter"], &["tokio", "rusqlite", "reqwest", "getrandom", "rand"]),
    ("store", &["recipe"], &["axum", "reqwest"]),
    ("engine", &["recipe", "workflow", "interpreter", "store"], &["axum", "rusqlite"]),
    ("server", &["recipe", "workflow", "interpreter", "engine", "store"], &["rusqlite", "reqwest"]),
];

const OURS: &[&str] = &[
    "recipe",
    "workflow",
    "interpreter",
    "check",
    "store",
    "engine",
    "server",
    "hefe",
    "testkit",
    "bench",
    "e2e",
];

#[test]
fn a_crate_knows_only_what_its_row_says() {
    let mut wrong = Vec::new();
    for (name, may, never) in DIRECTION {
        let text = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        let section = text.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let named = section
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| !name.is_empty());
        for dependency in named {
            if never.contains(&dependency) || (OURS.contains(&dependency) && !may.contains(&dependency)) {
                wrong.push(format!("{name} knows {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_file_is_one_thing() {
    let mut found = Vec::new();
    sources(&crates(), &mut found);
    let long: Vec<String> = found
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn each_module_says_what_it_is() {
    let mut found = Vec::new();
    sources(&crates(), &mut found);
    let silent: Vec<String> = found
        .iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no head comment in:\n{}", silent.join("\n"));
}

#[test]
fn each_thing_has_one_word() {
    let banned =
        ["struct Job", "enum Job", "struct Task", "struct Execution", "enum RunState", "struct RunState"];
    let mut found = Vec::new();
    sources(&crates(), &mut found);
    let mut wrong = Vec::new();
    for path in found.iter().filter(|path| !path.ends_with("style.rs")) {
        let text = fs::read_to_string(path).unwrap();
        wrong.extend(
            banned
                .iter()
                .filter(|word| text.contains(**word))
                .map(|word| format!("{}: {word}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
