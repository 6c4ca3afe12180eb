//! What the outside sees: routes, live delivery, sign-in, pages.
//!
//! ```text
//! a request -> guard (who may speak to us) -> routes (JSON) or pages (HTML) -> engine
//! store::changes -> live (who may see it, newest state wins) -> /SYSTEM/events, or pusher's /app/KEY -> a page
//! ```
//!
//! It promises that nothing leaves that its reader may not see: what a provider said is withheld at this border (see
//! `border`), private items reach their person only. It never writes: it calls the engine. It knows no SQL and steps no graph.

mod answer;
mod app;
mod asked;
mod base;
mod border;
mod busy;
mod door;
mod graph;
mod guard;
mod layout;
mod live;
mod once;
mod openapi;
mod pages;
mod pusher;
mod route;
mod routes;
mod schema;
mod secret;
mod serve;
mod settings;
mod time;
mod view;

pub use app::{Site, site};
pub use border::withhold;
pub use door::{Doors, TokenAlgorithm, TokenKeys, TokenSettings, key, name};
pub use graph::{Path, draw, mermaid, standalone};
pub use serve::{Listener, raise_descriptors, serve};
pub use settings::Settings;
