//! POST runs/bulk: the same for all runs that a filter finds; what there is of it, and its end.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::on,
};
use engine::bulk::{Asked, Counted, narrowed};
use recipe::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Action, Bulk, Deed, Filter, Id, Item, Once};

use super::{audit, body, runs};
use crate::{
    answer::{Answer, Items, Refused, json, ok},
    app::App,
    asked::Path,
    door::{Rank, Viewer},
    once::{Named, kept, once, replay},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    schema::{IdText, Moment},
    time::iso,
    view::ItemView,
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/runs/bulk",
        who: Who::From(Rank::Operator),
        does: "the newest bulk actions",
        gives: &[Gives(200, Kind::Json(of::<Items<ActionView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/runs/bulk",
        who: Who::From(Rank::Operator),
        does: "retries or cancels all runs that a filter finds; with `preview` it says how many there are",
        takes: Takes::Json(of::<Body>),
        once: true,
        gives: &[Gives(200, Kind::Json(of::<Preview>)), Gives(202, Kind::Json(of::<Begun>))],
        call: |verb| on(verb, begin),
        ..PLAIN
    },
    Route {
        path: "/{system}/runs/bulk/{action}",
        who: Who::From(Rank::Operator),
        does: "a bulk action, and how far it has come",
        gives: &[Gives(200, Kind::Json(of::<ActionView>))],
        call: |verb| on(verb, show),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/runs/bulk/{action}/cancel",
        who: Who::From(Rank::Operator),
        does: "stops a bulk action",
        gives: &[Gives(202, Kind::Json(of::<ActionView>))],
        refuses: &[409],
        call: |verb| on(verb, cancel),
        ..PLAIN
    },
];

/// What is to be done, as a request or a form names it.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
pub(crate) struct Choice {
    /// retry, cancel
    pub(crate) action: Option<String>,
    /// failure, start
    pub(crate) from: Option<String>,
    /// current
    pub(crate) version: Option<String>,
}

impl Choice {
    pub(crate) fn bulk(&self) -> Result<Bulk, Refused> {
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        let refused = |says: &str, help: &str| Err(Refused::new(StatusCode::BAD_REQUEST, says).help(help));
        match (word(&self.action).as_str(), word(&self.from).as_str(), word(&self.version).as_str()) {
            ("cancel", "", "") => Ok(Bulk::Cancel),
            ("cancel", ..) => refused("a cancel takes neither `from` nor `version`", "leave them out"),
            ("retry", "" | "failure", "") => Ok(Bulk::Retry { current: false }),
            ("retry", "" | "failure", "current") => Ok(Bulk::Retry { current: true }),
            ("retry", "start", "" | "current") => Ok(Bulk::Restart),
            ("retry", ..) => refused(
                "runs are tried again from `failure` or from `start`, and `version` is `current` or left out",
                "leave both out to go on where they failed",
            ),
            _ => refused("`action` is `retry` or `cancel`", "name what is to be done to all these runs"),
        }
    }
}

/// The runs that it can be done to.
pub(crate) fn filter(bulk: Bulk, filter: Filter) -> Result<Filter, Refused> {
    narrowed(bulk, filter).ok_or_else(|| {
        let help = match bulk {
            Bulk::Cancel => "queued, running or waiting; left out, all three",
            Bulk::Retry { .. } | Bulk::Restart => "failed or cancelled; left out, failed",
        };
        Refused::new(StatusCode::BAD_REQUEST, "nothing can be done to runs of that status").help(help)
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Body {
    action: Option<String>,
    from: Option<String>,
    version: Option<String>,
    #[serde(default)]
    filter: Which,
    #[serde(default)]
    preview: bool,
}

/// A field that is misspelt must not widen what is done.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    workflow: Option<String>,
    status: Option<String>,
    queue: Option<String>,
    user: Option<String>,
    q: Option<String>,
    code: Option<String>,
    element: Option<String>,
    after: Option<String>,
    before: Option<String>,
}

impl From<Which> for runs::Asked {
    fn from(which: Which) -> runs::Asked {
        let Which { workflow, status, queue, user, q, code, element, after, before } = which;
        runs::Asked { workflow, status, queue, user, q, code, element, after, before, cursor: None }
    }
}

#[derive(Serialize, JsonSchema)]
struct Preview {
    count: u64,
    more: bool,
    #[schemars(with = "Vec<IdText>")]
    sample: Vec<Id>,
}

#[derive(Serialize, JsonSchema)]
struct Begun {
    #[schemars(with = "IdText")]
    action: Id,
    count: u64,
    more: bool,
}

pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    request: Request,
) -> Answer {
    let system = app.system(&system)?.system.name.clone();
    let named = Named::of(&request)?;
    let bytes = body::bytes(&app, request).await?;
    let Body { action, from, version, filter: which, preview } = read(&bytes)?;
    let bulk = Choice { action, from, version }.bulk()?;
    let filter = filter(bulk, runs::Asked::from(which).filter(&system, &viewer)?)?;
    if preview {
        let Counted { count, more, sample } = app.engine.count(filter).await?;
        return ok(&Preview { count, more, sample });
    }
    let (user, on) = (viewer.person.id.clone(), app.clone());
    let of = system.clone();
    let asked = Asked { system, user: user.clone(), id: None, bulk, filter };
    once(&app, named, &user, &bytes, |key| async move {
        let action = on.engine.plan_bulk(asked).await?;
        let response = begun(&on, &action);
        match key {
            None => {
                on.engine.act(Deed::Record(Box::new(action))).await?;
                on.engine.begin_bulk();
                noted(&on, &viewer, &of, "bulk", bulk).await?;
                Ok(response)
            }
            Some(key) => {
                let (response, answer) = kept(response).await?;
                match on.engine.once(key, Deed::Record(Box::new(action)), Some(answer)).await? {
                    Once::Did(_) => {
                        on.engine.begin_bulk();
                        noted(&on, &viewer, &of, "bulk", bulk).await?;
                        Ok(response)
                    }
                    found => replay(found),
                }
            }
        }
    })
    .await
}

/// Writes it into the trail.
pub(crate) async fn noted(
    app: &App,
    viewer: &Viewer,
    system: &str,
    what: &'static str,
    bulk: Bulk,
) -> Result<(), Refused> {
    let detail = if bulk == Bulk::Cancel { "cancel" } else { "retry" };
    audit::did_in(app, viewer, what, system, detail).await
}

/// Looked at field by field, for words that help; then read as strictly as can be.
fn read(bytes: &Bytes) -> Result<Body, Refused> {
    let body = body::value(bytes)?;
    fields("the body", &body, BODY)?;
    if let Some(filter) = body.get("filter") {
        fields("`filter`", filter, FILTER)?;
    }
    serde_json::from_slice(bytes).map_err(|_| wrong("a field stands twice in the body".to_owned()))
}

/// What a field may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Text,
    /// A text with something in it: an unset variable of a script must not mean all.
    Full,
    Flag,
    Object,
}

const BODY: &[(&str, Field)] = &[
    ("action", Field::Text),
    ("from", Field::Text),
    ("version", Field::Text),
    ("filter", Field::Object),
    ("preview", Field::Flag),
];

const FILTER: &[(&str, Field)] = &[
    ("workflow", Field::Full),
    ("status", Field::Full),
    ("queue", Field::Full),
    ("user", Field::Full),
    ("q", Field::Full),
    ("code", Field::Full),
    ("element", Field::Full),
    ("after", Field::Full),
    ("before", Field::Full),
];

fn fields(of: &str, object: &Value, known: &[(&str, Field)]) -> Result<(), Refused> {
    let Some(map) = object.as_object() else {
        return Err(wrong(format!("{of} must be an object, and is {}", type_name(object))));
    };
    for (name, value) in map.iter() {
        let Some((_, field)) = known.iter().find(|(known, _)| *known == &**name) else {
            let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let name: String = name.chars().take(100).collect();
            return Err(
                refused(format!("{of} has no field `{name}`")).help(format!("it takes {}", known.join(", ")))
            );
        };
        let (fits, wanted) = match field {
            Field::Text => (value.is_null() || value.as_str().is_some(), "a text"),
            Field::Full => (
                value.as_str().is_some_and(|text| !text.is_empty()),
                "a text with something in it, or left out",
            ),
            Field::Flag => (matches!(value, Value::Bool(_)), "true or false"),
            Field::Object => (value.as_object().is_some(), "an object"),
        };
        if !fits {
            let found = if value.as_str() == Some("") { "empty" } else { type_name(value) };
            return Err(wrong(format!("`{name}` must be {wanted}, and is {found}")));
        }
    }
    Ok(())
}

fn wrong(says: String) -> Refused {
    refused(says).help(
        "send {\"action\": \"retry\", \"filter\": {\"workflow\": NAME}}, and \"preview\": true to see how many there are",
    )
}

fn refused(says: String) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, says).code("json")
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
        _ => "a number",
    }
}

fn begun(app: &App, action: &Action) -> Response {
    let body = Begun { action: action.id, count: action.total, more: action.more };
    let mut response = json(StatusCode::ACCEPTED, &body);
    if let Ok(place) = HeaderValue::try_from(app.at(&format!("/{}/runs/bulk/{}", action.system, action.id))) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A bulk action.
#[derive(Serialize, JsonSchema)]
struct ActionView<'a> {
    #[schemars(with = "IdText")]
    id: Id,
    action: &'static str,
    from: Option<&'static str>,
    version: Option<&'static str>,
    filter: FilterView<'a>,
    user: &'a str,
    status: &'static str,
    count: u64,
    more: bool,
    done: u64,
    passed: u64,
    differ: u64,
    says: String,
    #[schemars(with = "Moment")]
    created_at: String,
    #[schemars(with = "Option<Moment>")]
    ended_at: Option<String>,
    progress: Option<ItemView<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct FilterView<'a> {
    workflow: Option<&'a str>,
    status: Option<&'static str>,
    queue: Option<&'a str>,
    user: Option<&'a str>,
    q: Option<&'a str>,
    code: Option<&'a str>,
    element: Option<&'a str>,
    after: Option<String>,
    before: Option<String>,
}

impl<'a> ActionView<'a> {
    fn new(action: &'a Action, item: Option<&'a Item>) -> ActionView<'a> {
        let (name, from, version) = match action.bulk {
            Bulk::Cancel => ("cancel", None, None),
            Bulk::Restart => ("retry", Some("start"), Some("current")),
            Bulk::Retry { current } => ("retry", Some("failure"), current.then_some("current")),
        };
        let filter = &action.filter;
        ActionView {
            id: action.id,
            action: name,
            from,
            version,
            filter: FilterView {
                workflow: filter.workflow.as_deref(),
                status: filter.status.map(store::Status::word),
                queue: filter.queue.as_deref(),
                user: filter.user.as_deref(),
                q: filter.text.as_deref(),
                code: filter.code.as_deref(),
                element: filter.element.as_deref(),
                after: filter.after_ms.map(iso),
                before: filter.before_ms.map(iso),
            },
            user: &action.user,
            status: stands(action),
            count: action.total,
            more: action.more,
            done: action.done,
            passed: action.passed,
            differ: action.differ,
            says: engine::bulk::words(action),
            created_at: iso(action.at_ms),
            ended_at: action.ended_at_ms.map(iso),
            progress: item.map(ItemView::from),
        }
    }
}

/// Where it stands, in a word.
pub(crate) fn stands(action: &Action) -> &'static str {
    match (action.ended_at_ms, action.cancel_at_ms) {
        (None, _) => "running",
        (Some(_), None) => "succeeded",
        (Some(_), Some(_)) => "cancelled",
    }
}

/// The action of that id in that system.
pub(crate) async fn find(app: &App, system: &str, name: &str) -> Result<Action, Refused> {
    let found = match name.parse::<Id>() {
        Ok(id) => app.engine.store().action(id).await?,
        Err(()) => None,
    };
    found.filter(|action| *action.system == *system).ok_or_else(|| {
        Refused::unknown("bulk action", name, &format!("GET /{system}/runs/bulk lists the newest"))
    })
}

pub(crate) async fn list(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let system = app.system(&system)?.system.name.clone();
    let actions = app.engine.store().actions(system).await?;
    ok(&Items { items: actions.iter().map(|action| ActionView::new(action, None)).collect(), cursor: None })
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let action = find(&app, &system, &name).await?;
    let items = app.engine.store().items_of(action.id).await?;
    ok(&ActionView::new(&action, items.first().map(|item| &**item)))
}

pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let action = find(&app, &system, &name).await?;
    if action.ended_at_ms.is_some() {
        return Err(Refused::new(StatusCode::CONFLICT, "the bulk action has ended already"));
    }
    noted(&app, &viewer, &system, "bulk_stopped", action.bulk).await?;
    let action = app.engine.stop_bulk(action.id).await?.unwrap_or(action);
    Ok(json(StatusCode::ACCEPTED, &ActionView::new(&action, None)))
}
