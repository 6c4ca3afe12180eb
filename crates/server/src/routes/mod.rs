//! One file a group of routes, each with its lines of the table ([`GROUPS`]). Handlers read the request, ask the engine or
//! the store, and write a view.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod body;
pub(crate) mod broadcasting;
pub(crate) mod bulk;
mod docs;
pub(crate) mod events;
pub(crate) mod health;
mod metrics;
pub(crate) mod mine;
mod modal;
pub(crate) mod notifications;
pub(crate) mod progress;
mod queues;
pub(crate) mod runs;
mod schedules;
pub(crate) mod users;
mod versions;
pub(crate) mod webhook;
pub(crate) mod workflows;

use crate::{pages, pusher, route::Route};

/// The table: everything that is served, by group. The router, /openapi.json, /docs and the matrix are made from it.
pub(crate) const GROUPS: &[(&str, &[Route])] = &[
    ("start", webhook::ROUTES),
    ("workflows", workflows::ROUTES),
    ("versions", versions::ROUTES),
    ("runs", runs::ROUTES),
    ("bulk", bulk::ROUTES),
    ("queues", queues::ROUTES),
    ("schedules", schedules::ROUTES),
    ("progress", progress::ROUTES),
    ("mine", mine::ROUTES),
    ("notifications", notifications::ROUTES),
    ("live", events::ROUTES),
    ("broadcasting", broadcasting::ROUTES),
    ("pusher", pusher::ROUTES),
    ("audit", audit::ROUTES),
    ("users", users::ROUTES),
    ("account", account::ROUTES),
    ("server", health::ROUTES),
    ("metrics", metrics::ROUTES),
    ("docs", docs::ROUTES),
    ("pages", pages::ROUTES),
];

/// All lines.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    GROUPS.iter().flat_map(|(_, table)| table.iter())
}
