//! A server under strace and a load on its door: what it asked of the kernel, in one order.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
    time::Duration,
};

use testkit::{
    process::{self, Hefe},
    project::Project,
    provider::Provider,
};

use crate::{
    dice::Dice,
    proof::Sabotage,
    torture::{self, Scene, load, people},
};

/// What the server does with files, and what it sends: anything else that could write is there to be noticed.
const CALLS: &str = "trace=openat,creat,pwrite64,pwritev,pwritev2,write,writev,fallocate,fsync,fdatasync,sync_file_range,\
                     ftruncate,truncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,sendto,sendmsg,sendmmsg";

/// Bytes in each input, so that the log grows.
const BULK: usize = 24_000;

/// What was recorded, and with what.
pub(crate) struct Recording {
    pub(crate) project: Project,
    pub(crate) scene: Arc<Scene>,
    /// What the server should not have said.
    pub(crate) complaints: Vec<String>,
}

/// Launches after which everybody waits until no run is worked: then the log is in the database, and begins anew.
const BURST: usize = 60;

/// A server lives twice. After a burst its first life ends in order, the second is cut off in the middle of a load. The traces of both
/// are in that folder.
pub(crate) async fn record(folder: &Path, launches: usize, seed: u64, sabotage: &Sabotage) -> Recording {
    let provider = Provider::start().await;
    let scene = Arc::new(Scene { bulk: BULK, ..Scene::new(provider) });
    let project = Project::new();
    load::write(&project, &scene.provider);
    let mut dice = Dice::new(seed);
    let mut complaints = Vec::new();
    for (life, until) in [("1", BURST.min(launches / 2)), ("2", launches)] {
        let trace = folder.join(format!("{life}.trace"));
        let mut server = Hefe::start(traced(&trace, project.path(), sabotage)).await;
        let id = server.id();
        let mut people = people::work(&scene, &server.client(), &mut dice);
        while scene.ledger.len() < until {
            reached(&scene, until.min(scene.ledger.len() + BURST)).await;
            if scene.ledger.len() < until {
                people.leave().await;
                quiet(&scene, &server).await;
                people = people::work(&scene, &server.client(), &mut dice);
            }
        }
        torture::complaints(&server, &mut complaints);
        if life == "1" {
            people.leave().await;
            server.terminate();
            server.wait().await;
        } else {
            server.kill().await;
            people.leave().await;
        }
        whole(&trace, id).await;
    }
    Recording { project, scene, complaints }
}

/// No run is worked, nor about to be.
async fn quiet(scene: &Scene, server: &Hefe) {
    let client = server.client();
    let mut beat = scene.firings.beat();
    loop {
        let account = client.get("/account").await.json();
        if account["running"] == 0 && account["queued"] == 0 {
            return;
        }
        // What is delayed makes no call.
        let _ = tokio::time::timeout(Duration::from_millis(20), beat.changed()).await;
    }
}

fn traced(file: &Path, project: &Path, sabotage: &Sabotage) -> tokio::process::Command {
    let arguments = ["-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "16777216", "-e", CALLS, "-o"];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).chain([file.as_os_str()]).collect();
    let mut command = process::command_under("strace", &arguments);
    command.arg("serve").arg(project).args(["--listen", "127.0.0.1:0"]).env("HEFE_LOG", "warn");
    sabotage.ask(&mut command);
    command
}

/// So many launches were made. Each makes calls, so that a look at each call is enough.
async fn reached(scene: &Scene, launches: usize) {
    let mut beat = scene.firings.beat();
    while scene.ledger.len() < launches {
        let says = || format!("nothing goes on after {} launches", scene.ledger.len());
        testkit::within(beat.changed(), says).await.expect("the provider lives");
    }
}

/// strace ends a moment after what it traced.
async fn whole(trace: &Path, id: u32) {
    let ended = format!("\n{id} ");
    let read = async {
        loop {
            let tail = tail(trace);
            if tail.rfind(&ended).is_some_and(|at| tail[at + ended.len()..].trim_start().starts_with("+++")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    testkit::within(read, || "strace does not end".to_owned()).await;
}

fn tail(trace: &Path) -> String {
    let mut file = File::open(trace).expect("the trace");
    let len = file.metadata().expect("the trace").len();
    file.seek(SeekFrom::Start(len.saturating_sub(4_096))).expect("the trace");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("the trace");
    String::from_utf8_lossy(&bytes).into_owned()
}
