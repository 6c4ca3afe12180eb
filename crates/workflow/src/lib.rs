//! A project's files (path and bytes) to graphs.
//!
//! [`load`] takes what a system's folder holds and the [`Catalog`] of element types, and gives a [`System`]: the
//! graphs that work, and a [`Diagnostic`] for every place that does not. It never touches the disk and knows no
//! element by name.

mod catalog;
mod cron;
mod diagnostic;
mod graph;
mod json;
mod load;
mod sabotage;
mod schedule;
mod schema;
mod template;
mod units;

pub use catalog::{Catalog, Class, Declaration, Example, Json, Kind, Opt, Port};
pub use cron::{Cron, CronError};
pub use diagnostic::{Diagnostic, Place, Severity};
pub use graph::{Binding, Element, Event, Graph, Options, Source, System, Target};
pub use load::{File, Sources, Spot, Step, load, load_with_sources, nearest};
pub use schedule::{Catchup, Overlap, Schedule};
pub use schema::schema;
pub use template::{Part, Template};
pub use units::{duration_ms, size_bytes};
