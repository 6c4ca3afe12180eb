//! A disk that becomes read-only under a running server, as a kernel makes it after an error. No file system lets itself be
//! remounted while it is written to, so every write and sync that the server asks of the kernel is answered EROFS: strace
//! does that, without a word to the server, and lets go of it again.

use std::process::Stdio;

use serde_json::json;
use testkit::{
    process::Hefe,
    provider::{Answer, Provider},
    within,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::disk::{begin, errors, id, project, until, until_taken};

const WRITES: &str = "pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate";

/// From now on until it is dropped or ends; None where this machine has no strace or may not do that.
async fn refuse_writes(of: &Hefe) -> Option<Child> {
    let mut strace = Command::new("strace");
    let process = of.id().to_string();
    let (trace, inject) = (format!("trace={WRITES}"), format!("inject={WRITES}:error=EROFS"));
    strace.args(["-f", "-p", &process, "-o", "/dev/null", "-e", &trace, "-e", &inject]);
    let child = strace.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let Ok(mut child) = child else {
        assert!(std::env::var_os("CI").is_none(), "strace is not there");
        return None;
    };
    let mut says = BufReader::new(child.stderr.take().unwrap()).lines();
    let line =
        within(says.next_line(), || "strace says nothing".to_owned()).await.unwrap().unwrap_or_default();
    // Every thread is held from here on.
    if line.contains("attached") {
        return Some(child);
    }
    eprintln!("skipped: {line}");
    None
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_loses_nothing_and_all_goes_on_when_it_can_be_written() {
    let provider = Provider::start().await;
    for n in 1..=2 {
        provider.answer(&format!("/call/{n}"), Answer::json(&json!({})));
    }
    let project = project(&provider);
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let run = id(&begin(&client, 1).await);
    until(&client, &run, "waiting").await;
    let Some(mut strace) = refuse_writes(&hefe).await else { return };
    for n in 0..20 {
        let answer = begin(&client, n).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{}", answer.text());
    }
    let signal = format!("/main/runs/{run}/signal/go");
    assert_eq!(client.post(&signal, &json!(null)).await.status, 503);
    let ready = client.get("/readyz").await;
    assert_eq!((ready.status, ready.text().as_str()), (503, "the database cannot be written\n"));
    assert_eq!(client.get("/healthz").await.status, 200);
    assert_eq!(client.get(&format!("/main/runs/{run}")).await.json()["status"], "waiting");
    assert_eq!(client.get("/ui/main/runs").await.status, 200);
    assert_eq!(errors(&hefe).len(), 1, "{:?}", hefe.messages());
    strace.kill().await.unwrap();
    hefe.message("is written again").await;
    assert_eq!(client.get("/readyz").await.status, 200);
    let second = until_taken(&client, 2).await;
    until(&client, &second, "waiting").await;
    for run in [&run, &second] {
        assert_eq!(client.post(&format!("/main/runs/{run}/signal/go"), &json!(null)).await.status, 202);
        until(&client, run, "succeeded").await;
    }
    let account = client.get("/account").await.json();
    assert_eq!((&account["accepted"], &account["balanced"]), (&json!(4), &json!(true)), "{account}");
    assert_eq!(errors(&hefe).len(), 1, "{:?}", hefe.messages());
}
