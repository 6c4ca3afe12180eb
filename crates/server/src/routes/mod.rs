//! One file a group of routes. Handlers read the request, ask the engine or the store, and write a view.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod body;
pub(crate) mod broadcasting;
pub(crate) mod bulk;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod mine;
mod modal;
pub(crate) mod notifications;
pub(crate) mod progress;
pub(crate) mod runs;
pub(crate) mod users;
pub(crate) mod webhook;
pub(crate) mod workflows;
