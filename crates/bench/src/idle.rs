//! idle: the real process with nothing to do and nobody to serve: memory, the time from its start until it listens, and
//! the processor time it uses in ten seconds.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Failure,
    figures::{Figures, median},
    memory, scale,
    served::Server,
    works,
};

const WINDOWS: usize = 5;

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let folder = tempfile::tempdir_in(".")?;
    let workflows = folder.path().join("systems/bench/workflows");
    std::fs::create_dir_all(&workflows)?;
    for crate::inside::Workflow(name, text) in works::all() {
        std::fs::write(workflows.join(format!("{name}.workflow.json")), text)?;
    }
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..=WINDOWS {
        let begin = Instant::now();
        let server = start(folder.path())?;
        ready.push(begin.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(if quick { 200 } else { 2_000 }));
        resident.push(memory::mib(&server.process().to_string(), "VmRSS")?);
        server.stop()?;
    }
    let server = start(folder.path())?;
    std::thread::sleep(Duration::from_secs(1));
    let before = memory::used(server.process())?;
    std::thread::sleep(Duration::from_secs(10));
    // A thread that ends takes its time out of the sum.
    let used = memory::used(server.process())?.saturating_sub(before);
    server.stop()?;
    let mut figures = Figures::of("idle");
    figures.scale("fdatasync_per_s", scale::fdatasync_per_s(folder.path(), Duration::from_millis(500))?);
    figures.add("rss_mib", median(resident.split_off(1)), "MiB");
    figures.add("ready_ms", median(ready.split_off(1)), "ms");
    figures.add("cpu_ms_in_10_s", used.as_secs_f64() * 1e3, "ms");
    Ok(figures)
}

/// `hefe serve` where it stands beside this program, else the same code in this one.
pub(crate) fn start(project: &Path) -> Result<Server, Failure> {
    let own = std::env::current_exe()?;
    let hefe = own.with_file_name("hefe");
    if hefe.is_file() {
        return Server::start_command(&[
            hefe.as_os_str(),
            "serve".as_ref(),
            project.as_os_str(),
            "--listen".as_ref(),
            "127.0.0.1:0".as_ref(),
        ]);
    }
    eprintln!(
        "there is no `hefe` beside this program: its code is measured here, with this program's weight"
    );
    Server::start(project, &[])
}
