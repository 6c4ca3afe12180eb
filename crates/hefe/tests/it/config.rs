//! hefe config: each setting with where it came from.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_file() {
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(project.path().join("systems/main/workflows")).unwrap();
    let file = "listen = \"127.0.0.1:1\"\nruns = 3\ndisk_percent = 80\nqueued_max = 7\nbody_timeout_s = 5\nstreams_max = 8\norigins = [\"https://a.example\"]\n";
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
    assert_eq!(of("public_url"), is("", "default"));
    assert_eq!(shown["systems"][0]["system"], "main");
    assert_eq!(shown["systems"][0]["key"].as_str().unwrap().len(), 20);
}
