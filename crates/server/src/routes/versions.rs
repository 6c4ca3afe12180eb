//! GET versions, POST versions and POST versions/HASH/current: what a system's workflows are and were, a deploy, and the way back.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
    routing::on,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use engine::{
    Diff, Part, Turn,
    deploy::{Kept, Plan, Wish},
    replay::{LAST_MAX, Replayed},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Hash, Id, Pinned, Version};
use workflow::Diagnostic;

use super::{audit, body, workflows::FindingView};
use crate::{
    answer::{Answer, Items, Refused, json, ok},
    app::App,
    asked::Path,
    door::{Rank, Viewer},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    schema::{IdText, Moment},
    time::iso,
};

/// What a deploy's body may hold: a whole folder comes at once, from those only who may change all of it.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The longest name of a system, bytes: it is a folder's.
const NAME_MAX: usize = 100;

/// The longest note, bytes.
const NOTE_MAX: usize = 1_000;

/// How much of a hash stands in the trail.
const SHORT: usize = 12;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/versions",
        who: Who::From(Rank::Admin),
        does: "the versions of its workflows that are kept, the one that became current last first",
        gives: &[Gives(200, Kind::Json(of::<Items<VersionView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/versions",
        who: Who::From(Rank::Admin),
        may_be_new: true,
        does: "makes these files its version, from the next start on, and the system if there is none; with `preview` it says what would change; 200: nothing was done; 422: a file has errors",
        takes: Takes::Json(of::<Files>),
        gives: &[
            Gives(201, Kind::Json(of::<ChangeView>)),
            Gives(200, Kind::Json(of::<ChangeView>)),
            Gives(422, Kind::Json(of::<Erroneous>)),
        ],
        call: |verb| on(verb, deploy),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/versions/{version}/current",
        who: Who::From(Rank::Admin),
        does: "makes a version current again that is kept; with `preview` it says what would change; 422: this server cannot load it",
        takes: Takes::Json(of::<Again>),
        gives: &[Gives(200, Kind::Json(of::<ChangeView>)), Gives(422, Kind::Json(of::<Erroneous>))],
        call: |verb| on(verb, roll_back),
        ..PLAIN
    },
];

#[derive(Serialize, JsonSchema)]
struct VersionView {
    version: String,
    current: bool,
    /// When it became current, the last time.
    #[schemars(with = "Moment")]
    since: String,
    /// When another did.
    #[schemars(with = "Option<Moment>")]
    until: Option<String>,
    /// null: a server found it in its folder.
    by: Option<Arc<str>>,
    note: Arc<str>,
    /// Live runs that are pinned to it.
    runs: u64,
}

impl From<Kept> for VersionView {
    fn from(Kept { publication: it, runs }: Kept) -> VersionView {
        VersionView {
            version: it.version.to_string(),
            current: it.left_ms.is_none(),
            since: iso(it.since_ms),
            until: it.left_ms.map(iso),
            by: it.by,
            note: it.note,
            runs,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Files {
    /// By path within the system's folder: its text, or {"base64": its bytes}.
    files: BTreeMap<String, Content>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    preview: bool,
    /// With `preview`: the journals of runs under way, and of so many that ended last, are gone through under these files; at most 1000.
    #[schemars(range(max = 1000))]
    last: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Content {
    Text(String),
    Bytes(Encoded),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Encoded {
    base64: String,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Again {
    #[serde(default)]
    note: String,
    #[serde(default)]
    preview: bool,
}

/// What is different, or would be.
#[derive(Serialize, JsonSchema)]
struct ChangeView<'a> {
    system: &'a str,
    /// The version that was current; null: the system is new.
    from: Option<String>,
    version: String,
    /// Whether it is current now.
    deployed: bool,
    files: Vec<PartView<'a>>,
    workflows: Vec<PartView<'a>>,
    schedules: Vec<TimedView<'a>>,
    /// Live runs of other versions: they keep theirs.
    runs: Vec<PinnedView<'a>>,
    findings: Vec<FoundView<'a>>,
    /// What came of going through journals, if `last` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<ReplayedView>,
}

#[derive(Serialize, JsonSchema)]
struct ReplayedView {
    live: u64,
    ended: u64,
    /// There are others that were not gone through.
    more: bool,
    /// Runs that would go another way.
    differs: Vec<DiffersView>,
}

#[derive(Serialize, JsonSchema)]
struct DiffersView {
    #[schemars(with = "IdText")]
    run: Id,
    workflow: Arc<str>,
    version: String,
    /// The first difference.
    says: String,
}

impl From<Replayed> for ReplayedView {
    fn from(came: Replayed) -> ReplayedView {
        let differs = came.differs.into_iter().map(|it| DiffersView {
            run: it.run,
            workflow: it.workflow,
            version: it.version.to_string(),
            says: it.says,
        });
        ReplayedView { live: came.live, ended: came.ended, more: came.more, differs: differs.collect() }
    }
}

#[derive(Serialize, JsonSchema)]
struct PartView<'a> {
    name: &'a str,
    /// added, changed, removed
    change: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct TimedView<'a> {
    workflow: &'a str,
    event: &'a str,
    /// null: it is new.
    before: Option<&'a str>,
    /// null: it goes.
    after: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
struct PinnedView<'a> {
    version: String,
    workflow: &'a str,
    runs: u64,
}

#[derive(Serialize, JsonSchema)]
struct FoundView<'a> {
    #[serde(flatten)]
    finding: FindingView<'a>,
    /// As it stands on a terminal, with its line of the file.
    text: String,
}

/// A refusal that names what is wrong with the files.
#[derive(Serialize, JsonSchema)]
struct Erroneous<'a> {
    status: u16,
    success: bool,
    code: &'static str,
    message: String,
    help: &'static str,
    findings: Vec<FoundView<'a>>,
}

fn found(findings: &[Diagnostic]) -> Vec<FoundView<'_>> {
    findings
        .iter()
        .map(|finding| FoundView { finding: FindingView::from(finding), text: finding.to_string() })
        .collect()
}

fn parts(parts: &[Part]) -> Vec<PartView<'_>> {
    let word = |turn| match turn {
        Turn::Added => "added",
        Turn::Changed => "changed",
        Turn::Removed => "removed",
    };
    parts.iter().map(|part| PartView { name: &part.name, change: word(part.turn) }).collect()
}

impl<'a> ChangeView<'a> {
    fn of(plan: &'a Plan, deployed: bool) -> ChangeView<'a> {
        let diff = &plan.diff;
        let timed = |it: &'a engine::Timed| TimedView {
            workflow: &it.workflow,
            event: &it.event,
            before: it.before.as_deref(),
            after: it.after.as_deref(),
        };
        let pinned = |it: &'a Pinned| PinnedView {
            version: it.version.to_string(),
            workflow: &it.workflow,
            runs: it.runs,
        };
        ChangeView {
            system: &diff.system,
            from: diff.from.map(|hash| hash.to_string()),
            version: diff.to.to_string(),
            deployed,
            files: parts(&diff.files),
            workflows: parts(&diff.workflows),
            schedules: diff.schedules.iter().map(timed).collect(),
            runs: diff.runs.iter().map(pinned).collect(),
            findings: found(&plan.findings),
            replayed: None,
        }
    }
}

async fn list(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let kept = app.engine.versions(&system).await?;
    ok(&Items { items: kept.into_iter().map(VersionView::from).collect(), cursor: None })
}

async fn deploy(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    request: Request,
) -> Answer {
    nameable(&system)?;
    let bytes = body::bytes_up_to(&app, request, BODY_BYTES_MAX).await?;
    let Files { files, note, preview, last } = read(&bytes)?;
    if files.is_empty() {
        let says = "there are no files in it, and a deploy of none would take every workflow away".to_owned();
        return Err(bad(says, "send all files of the system's folder"));
    }
    let files = files.into_iter().map(file).collect::<Result<_, _>>()?;
    let version = Version { system: system.as_str().into(), files, broken: Vec::new() };
    if last.is_some_and(|last| !preview || last as usize > LAST_MAX) {
        let says = format!("`last` is at most {LAST_MAX}, and goes with `preview`");
        return Err(bad(says, "leave it out, or give a smaller number"));
    }
    if preview {
        let plan = app.engine.plan_deploy(&version).await?;
        // What does not load tells nothing of the runs.
        let replayed = match last.filter(|_| plan.errors == 0) {
            Some(last) => Some(app.engine.replay(&version, last as usize).await?.into()),
            None => None,
        };
        return ok(&ChangeView { replayed, ..ChangeView::of(&plan, false) });
    }
    let plan = app.engine.deploy(version, wish(&viewer, &note)?).await?;
    if plan.errors > 0 {
        return Ok(erroneous(&plan, "mend them and deploy again; what is current stays so"));
    }
    if plan.diff.is_empty() {
        return ok(&ChangeView::of(&plan, false));
    }
    trail(&app, &viewer, "deployed", &plan.diff, &note).await?;
    Ok(json(StatusCode::CREATED, &ChangeView::of(&plan, true)))
}

async fn roll_back(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, version)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let bytes = body::bytes(&app, request).await?;
    let Again { note, preview } = if bytes.is_empty() { Again::default() } else { read(&bytes)? };
    let unknown = || Refused::unknown("version", &version, &format!("GET /{system}/versions lists them"));
    let hash = Hash::parse(&version).ok_or_else(unknown)?;
    if preview {
        let plan = app.engine.plan_rollback(&system, hash).await?.ok_or_else(unknown)?;
        return ok(&ChangeView::of(&plan, false));
    }
    let plan = app.engine.roll_back(&system, hash, wish(&viewer, &note)?).await?.ok_or_else(unknown)?;
    if plan.errors > 0 {
        return Ok(erroneous(&plan, "roll back with the hefe that deployed it, or with a newer one"));
    }
    let deployed = !plan.diff.is_empty();
    if deployed {
        trail(&app, &viewer, "rolled_back", &plan.diff, &note).await?;
    }
    ok(&ChangeView::of(&plan, deployed))
}

async fn trail(
    app: &App,
    viewer: &Viewer,
    what: &'static str,
    diff: &Diff,
    note: &str,
) -> Result<(), Refused> {
    let hash = diff.to.to_string();
    let detail = format!("{} {note}", hash.get(..SHORT).unwrap_or_default());
    audit::did_in(app, viewer, what, &diff.system, detail.trim_end()).await
}

fn erroneous(plan: &Plan, help: &'static str) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let body = Erroneous {
        status: status.as_u16(),
        success: false,
        code: "errors",
        message: match plan.errors {
            1 => format!("the files of `{}` have an error", plan.diff.system),
            errors => format!("the files of `{}` have {errors} errors", plan.diff.system),
        },
        help,
        findings: found(&plan.findings),
    };
    json(status, &body)
}

fn wish(viewer: &Viewer, note: &str) -> Result<Wish, Refused> {
    if note.len() > NOTE_MAX {
        return Err(bad(format!("the note is over {NOTE_MAX} bytes"), "say it in fewer words"));
    }
    Ok(Wish { by: viewer.person.id.clone(), note: note.into() })
}

fn nameable(system: &str) -> Result<(), Refused> {
    let odd = |letter: char| letter.is_control() || matches!(letter, '/' | '\\');
    if system.is_empty() || system.len() > NAME_MAX || system.starts_with('.') || system.contains(odd) {
        let says = format!("no system has such a name: it has at most {NAME_MAX} bytes");
        return Err(bad(says, "a name has no slash in it, and does not begin with a dot, as a folder's"));
    }
    Ok(())
}

fn file((path, content): (String, Content)) -> Result<(String, Arc<[u8]>), Refused> {
    if !engine::belongs(&path) {
        let says = format!("`{}` is no file of a system", path.chars().take(200).collect::<String>());
        return Err(bad(
            says,
            "send those in workflows, config, views and recipes whose endings docs/deploy.md names",
        ));
    }
    let bytes: Arc<[u8]> = match content {
        Content::Text(text) => text.into_bytes().into(),
        Content::Bytes(Encoded { base64 }) => match BASE64_STANDARD.decode(base64) {
            Ok(bytes) => bytes.into(),
            Err(_) => {
                return Err(bad(format!("`{path}` is no base64"), "send its text, or encode its bytes"));
            }
        },
    };
    Ok((path, bytes))
}

fn read<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| {
        bad(format!("the body cannot be read: {error}"), "/docs says what it may hold").code("json")
    })
}

fn bad(says: String, help: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, says).help(help)
}
