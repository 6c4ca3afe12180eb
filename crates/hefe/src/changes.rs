//! What a deploy changes: the folder's files as they are sent, and what the server says of them, for people.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::Method;
use serde_json::{Value, json};

use crate::{
    client::Client,
    say::{self, Trouble},
};

/// How much of a version is shown.
const SHORT: usize = 12;

/// A system's files, by path: texts, or {base64}.
pub(crate) struct Folder {
    system: String,
    pub(crate) files: BTreeMap<String, Value>,
}

impl Folder {
    /// The systems of a project's folder, or the one that is named.
    pub(crate) fn read(project: &Path, only: Option<&str>) -> Result<Vec<Folder>, Trouble> {
        if !project.join("systems").is_dir() {
            return Err(Trouble::new(
                format!("`{}` is no project: it has no folder `systems`", project.display()),
                "name the project's folder, or make `systems/NAME/workflows` in it",
            ));
        }
        let read = engine::read_folder(project).map_err(|error| {
            Trouble::new(format!("the folder cannot be read: {error}"), "look who may read it")
        })?;
        let mut folders = Vec::new();
        for version in read {
            let system = version.system.to_string();
            if only.is_some_and(|only| only != system) {
                continue;
            }
            if version.files.is_empty() {
                say::note(&format!("warning: `systems/{system}` has no files, and is left out"));
                continue;
            }
            let files = version.files.into_iter().map(|(path, bytes)| (path, content(&bytes))).collect();
            folders.push(Folder { system, files });
        }
        match (folders.is_empty(), only) {
            (false, _) => Ok(folders),
            (true, Some(only)) => Err(Trouble::new(
                format!("`{}` has no system `{only}` with files in it", project.display()),
                "the systems are the folders in `systems`",
            )),
            (true, None) => Err(Trouble::new(
                format!("`{}` has no system with files in it", project.display()),
                "make `systems/NAME/workflows/NAME.workflow.json`",
            )),
        }
    }

    /// Where it is deployed.
    pub(crate) fn path(&self) -> String {
        versions_of(&self.system)
    }
}

/// The address of a system's versions.
pub(crate) fn versions_of(system: &str) -> String {
    format!("/{}/versions", interpreter::escaped(system))
}

fn content(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

/// What a deploy of these folders would change; with `last`: for runs under way and so many that ended, too.
pub(crate) async fn planned(
    client: &Client,
    folders: &[Folder],
    last: Option<u32>,
) -> Result<Vec<Change>, Trouble> {
    let mut all = Vec::new();
    for folder in folders {
        let body = json!({ "files": folder.files, "preview": true, "last": last });
        let answer = client.send(Method::POST, &folder.path(), Some(body.to_string())).await?;
        all.push(Change(answer.good()?));
    }
    Ok(all)
}

/// What is found in the files, on standard error; how many errors there are.
pub(crate) fn report(all: &[Change]) -> usize {
    for change in all {
        for finding in change.list("findings").iter().filter(|finding| finding["severity"] != "info") {
            let system = text(&change.0, "system");
            let of = if system.is_empty() { String::new() } else { format!("{system}: ") };
            say::note(&format!("{of}{}\n", text(finding, "text")));
        }
    }
    all.iter().map(Change::errors).sum()
}

/// What a server says of one system.
pub(crate) struct Change(pub(crate) Value);

impl Change {
    /// Whether nothing is different.
    pub(crate) fn is_empty(&self) -> bool {
        self.0["from"] == self.0["version"]
    }

    pub(crate) fn errors(&self) -> usize {
        self.list("findings").iter().filter(|finding| finding["severity"] == "error").count()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.0[name].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let system = text(&self.0, "system");
        let (from, to) = (self.0["from"].as_str().map(short), short(text(&self.0, "version")));
        if self.is_empty() {
            return format!("{system}  {to}  nothing changes");
        }
        let done = if self.0["deployed"] == true { "  deployed" } else { "" };
        let mut lines = vec![match from {
            Some(from) => format!("{system}  {from} -> {to}{done}"),
            None => format!("{system}  {to}{done}  a new system"),
        }];
        for kind in ["files", "workflows"] {
            lines.extend(self.list(kind).iter().map(|part| {
                let word = kind.trim_end_matches('s');
                format!("  {} {word} {}", sign(text(part, "change")), text(part, "name"))
            }));
        }
        lines.extend(self.list("schedules").iter().map(schedule));
        self.under_way(&mut lines);
        self.replayed(&mut lines);
        lines.iter().map(|line| say::inline(line)).collect::<Vec<_>>().join("\n")
    }

    /// Which runs would go another way, had they begun under these files.
    fn replayed(&self, lines: &mut Vec<String>) {
        let came = &self.0["replayed"];
        let (live, ended) = (count(came, "live"), count(came, "ended"));
        if live + ended == 0 {
            return;
        }
        let differs = came["differs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let more = if came["more"] == true { ", others were not gone through" } else { "" };
        let so = match differs.len() {
            0 => "they would go the same way".to_owned(),
            1 => "one would go another way:".to_owned(),
            many => format!("{many} would go another way:"),
        };
        lines.push(format!("  replayed under these files: {live} under way, {ended} ended{more}; {so}"));
        lines.extend(differs.iter().map(|it| {
            let (run, workflow, says) = (text(it, "run"), text(it, "workflow"), text(it, "says"));
            format!("    {run}  {workflow}  {says}")
        }));
    }

    fn under_way(&self, lines: &mut Vec<String>) {
        let runs = self.list("runs");
        let total: u64 = runs.iter().map(|run| count(run, "runs")).sum();
        match total {
            0 => return,
            1 => lines
                .push("  one run under way, which goes on under the version that it began with:".to_owned()),
            _ => lines.push(format!(
                "  {total} runs under way, which go on under the versions that they began with:"
            )),
        }
        for run in runs {
            let workflow = text(run, "workflow");
            let turn = self.list("workflows").iter().find(|part| part["name"] == workflow);
            let turn = match turn.map(|part| text(part, "change")) {
                Some("changed") => "  (it changes)",
                Some("removed") => "  (it goes)",
                _ => "",
            };
            lines.push(format!(
                "    {:>7}  {}  {workflow}{turn}",
                count(run, "runs"),
                short(text(run, "version"))
            ));
        }
    }
}

fn count(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or(0)
}

fn schedule(part: &Value) -> String {
    let name = format!("{}/{}", text(part, "workflow"), text(part, "event"));
    match (part["before"].as_str(), part["after"].as_str()) {
        (None, after) => format!("  + schedule {name}  {}", after.unwrap_or_default()),
        (Some(before), None) => format!("  - schedule {name}  {before}"),
        (Some(before), Some(after)) => format!("  ~ schedule {name}  {before} -> {after}"),
    }
}

fn sign(change: &str) -> char {
    match change {
        "added" => '+',
        "removed" => '-',
        _ => '~',
    }
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// The beginning of a version's hash.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..SHORT).unwrap_or(hash)
}
