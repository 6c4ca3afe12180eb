//! Users and their keys: for admins of the whole installation, and for `hefe user` over the project's socket.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    routing::on,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Grant, User, UserEdit, UserKey};

use crate::{
    answer::{Answer, Items, Refused, json, ok},
    app::App,
    asked::{Path, Query},
    door::{Rank, Viewer, key, name},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    routes::{
        audit::{self, Line},
        body,
    },
    schema::Moment,
    time::iso,
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/users",
        who: Who::From(Rank::Admin),
        does: "the users of hefe.toml and of the database, with what counts for each",
        gives: &[Gives(200, Kind::Json(of::<Items<UserView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/users",
        who: Who::From(Rank::Admin),
        does: "makes a user, or gives one more roles or another key; 200: it was there, and nothing was asked for it",
        takes: Takes::Json(of::<Asked>),
        gives: &[Gives(201, Kind::Json(of::<UserView>)), Gives(200, Kind::Json(of::<UserView>))],
        refuses: &[404, 409],
        call: |verb| on(verb, add),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/users/{name}",
        who: Who::From(Rank::Admin),
        does: "removes a user; 409: it stands in hefe.toml",
        gives: &[Gives(200, Kind::Json(of::<UserView>))],
        refuses: &[409],
        call: |verb| on(verb, remove),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/users/{name}/keys/{key}",
        who: Who::From(Rank::Admin),
        does: "revokes a key; 409: it stands in hefe.toml",
        gives: &[Gives(200, Kind::Json(of::<UserView>))],
        refuses: &[409],
        call: |verb| on(verb, revoke),
        ..PLAIN
    },
    Route {
        verb: Verb::Delete,
        path: "/users/{name}/roles/{role}",
        who: Who::From(Rank::Admin),
        does: "takes one role away; 409: it stands in hefe.toml",
        query: Some(of::<Where>),
        gives: &[Gives(200, Kind::Json(of::<UserView>))],
        refuses: &[409],
        call: |verb| on(verb, withdraw),
        ..PLAIN
    },
];

#[derive(Serialize, JsonSchema)]
struct UserView<'a> {
    name: &'a str,
    grants: Vec<GrantView<'a>>,
    keys: Vec<KeyView<'a>>,
    /// Whether hefe.toml names it: no call removes it.
    in_file: bool,
    /// null: the database does not have it.
    #[schemars(with = "Option<Moment>")]
    created_at: Option<String>,
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
    /// Whether it stands in hefe.toml: no call revokes it.
    in_file: bool,
    /// null: it stands in hefe.toml.
    #[schemars(with = "Option<Moment>")]
    created_at: Option<String>,
}

/// What hefe.toml and the database say of one user: both count.
struct Whole<'a> {
    name: &'a str,
    first: Vec<&'a User>,
    kept: Option<&'a User>,
}

impl<'a> Whole<'a> {
    fn of(app: &'a App, name: &'a str, kept: Option<&'a User>) -> Whole<'a> {
        let first = app.door().first().iter().filter(|user| *user.name == *name).collect();
        Whole { name, first, kept }
    }

    fn view(&self) -> UserView<'a> {
        let all = self.first.iter().copied().chain(self.kept);
        let mut grants: Vec<&Grant> = all.flat_map(|user| &user.grants).collect();
        grants.sort();
        grants.dedup();
        let grant = |grant: &'a Grant| GrantView { system: grant.system.as_deref(), role: &grant.role };
        let in_file = |key: &'a UserKey| KeyView { id: &key.id, in_file: true, created_at: None };
        let kept = |key: &'a UserKey| KeyView {
            id: &key.id,
            in_file: false,
            created_at: Some(iso(key.created_at_ms)),
        };
        let first = self.first.iter().flat_map(|user| &user.keys).map(in_file);
        UserView {
            name: self.name,
            grants: grants.into_iter().map(grant).collect(),
            keys: first.chain(self.kept.iter().flat_map(|user| &user.keys).map(kept)).collect(),
            in_file: !self.first.is_empty(),
            created_at: self.kept.map(|user| iso(user.created_at_ms)),
            key: None,
        }
    }
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Answer {
    let users = app.engine.store().users().await?;
    let kept = users.iter().map(|user| (&*user.name, Some(user)));
    let first = app.door().first().iter().map(|user| (&*user.name, None));
    let all: BTreeMap<&str, Option<&User>> = first.chain(kept).collect();
    let items = all.into_iter().map(|(name, kept)| Whole::of(&app, name, kept).view()).collect();
    ok(&Items { items, cursor: None })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: String,
    /// Left out: `user` for one who is new, nothing more for one who is there.
    #[serde(default)]
    roles: Vec<String>,
    /// Where the roles are had; left out: every system.
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
    if let Some(fault) = name::fault(&name) {
        let says = format!("nobody can be named so: {fault}");
        return Err(Refused::new(StatusCode::BAD_REQUEST, says).code("name").help("choose another name"));
    }
    if !roles.iter().chain(&systems).all(|word| name::is_plain(word)) {
        let says =
            "a role and a system have 1 to 100 bytes, no control characters, and no spaces at their ends";
        return Err(Refused::new(StatusCode::BAD_REQUEST, says));
    }
    let users = app.engine.store().users().await?;
    let kept = users.iter().find(|user| *user.name == *name);
    let whole = Whole::of(&app, &name, kept);
    let is_new = whole.first.is_empty() && kept.is_none();
    if !is_new && roles.is_empty() && !systems.is_empty() {
        let says = format!("`{name}` is there already, and no role is named for the systems");
        return Err(
            Refused::new(StatusCode::BAD_REQUEST, says).help("name the role too, in `roles` or by `--role`")
        );
    }
    if !is_new && roles.is_empty() && !key {
        return ok(&whole.view());
    }
    // The usual role is for who has none yet: a second key makes nobody more.
    let grants = if is_new || !roles.is_empty() { Grant::each(&roles, &systems) } else { Vec::new() };
    let at_ms = app.engine.clock_ms();
    let made = key.then(|| key::fresh(at_ms)).transpose().map_err(|_| {
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the server has no random bytes just now")
    })?;
    let (shown, kept) = made.unzip();
    let (what, detail) = match &kept {
        Some(key) if grants.is_empty() => ("key_added", format!("{name}: {}", key.id)),
        _ => ("user_added", format!("{name}: {}", in_words(&roles, &systems))),
    };
    let edit = UserEdit::Add { name: name.as_str().into(), grants, key: kept, at_ms };
    match edited(&app, edit).await? {
        Some(user) => {
            noted(&app, &viewer, what, &detail).await?;
            let view = Whole::of(&app, &name, Some(&user)).view();
            Ok(json(StatusCode::CREATED, &UserView { key: shown, ..view }))
        }
        None => Err(no_user(&name)),
    }
}

fn in_words(roles: &[String], systems: &[String]) -> String {
    let or = |list: &[String], usual: &str| if list.is_empty() { usual.to_owned() } else { list.join(", ") };
    format!("{} in {}", or(roles, "user"), or(systems, "all systems"))
}

pub(crate) async fn remove(State(app): State<Arc<App>>, viewer: Viewer, Path(name): Path<String>) -> Answer {
    if !Whole::of(&app, &name, None).first.is_empty() {
        return Err(in_file(&format!("the user `{name}` stands")));
    }
    match edited(&app, UserEdit::Remove { name: name.as_str().into() }).await? {
        Some(user) => {
            noted(&app, &viewer, "user_removed", &name).await?;
            ok(&Whole::of(&app, &name, Some(&user)).view())
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
    if let Some(user) = edited(&app, edit).await? {
        noted(&app, &viewer, "key_revoked", &format!("{name}: {key}")).await?;
        return ok(&Whole::of(&app, &name, Some(&user)).view());
    }
    let first = Whole::of(&app, &name, None).first;
    if first.iter().any(|user| user.keys.iter().any(|known| *known.id == *key)) {
        return Err(in_file(&format!("the key `{key}` stands")));
    }
    Err(Refused::unknown("key", &key, "GET /users lists the users with the ids of their keys"))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Where {
    /// Left out: the role for all systems.
    system: Option<String>,
}

/// Takes one role away, in one system or for all of them.
pub(crate) async fn withdraw(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((name, role)): Path<(String, String)>,
    Query(Where { system }): Query<Where>,
) -> Answer {
    let grant = Grant { system: system.as_deref().map(Into::into), role: role.as_str().into() };
    let edit = UserEdit::Withdraw { name: name.as_str().into(), grant: grant.clone() };
    if let Some(user) = edited(&app, edit).await? {
        let detail = format!("{name}: {}", in_words(&[role], system.as_slice()));
        noted(&app, &viewer, "role_withdrawn", &detail).await?;
        return ok(&Whole::of(&app, &name, Some(&user)).view());
    }
    if Whole::of(&app, &name, None).first.iter().any(|user| user.grants.contains(&grant)) {
        return Err(in_file(&format!("the role `{role}` of `{name}` stands")));
    }
    Err(Refused::unknown(
        "role",
        &role,
        "GET /users lists what each user may do where; name the system that the role is had in, and none for one had everywhere",
    ))
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
    Refused::unknown("user", name, "GET /users lists them")
}

fn in_file(what: &str) -> Refused {
    Refused::new(StatusCode::CONFLICT, format!("{what} in hefe.toml"))
        .code("in_file")
        .help("take it out of the file and start the server again")
}
