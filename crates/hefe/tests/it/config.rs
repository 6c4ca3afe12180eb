//! hefe config: each setting with where it came from.

use std::process::{Command, Output};

use serde_json::Value;

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_file() {
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(project.path().join("systems/main/workflows")).unwrap();
    let file = "listen = \"127.0.0.1:1\"\nruns = 3\ndisk_percent = 80\nqueued_max = 7\nbody_timeout_s = 5\nstreams_max = 8\norigins = [\"https://a.example\"]\n[hosts.\"a.example\"]\nper_second = 0.5\nconcurrent = 2\n[hosts.\"b.example:8080\"]\nallow_private = true\n";
    std::fs::write(project.path().join("hefe.toml"), file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hefe"));
    command.args(["config", "--json", "--runs", "5"]).arg(project.path());
    command.env_remove("HEFE_LISTEN").env_remove("HEFE_PUBLIC_URL");
    command.env_remove("HEFE_QUEUED_MAX").env_remove("HEFE_BODY_BYTES_MAX").env_remove("HEFE_STARTS_PER_S");
    command.env_remove("HEFE_HEAD_TIMEOUT_S").env_remove("HEFE_BODY_TIMEOUT_S");
    command.env("HEFE_STREAMS_MAX", "9").env("HEFE_RUNS", "4").env("HEFE_DISK_PERCENT", "90");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| {
        let all = shown["settings"].as_array().unwrap();
        let setting = all.iter().find(|setting| setting["name"] == name).unwrap();
        (setting["value"].as_str().unwrap().to_owned(), setting["from"].as_str().unwrap().to_owned())
    };
    let is = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(of("runs"), is("5", "--runs"));
    assert_eq!(of("disk_percent"), is("90", "HEFE_DISK_PERCENT"));
    assert_eq!(of("listen"), is("127.0.0.1:1", "hefe.toml"));
    assert_eq!(of("queued_max"), is("7", "hefe.toml"));
    assert_eq!(of("streams_max"), is("9", "HEFE_STREAMS_MAX"));
    assert_eq!(of("body_bytes_max"), is("10485760", "default"));
    assert_eq!(of("body_timeout_s"), is("5", "hefe.toml"));
    assert_eq!(of("head_timeout_s"), is("30", "default"));
    assert_eq!(of("starts_per_s"), is("50000", "default"));
    assert_eq!(of("origins"), is("https://a.example", "hefe.toml"));
    assert_eq!(
        of("hosts"),
        is("a.example per_second 0.5 concurrent 2, b.example:8080 allow_private", "hefe.toml")
    );
    assert_eq!(of("public_url"), is("", "default"));
    assert_eq!(shown["systems"][0]["system"], "main");
    assert_eq!(shown["systems"][0]["key"].as_str().unwrap().len(), 20);
}

fn project(file: &str) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(project.path().join("systems/main/workflows")).unwrap();
    std::fs::write(project.path().join("hefe.toml"), file).unwrap();
    project
}

/// The command over a project, with one variable more.
fn over(project: &tempfile::TempDir, arguments: &[&str], variable: Option<(&str, &str)>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hefe"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEFE_")) {
        command.env_remove(name);
    }
    command.args(arguments).env("HEFE_PROJECT", project.path()).envs(variable).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn numbers_with_which_nothing_would_go_on_are_refused_at_the_start() {
    let numbers = [
        ("runs", "0", "10000"),
        ("disk_percent", "0", "100"),
        ("disk_percent", "101", "100"),
        ("body_bytes_max", "0", "1073741824"),
        ("head_timeout_s", "0", "86400"),
        ("body_timeout_s", "0", "86400"),
        ("queued_max", "0", "1000000000"),
        ("starts_per_s", "0", "1000000"),
        ("streams_max", "0", "1000000"),
    ];
    for (name, value, most) in numbers {
        // The address is taken by nobody: a server that would start is one that says so.
        let refused = |output: Output, from: &str| {
            assert_eq!(output.status.code(), Some(2), "{name} = {value} {from}: {}", said(&output));
            assert!(said(&output).contains(most), "{name} = {value} {from}: {}", said(&output));
        };
        let file = project(&format!("listen = \"nowhere\"\n{name} = {value}\n"));
        refused(over(&file, &["serve"], None), "in the file");
        let variable = format!("HEFE_{}", name.to_uppercase());
        let empty = project("listen = \"nowhere\"\n");
        refused(over(&empty, &["serve"], Some((&variable, value))), "by its variable");
        if ["runs", "disk_percent"].contains(&name) {
            let flag = format!("--{}", name.replace('_', "-"));
            refused(over(&empty, &["serve", &flag, value], None), "by its flag");
        }
    }
}

#[test]
fn a_host_that_could_never_be_called_is_refused_at_the_start() {
    for (table, says) in [
        ("[hosts.\"a.example\"]\nper_second = 0", "0.0001 to 10000"),
        ("[hosts.\"a.example\"]\nper_second = nan", "0.0001 to 10000"),
        ("[hosts.\"a.example\"]\nper_second = 20000", "0.0001 to 10000"),
        ("[hosts.\"a.example\"]\nconcurrent = 0", "from 1 to 10000"),
        ("[hosts.\"a.example\"]\nconcurent = 1", "concurent"),
        ("[hosts.\"a.example\"]\n[hosts.\"A.example.\"]", "are one host"),
    ] {
        let file = project(&format!("listen = \"nowhere\"\n{table}\n"));
        let output = over(&file, &["serve"], None);
        assert_eq!(output.status.code(), Some(2), "{table}: {}", said(&output));
        assert!(said(&output).contains(says), "{table}: {}", said(&output));
    }
}

#[test]
fn a_user_is_told_what_would_not_count() {
    let plain = project("");
    let add = |more: &[&str]| over(&plain, &[&["user", "add"], more].concat(), None);
    let made = add(&["ada", "--role", "viewer", "--system", "nope", "--system", "main"]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(said(&made).contains("`nope`") && !said(&made).contains("`main`"), "{}", said(&made));
    let again = add(&["ada"]);
    assert!(again.status.success() && said(&again).contains("nothing has changed"), "{}", said(&again));
    for name in ["local", " ", "ada "] {
        let refused = add(&[name, "--print-key"]);
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{name:?}");
    }
    let away =
        |more: &[&str]| over(&plain, &[&["user", "remove", "ada", "--role", "viewer"], more].concat(), None);
    assert_eq!(away(&[]).status.code(), Some(2), "it is had in two systems, and not everywhere");
    assert!(away(&["--system", "nope"]).status.success());
    let listed = over(&plain, &["user", "list"], None);
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "ada  viewer in main  keys: none\n");
    let hash = "0".repeat(64);
    let named = project(&format!("[[users]]\nname = \"local\"\nkey = \"a:{hash}\"\n"));
    let refused = over(&named, &["user", "list"], None);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("`local`"), "{}", said(&refused));
}
