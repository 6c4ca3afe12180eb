//! Disks that are full, nearly full or read-only, and files that are damaged: one clear message each, nothing that was
//! answered is lost, and what can go on by itself does. The disks are small tmpfs in a mount namespace of the server's own.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{
    client::{Answer, Client},
    process::{Hefe, command_under, run},
    project::Project,
    provider::{self, Gate, Provider},
};

/// What the namespace is made with; the project's `.hefe` is the disk, then the binary runs in the same process.
const DISK: &str = r#"mount -t tmpfs -o "$1" tmpfs "$2" && eval "$3" && shift 3 && exec "$@""#;

/// Whether this machine lets us; the gate's does.
async fn may_mount() -> bool {
    let script = "mount -t tmpfs -o size=64k tmpfs /mnt";
    let tried = tokio::process::Command::new("unshare").args(["-Urm", "sh", "-c", script]).output().await;
    let may = tried.is_ok_and(|tried| tried.status.success());
    if !may {
        eprintln!("skipped: no mount namespace can be made here");
    }
    may
}

/// The binary with the project's `.hefe` on a disk of its own; `first` is done on it before.
fn on_disk(project: &Project, options: &str, first: &str) -> tokio::process::Command {
    let folder = project.path().join(".hefe");
    fs::create_dir_all(&folder).unwrap();
    let arguments = ["-Urm", "sh", "-c", DISK, "sh", options].map(OsStr::new);
    let arguments = [&arguments[..], &[folder.as_os_str(), OsStr::new(first)]].concat();
    let mut command = command_under("unshare", &arguments);
    command.arg("serve").arg(project.path()).args(["--listen", "127.0.0.1:0"]);
    command
}

/// The disk of a server, seen from outside.
struct Disk(PathBuf);

impl Disk {
    fn of(hefe: &Hefe, project: &Project) -> Disk {
        let inside = project.path().join(".hefe/fill");
        Disk(
            Path::new("/proc")
                .join(hefe.id().to_string())
                .join("root")
                .join(inside.strip_prefix("/").unwrap()),
        )
    }

    /// Until nothing fits any more, but for so many bytes.
    fn fill(&self, but: u64) {
        let mut file = fs::File::create(&self.0).unwrap();
        let block = [7; 4096];
        while file.write_all(&block).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(but)).unwrap();
    }

    fn free(&self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// Calls a provider, then waits for a signal, then has a child do the rest.
pub(crate) fn project(provider: &Provider) -> Project {
    let project = Project::new();
    let elements = json!([
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/call/$n"), "timeout": "60s" },
          "to": { "default": { "go": ["default"] } } },
        { "name": "go", "type": "flow/await", "options": { "signal": "go" }, "to": { "default": { "child": ["default"] } } },
        { "name": "child", "type": "action/run", "options": { "workflow": "Child", "async": true },
          "to": { "default": { "all": ["default"] } } },
        { "name": "all", "type": "flow/await", "to": { "default": { "done": ["default"] } } },
        { "name": "done", "type": "action/response", "options": { "body": "done" } }
    ]);
    let parent = json!({ "identifier": "Parent", "async": true, "entry": "call", "elements": elements });
    let tell = json!({ "name": "tell", "type": "action/notify",
        "options": { "notification": { "title": "t", "message": "m" } } });
    let child = json!({ "identifier": "Child", "async": true, "entry": "tell", "elements": [tell] });
    project.workflow("main", "parent", parent.to_string());
    project.workflow("main", "child", child.to_string());
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
    project
}

pub(crate) async fn begin(client: &Client, n: i32) -> Answer {
    client.post("/main/workflows/Parent/run", &json!({ "n": n })).await
}

pub(crate) fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["run"].as_str().unwrap().to_owned()
}

/// Returns once that run has that status.
pub(crate) async fn until(client: &Client, run: &str, status: &str) {
    let mut events = client.events("/main/events").await;
    let at = format!("/main/runs/{run}");
    loop {
        let shown = client.get(&at).await.json();
        if shown["status"] == status {
            return;
        }
        assert_ne!(shown["status"], "failed", "{shown}");
        events.until(|event| event.event == "run" && event.json()["id"] == run).await;
    }
}

/// Asks again until it is taken: what is over goes on by itself, within a moment.
pub(crate) async fn until_taken(client: &Client, n: i32) -> String {
    let taken = async {
        loop {
            let answer = begin(client, n).await;
            if answer.status == 202 {
                return id(&answer);
            }
            tokio::task::yield_now().await;
        }
    };
    testkit::within(taken, || "no start is taken".to_owned()).await
}

pub(crate) fn errors(hefe: &Hefe) -> Vec<String> {
    hefe.messages().into_iter().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect()
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_all_goes_on_when_there_is_space() {
    if !may_mount().await {
        return;
    }
    let provider = Provider::start().await;
    let gate = Gate::new();
    for n in 1..=4 {
        provider.answer(&format!("/call/{n}"), provider::Answer::json(&json!({})));
    }
    provider.answer(
        "/call/4",
        provider::Answer { held: Some(gate.clone()), ..provider::Answer::json(&json!({})) },
    );
    let project = project(&provider);
    let hefe = Hefe::start(on_disk(&project, "size=8m", "true")).await;
    let (client, disk) = (hefe.client(), Disk::of(&hefe, &project));
    let mut runs = Vec::new();
    for n in 1..=3 {
        let run = id(&begin(&client, n).await);
        until(&client, &run, "waiting").await;
        runs.push(run);
    }
    let called = id(&begin(&client, 4).await);
    provider.arrived_at("/call/4", 1).await;
    disk.fill(0);
    for n in 0..50 {
        let answer = begin(&client, n).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("30")), "{}", answer.text());
        assert_eq!(answer.json()["code"], "disk_full", "{}", answer.text());
    }
    // It is answered now, and the answer cannot be kept: it is asked again once there is space, and not before.
    gate.open();
    hefe.message("the disk is full").await;
    let again = tokio::time::timeout(Duration::from_millis(1_500), provider.arrived_at("/call/4", 2)).await;
    assert!(again.is_err(), "a call was repeated whose answer cannot be kept");
    let signal =
        async |run: &str| client.post(&format!("/main/runs/{run}/signal/go"), &json!(null)).await.status;
    assert_eq!(signal(&runs[0]).await, 503);
    assert_eq!(client.get(&format!("/main/runs/{}", runs[0])).await.json()["status"], "waiting");
    let ready = client.get("/readyz").await;
    assert_eq!((ready.status, ready.text().as_str()), (503, "the disk is full\n"));
    assert_eq!(client.get("/healthz").await.status, 200);
    assert!(client.get("/main/runs").await.status == 200 && client.get("/ui/main/runs").await.status == 200);
    assert_eq!(errors(&hefe).len(), 1, "{:?}", hefe.messages());
    let full = hefe.message("hefe.db").await;
    assert!(full.contains("nothing that was answered is lost") && full.contains("free some space"), "{full}");
    disk.free();
    hefe.message("is written again").await;
    assert_eq!(client.get("/readyz").await.status, 200);
    until(&client, &called, "waiting").await;
    runs.push(called);
    runs.push(until_taken(&client, 1).await);
    until(&client, &runs[4], "waiting").await;
    for run in &runs {
        assert_eq!(signal(run).await, 202);
        until(&client, run, "succeeded").await;
    }
    let account = client.get("/account").await.json();
    assert_eq!((&account["accepted"], &account["balanced"]), (&json!(10), &json!(true)), "{account}");
    assert_eq!(provider.seen_at("/call/4").len(), 2);
    assert_eq!(errors(&hefe).len(), 1, "{:?}", hefe.messages());
}

#[tokio::test]
async fn a_full_disk_lets_people_read_and_sign_out() {
    if !may_mount().await {
        return;
    }
    let provider = Provider::start().await;
    let project = project(&provider);
    let mut keys = Vec::new();
    let mut settings = String::new();
    for name in ["ada", "bob"] {
        let printed = String::from_utf8(run(["user", "key"]).await.stdout).unwrap();
        let (key, line) = printed.trim().split_once('\n').unwrap();
        keys.push(key.to_owned());
        settings += &format!("[[users]]\nname = \"{name}\"\nroles = [\"admin\"]\n{line}\n");
    }
    project.settings(settings);
    let hefe = Hefe::start(on_disk(&project, "size=8m", "true")).await;
    let (client, disk) = (hefe.client(), Disk::of(&hefe, &project));
    let started = client.with("x-api-key", &keys[1]).post("/main/workflows/Child/run", &json!({})).await;
    let read = format!("/main/runs/{}", started.json()["run"].as_str().unwrap());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sign_in =
        async || client.request("POST", "/ui/signin", &form, format!("key={}", keys[0]).into()).await;
    let signed = sign_in().await;
    let cookie = signed.header("set-cookie").unwrap().split(';').next().unwrap();
    let browser = client.with("cookie", cookie);
    assert_eq!(browser.get(&read).await.status, 200);
    disk.fill(0);
    testkit::until("the disk is found full", async || sign_in().await.status == 503).await;
    assert_eq!(browser.get(&read).await.status, 200);
    assert!(hefe.message("a line of the trail").await.contains("read"));
    let out = browser.request("POST", "/ui/signout", &[], Default::default()).await;
    assert_eq!((out.status, out.header("location")), (303, Some("/ui/signin")), "{}", out.text());
    assert!(out.header("set-cookie").unwrap().starts_with("hefe_session=; "));
    assert_eq!(browser.get(&read).await.status, 401);
    disk.free();
    testkit::until("the disk takes something", async || sign_in().await.status == 303).await;
    assert_eq!(browser.get(&read).await.status, 401);
}

#[tokio::test]
async fn a_disk_at_95_percent_starts_nothing_and_finishes_what_runs() {
    if !may_mount().await {
        return;
    }
    let provider = Provider::start().await;
    provider.answer("/call/1", provider::Answer::json(&json!({})));
    let project = project(&provider);
    let mut command = on_disk(&project, "size=64m", "true");
    command.env_remove("HEFE_DISK_PERCENT");
    let hefe = Hefe::start(command).await;
    let (client, disk) = (hefe.client(), Disk::of(&hefe, &project));
    let run = id(&begin(&client, 1).await);
    until(&client, &run, "waiting").await;
    // A little under 5 %.
    disk.fill(3 << 20);
    let refused = async {
        loop {
            let answer = begin(&client, 1).await;
            if answer.status != 202 {
                return answer;
            }
            // The disk is looked at once a second, and each start takes of what is left.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let refused = testkit::within(refused, || "every start is taken".to_owned()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("30")), "{}", refused.text());
    assert!(refused.text().contains("95 %"), "{}", refused.text());
    assert_eq!(client.post(&format!("/main/runs/{run}/signal/go"), &json!(null)).await.status, 202);
    until(&client, &run, "succeeded").await;
    assert_eq!(begin(&client, 1).await.status, 503);
    assert_eq!(errors(&hefe).len(), 1, "{:?}", hefe.messages());
    disk.free();
    until_taken(&client, 1).await;
    hefe.message("new starts are taken again").await;
}

/// What `serve` says that cannot start: its exit code is 2, and there is one error with what to do.
fn says(output: &Output) -> String {
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{says}");
    assert!(!says.contains("panicked") && says.lines().count() == 2, "{says}");
    assert!(
        says.starts_with("error: ") && says.contains("\nhelp: ") && says.contains(".hefe/hefe."),
        "{says}"
    );
    says
}

#[tokio::test]
async fn a_start_on_a_disk_that_takes_nothing_says_so() {
    if !may_mount().await {
        return;
    }
    let project = Project::new();
    let fill = r#"! dd if=/dev/zero of="$2/fill" bs=4k 2>/dev/null"#;
    for (options, first, part) in [
        ("size=256k", fill, "the disk is full"),
        ("size=64k", "true", "the disk is full"),
        ("ro", "true", "read-only"),
    ] {
        let mut command = on_disk(&project, options, first);
        let ended = command.kill_on_drop(true).output();
        let output = testkit::within(ended, || format!("`{options}` does not end")).await.unwrap();
        let said = says(&output);
        assert!(said.contains(part), "{options}: {said}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_refused_with_a_way_out() {
    let workflow = json!({ "identifier": "Go", "async": true, "elements": [{ "name": "go", "type": "flow/stop" }], "entry": "go" });
    type Damage = fn(&mut Vec<u8>);
    let damages: [(Damage, &str); 7] = [
        (|file| file[..8].copy_from_slice(b"GARBAGE!"), ".recover"),
        (|file| file[4_096..40_000].fill(0xa5), ".recover"),
        (|file| file.truncate(20_000), ".recover"),
        (|file| file.clear(), "put back a copy"),
        (|file| *file = b"my notes".to_vec(), "put back a copy"),
        (|file| file[68..72].copy_from_slice(b"Else"), "another program"),
        (|file| file[60..64].copy_from_slice(&99_u32.to_be_bytes()), "use the newer hefe"),
    ];
    for (damage, part) in damages {
        let project = Project::new();
        project.workflow("main", "go", workflow.to_string());
        let path = project.path().to_str().unwrap();
        assert!(run(["run", "Go", "--project", path]).await.status.success());
        let file = project.path().join(".hefe/hefe.db");
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        for arguments in
            [&["serve", path, "--listen", "127.0.0.1:0"][..], &["runs", "account", "--project", path]]
        {
            let said = says(&run(arguments).await);
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(fs::read(&file).unwrap(), bytes, "what was refused was not touched");
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_missed() {
    let workflow = json!({ "identifier": "Go", "async": true, "elements": [{ "name": "go", "type": "flow/stop" }], "entry": "go" });
    let project = Project::new();
    project.workflow("main", "go", workflow.to_string());
    let path = project.path().to_str().unwrap();
    assert!(run(["run", "Go", "--project", path]).await.status.success());
    let (file, aside) = (project.path().join(".hefe/hefe.db"), project.path().join("aside"));
    fs::rename(&file, &aside).unwrap();
    let account = ["runs", "account", "--json", "--project", path];
    for arguments in
        [&["serve", path, "--listen", "127.0.0.1:0"][..], &account, &["run", "Go", "--project", path]]
    {
        let said = says(&run(arguments).await);
        assert!(said.contains("the database is gone") && said.contains("to begin anew"), "{said}");
        assert!(!file.exists(), "nothing is made in its place");
    }
    let accepted = async || {
        let account = run(account).await;
        serde_json::from_slice::<Value>(&account.stdout).unwrap()["accepted"].clone()
    };
    fs::rename(&aside, &file).unwrap();
    assert_eq!(accepted().await, 1);
    // As it is told to begin anew.
    fs::remove_dir_all(project.path().join(".hefe")).unwrap();
    assert_eq!(accepted().await, 0);
}

#[tokio::test]
async fn a_log_that_is_gone_after_a_crash_is_missed() {
    let provider = Provider::start().await;
    let project = project(&provider);
    let path = project.path().to_str().unwrap();
    let hefe = Hefe::serve(project.path(), &[]).await;
    let answered = id(&begin(&hefe.client(), 1).await);
    hefe.kill().await;
    let (log, aside) = (project.path().join(".hefe/hefe.db-wal"), project.path().join("aside"));
    fs::rename(&log, &aside).unwrap();
    let show = ["runs", "show", &answered, "--project", path];
    for arguments in [&["serve", path, "--listen", "127.0.0.1:0"][..], &show] {
        let said = says(&run(arguments).await);
        assert!(said.contains("hefe.db-wal` is gone") && said.contains("put it back"), "{said}");
        assert!(!log.exists(), "nothing is made in its place");
    }
    fs::rename(&aside, &log).unwrap();
    assert!(run(show).await.status.success());
    // Closed in order there is no log, and none is missed.
    assert!(!log.exists());
    assert!(run(show).await.status.success());
}

#[tokio::test]
async fn what_stands_in_the_place_of_the_socket_is_to_be_removed() {
    let project = Project::new();
    fs::create_dir_all(project.path().join(".hefe/hefe.sock/mine")).unwrap();
    let said = says(&run(["serve", project.path().to_str().unwrap(), "--listen", "127.0.0.1:0"]).await);
    assert!(said.contains("hefe.sock` cannot be made") && said.contains("remove what stands"), "{said}");
}

#[tokio::test]
async fn a_second_owner_is_told_which_process_to_stop() {
    let project = Project::new();
    let path = project.path().to_str().unwrap().to_owned();
    let hefe = Hefe::serve(project.path(), &[]).await;
    let said = says(&run(["serve", &path, "--listen", "127.0.0.1:0"]).await);
    assert!(said.contains(&format!("stop process {}", hefe.id())), "{said}");
    // Its socket is left behind, and nobody answers there.
    hefe.kill().await;
    assert!(project.path().join(".hefe/hefe.sock").exists());
    let account = run(["runs", "account", "--json", "--project", &path]).await;
    let value: Value = serde_json::from_slice(&account.stdout).unwrap();
    assert_eq!(value["balanced"], true);
    Hefe::serve(project.path(), &[]).await;
}

#[tokio::test]
async fn who_has_the_database_for_a_moment_is_waited_for() {
    let project = Project::new();
    let path = project.path().to_str().unwrap().to_owned();
    let database = project.path().join(".hefe/hefe.db");
    let held = store::sqlite::Sqlite::open(&database, store::sqlite::Settings::default()).unwrap();
    let account = run(["runs", "account", "--json", "--project", &path]);
    let gives_back = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        store::Store::close(&held).await.unwrap();
    };
    let (account, ()) = tokio::join!(account, gives_back);
    assert!(account.status.success(), "{}", says(&account));
}

#[tokio::test]
async fn a_server_that_stands_still_is_not_waited_for() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    let held = provider::Answer { held: Some(gate.clone()), ..provider::Answer::json(&json!({})) };
    provider.answer("/call/1", held);
    let project = project(&provider);
    let path = project.path().to_str().unwrap().to_owned();
    let hefe = Hefe::serve(project.path(), &[]).await;
    let follow = ["run", "Parent", "--input", "{\"n\": 1}", "--project", &path];
    let mut following = testkit::process::command();
    let following = following.args(follow).kill_on_drop(true).output();
    let stops = async {
        provider.arrived_at("/call/1", 1).await;
        // Longer than a server may be silent: it is asked, lives, and is followed on.
        tokio::time::sleep(Duration::from_millis(5_500)).await;
        hefe.pause();
        run(["runs", "list", "--project", &path]).await
    };
    let both = async { tokio::join!(following, stops) };
    let (followed, listed) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("no end");
    for output in [followed.unwrap(), listed] {
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{says}");
        assert!(says.contains("has said nothing for 10 s"), "{says}");
        assert!(says.contains(&format!("kill -CONT {}", hefe.id())), "{says}");
    }
    hefe.proceed();
    assert!(run(["runs", "list", "--project", &path]).await.status.success());
    gate.open();
}

#[tokio::test]
async fn a_run_whose_journal_is_damaged_fails_and_keeps_no_other_from_its_place() {
    let provider = Provider::start().await;
    provider.answer("/call/1", provider::Answer::json(&json!({ "marker": "kept-in-the-journal" })));
    provider.answer("/call/2", provider::Answer::json(&json!({})));
    let project = project(&provider);
    let mut hefe = Hefe::serve(project.path(), &["--runs", "1"]).await;
    let client = hefe.client();
    let (damaged, whole) = (id(&begin(&client, 1).await), id(&begin(&client, 2).await));
    until(&client, &damaged, "waiting").await;
    until(&client, &whole, "waiting").await;
    hefe.terminate();
    assert!(hefe.wait().await.success());
    let file = project.path().join(".hefe/hefe.db");
    let mut bytes = fs::read(&file).unwrap();
    let marker = b"kept-in-the-journal";
    let at = bytes.windows(marker.len()).position(|window| window == marker).unwrap();
    // The number at the front of the entries: nothing can be read behind it.
    bytes[at - 120..at].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let hefe = Hefe::serve(project.path(), &["--runs", "1"]).await;
    let client = hefe.client();
    for run in [&damaged, &whole] {
        let signal = format!("/main/runs/{run}/signal/go");
        assert_eq!(client.post(&signal, &json!(null)).await.status, 202);
    }
    until(&client, &whole, "succeeded").await;
    let shown = client.get(&format!("/main/runs/{damaged}")).await.json();
    assert_eq!(
        (&shown["status"], &shown["error"]["code"]),
        (&json!("failed"), &json!("replay_mismatch")),
        "{shown}"
    );
}
