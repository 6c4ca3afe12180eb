//! Notifications: kept for a person, who alone sees, reads and deletes them. The calls are those of Brezel's client.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    routing::on,
};
use recipe::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Handled, Handling, Id, Notification};

use crate::{
    answer::{Answer, Items, Refused, ok},
    app::App,
    asked::{Path, Query},
    door::{Guest, Viewer},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    routes::{body, webhook},
    schema::IdText,
    view::NotificationView,
};

/// What a call about one notification gives.
const ONE: &[Gives] = &[Gives(200, Kind::Json(of::<NotificationView>))];

/// What a call about several gives.
const SEVERAL: &[Gives] = &[Gives(200, Kind::Json(of::<Done>))];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/notifications",
        does: "the caller's notifications, the newest first",
        query: Some(of::<Asked>),
        gives: &[Gives(200, Kind::Json(of::<Items<NotificationView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/notification/{id}/read",
        does: "the caller has read one",
        gives: ONE,
        call: |verb| on(verb, read),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/notification/{id}/unread",
        does: "the same taken back",
        gives: ONE,
        call: |verb| on(verb, unread),
        ..PLAIN
    },
    Route {
        path: "/{system}/notification/{id}/action/{name}",
        who: Who::SignedIn,
        does: "starts what an action of a notification names, and marks the notification as read",
        call: |verb| on(verb, act),
        ..webhook::STARTS
    },
    Route {
        verb: Verb::Patch,
        path: "/{system}/notifications/read",
        does: "the caller has read these; what is not the caller's is passed over",
        takes: Takes::Json(of::<These>),
        gives: SEVERAL,
        call: |verb| on(verb, read_these),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/{system}/notifications/delete",
        does: "deletes these; what is not the caller's is passed over",
        takes: Takes::Json(of::<These>),
        gives: SEVERAL,
        call: |verb| on(verb, delete_these),
        ..PLAIN
    },
    Route {
        verb: Verb::Patch,
        path: "/{system}/notifications/deleteAll",
        does: "deletes all of the caller's notifications",
        gives: SEVERAL,
        call: |verb| on(verb, delete_all),
        ..PLAIN
    },
];

/// How many one call may name, and how many are deleted in one transaction.
const IDS_MAX: usize = 1_000;

/// Which page, the first is 1.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Asked {
    page: Option<String>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let published = app.system(&system)?;
    let user = viewer.person.id;
    let page = match asked.page.as_deref().unwrap_or_default() {
        "" => 1,
        page => page.parse().ok().filter(|page| *page > 0).ok_or_else(|| {
            Refused::new(StatusCode::BAD_REQUEST, "`page` is no whole number from 1 on")
                .help("leave it out for the first page")
        })?,
    };
    let kept = app.engine.store().notifications(published.system.name.clone(), user, 0, page - 1).await?;
    let items = kept.iter().map(|notification| NotificationView::from(&**notification)).collect();
    ok(&Items { items, cursor: None })
}

/// What a call did.
#[derive(Serialize, JsonSchema)]
struct Done {
    success: bool,
    #[schemars(with = "Vec<IdText>")]
    notifications: Vec<Id>,
}

/// Their ids, at most a thousand.
#[derive(Deserialize, JsonSchema)]
struct These {
    notifications: Vec<String>,
}

/// PATCH notifications/read {notifications: [ID, ...]}.
pub(crate) async fn read_these(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    request: Request,
) -> Answer {
    let ids = these(&app, request).await?;
    let how = Handling::Read(app.engine.clock_ms());
    done(&handle(&app, &viewer, &system, Some(ids), how).await?)
}

/// DELETE notifications/delete {notifications: [ID, ...]}.
pub(crate) async fn delete_these(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    request: Request,
) -> Answer {
    let ids = these(&app, request).await?;
    done(&handle(&app, &viewer, &system, Some(ids), Handling::Delete).await?)
}

/// PATCH notifications/deleteAll: those that are there when it comes, and while it works.
pub(crate) async fn delete_all(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
) -> Answer {
    let mut all = Vec::new();
    loop {
        let some = handle(&app, &viewer, &system, None, Handling::Delete).await?;
        let more = some.len() == IDS_MAX;
        all.extend(some);
        if !more {
            return done(&all);
        }
    }
}

/// POST notification/ID/read: gives it as it is then.
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, id)): Path<(String, String)>,
) -> Answer {
    one(&app, &viewer, (&system, &id), Handling::Read(app.engine.clock_ms())).await
}

/// POST notification/ID/unread.
pub(crate) async fn unread(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, id)): Path<(String, String)>,
) -> Answer {
    one(&app, &viewer, (&system, &id), Handling::Unread).await
}

/// POST notification/ID/action/NAME: starts the event that the action names, as its own call would, with what the action
/// hands over; who acts on a notification has read it.
pub(crate) async fn act(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    guest: Guest,
    Path((system, id, name)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    let unknown = || unknown(&id);
    let parsed: Id = id.parse().map_err(|_| unknown())?;
    let (of, user) = (app.system(&system)?.system.name.clone(), viewer.person.id.clone());
    let kept = app.engine.store().notification(of, user, parsed).await?.ok_or_else(unknown)?;
    let action = action(&kept.body, &name).ok_or_else(|| {
        Refused::unknown("action", &name, "GET notifications shows the `actions` of each notification")
    })?;
    let event = action.get("event").map_or_else(|| name.clone(), |event| event.to_text().to_string());
    let data = action.get("data").cloned().unwrap_or_else(|| Value::Object(recipe::Map::new()));
    let answer = webhook::event_with(app.clone(), guest, (system.clone(), event), request, data).await?;
    if answer.status().is_success() {
        let how = Handling::Read(app.engine.clock_ms());
        handle(&app, &viewer, &system, Some(vec![parsed]), how).await?;
    }
    Ok(answer)
}

/// `actions` is a list of {name, title, event, data}, or an object of these by name.
fn action(body: &Value, name: &str) -> Option<Value> {
    match body.get("actions")? {
        Value::List(list) => {
            list.iter().find(|action| action.get("name").is_some_and(|its| &*its.to_text() == name)).cloned()
        }
        actions => actions.get(name).cloned(),
    }
}

async fn one(app: &App, viewer: &Viewer, (system, id): (&str, &str), how: Handling) -> Answer {
    let parsed = id.parse().map_err(|_| unknown(id))?;
    let found = handle(app, viewer, system, Some(vec![parsed]), how).await?;
    match found.first() {
        Some(kept) => ok(&NotificationView::from(&**kept)),
        None => Err(unknown(id)),
    }
}

fn unknown(id: &str) -> Refused {
    Refused::unknown("notification", id, "GET notifications lists yours")
}

async fn handle(
    app: &App,
    viewer: &Viewer,
    system: &str,
    ids: Option<Vec<Id>>,
    how: Handling,
) -> Result<Vec<Arc<Notification>>, Refused> {
    let system = app.system(system)?.system.name.clone();
    let handled = Handled { system, user: viewer.person.id.clone(), ids, how };
    Ok(app.engine.store().handle(handled).await?)
}

/// Ids that are none are left out as those are that are another's.
async fn these(app: &App, request: Request) -> Result<Vec<Id>, Refused> {
    let bytes = body::bytes(app, request).await?;
    let these: These = serde_json::from_slice(&bytes).map_err(|_| {
        Refused::new(StatusCode::BAD_REQUEST, "the body has no list `notifications`")
            .help("send {\"notifications\": [ID, ...]}")
    })?;
    if these.notifications.len() > IDS_MAX {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            format!("these are more than {IDS_MAX} notifications"),
        )
        .help("name them in several calls"));
    }
    Ok(these.notifications.iter().filter_map(|id| id.parse().ok()).collect())
}

fn done(handled: &[Arc<Notification>]) -> Answer {
    ok(&Done { success: true, notifications: handled.iter().map(|kept| kept.id).collect() })
}
