//! Users and their keys: for admins of the whole installation, and for `hefe user` over the project's socket.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    routing::on,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Grant, User, UserEdit};

use crate::{
    answer::{Answer, Items, Refused, json, ok},
    app::App,
    asked::Path,
    door::{Rank, Viewer, key},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    routes::{
        audit::{self, Line},
        body,
    },
    schema::Moment,
    time::iso,
};

const NAME_MAX: usize = 100;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/users",
        who: Who::From(Rank::Admin),
        does: "the users of the database",
        gives: &[Gives(200, Kind::Json(of::<Items<UserView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/users",
        who: Who::From(Rank::Admin),
        does: "makes a user, or gives one more roles or another key",
        takes: Takes::Json(of::<Asked>),
        gives: &[Gives(201, Kind::Json(of::<UserView>))],
        refuses: &[404, 409],
        call: |verb| on(verb, add),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/users/{name}",
        who: Who::From(Rank::Admin),
        does: "removes a user",
        gives: &[Gives(200, Kind::Json(of::<UserView>))],
        call: |verb| on(verb, remove),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/users/{name}/keys/{key}",
        who: Who::From(Rank::Admin),
        does: "revokes a key",
        gives: &[Gives(200, Kind::Json(of::<UserView>))],
        call: |verb| on(verb, revoke),
        ..PLAIN
    },
];

#[derive(Serialize, JsonSchema)]
struct UserView<'a> {
    name: &'a str,
    grants: Vec<GrantView<'a>>,
    keys: Vec<KeyView<'a>>,
    #[schemars(with = "Moment")]
    created_at: String,
    /// Shown once: nobody keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct GrantView<'a> {
    /// null: every system.
    system: Option<&'a str>,
    role: &'a str,
}

#[derive(Serialize, JsonSchema)]
struct KeyView<'a> {
    id: &'a str,
    #[schemars(with = "Moment")]
    created_at: String,
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> UserView<'a> {
        let grant = |grant: &'a Grant| GrantView { system: grant.system.as_deref(), role: &grant.role };
        let keys = user.keys.iter().map(|key| KeyView { id: &key.id, created_at: iso(key.created_at_ms) });
        UserView {
            name: &user.name,
            grants: user.grants.iter().map(grant).collect(),
            keys: keys.collect(),
            created_at: iso(user.created_at_ms),
            key: None,
        }
    }
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Answer {
    let users = app.engine.store().users().await?;
    ok(&Items { items: users.iter().map(UserView::from).collect(), cursor: None })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    /// Left out: every system.
    #[serde(default)]
    systems: Vec<String>,
    /// Whether a key is made too.
    #[serde(default)]
    key: bool,
}

/// POST users {name, roles, systems, key}: makes one, or gives one more.
pub(crate) async fn add(State(app): State<Arc<App>>, viewer: Viewer, request: Request) -> Answer {
    let bytes = body::bytes(&app, request).await?;
    let Asked { name, roles, systems, key } = serde_json::from_slice(&bytes).map_err(|_| {
        Refused::new(StatusCode::BAD_REQUEST, "the body is not {name, roles, systems, key}")
            .help("`name` is a text, `roles` and `systems` are lists of texts, `key` is true or false")
    })?;
    let words = || roles.iter().chain(&systems).chain([&name]);
    if words().any(|word| word.is_empty() || word.len() > NAME_MAX || word.chars().any(char::is_control)) {
        let says =
            format!("a name, a role and a system have 1 to {NAME_MAX} bytes and no control characters");
        return Err(Refused::new(StatusCode::BAD_REQUEST, says));
    }
    let at_ms = app.engine.clock_ms();
    let made = key.then(|| key::fresh(at_ms)).transpose().map_err(|_| {
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the server has no random bytes just now")
    })?;
    let (shown, kept) = made.unzip();
    let grants = Grant::each(&roles, &systems);
    let edit = UserEdit::Add { name: name.as_str().into(), grants, key: kept, at_ms };
    let detail = format!(
        "{name}: {} in {}",
        if roles.is_empty() { "user".to_owned() } else { roles.join(", ") },
        if systems.is_empty() { "all systems".to_owned() } else { systems.join(", ") }
    );
    match edited(&app, edit).await? {
        Some(user) => {
            noted(&app, &viewer, "user_added", &detail).await?;
            Ok(json(StatusCode::CREATED, &UserView { key: shown, ..UserView::from(&user) }))
        }
        None => Err(no_user(&name)),
    }
}

pub(crate) async fn remove(State(app): State<Arc<App>>, viewer: Viewer, Path(name): Path<String>) -> Answer {
    match edited(&app, UserEdit::Remove { name: name.as_str().into() }).await? {
        Some(user) => {
            noted(&app, &viewer, "user_removed", &name).await?;
            ok(&UserView::from(&user))
        }
        None => Err(no_user(&name)),
    }
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((name, key)): Path<(String, String)>,
) -> Answer {
    let edit = UserEdit::Revoke { name: name.as_str().into(), key: key.as_str().into() };
    match edited(&app, edit).await? {
        Some(user) => {
            noted(&app, &viewer, "key_revoked", &format!("{name}: {key}")).await?;
            ok(&UserView::from(&user))
        }
        None => Err(Refused::unknown("key", &key, "GET /users lists the users with the ids of their keys")),
    }
}

/// Done, and known to the door.
async fn edited(app: &App, edit: UserEdit) -> Result<Option<User>, Refused> {
    let user = app.engine.store().edit_user(edit).await?;
    app.door().read().await?;
    Ok(user)
}

async fn noted(app: &App, viewer: &Viewer, what: &'static str, detail: &str) -> Result<(), Refused> {
    let user = Some(viewer.person.id.clone());
    audit::note(app, Line { what, user, detail, ..Line::default() }).await
}

fn no_user(name: &str) -> Refused {
    Refused::unknown("user", name, "GET /users lists them; users of hefe.toml are removed there")
}
