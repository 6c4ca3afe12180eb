//! What a run takes along from its start, as the store keeps it: the person, the roles, the locale, and the variables
//! where they are more than the input.

use std::sync::Arc;

use interpreter::{End, Flight, Machine, Run, Start, Then, journal};
use recipe::{List, Map, Value};
use store::{Checkpoint, Entries, NewRun};
use workflow::{Graph, System};

use crate::{Person, Shared};

/// The field of a context that says where the addresses begin that the run hands out.
pub(crate) const BASE: &str = "base";

/// The field of a context that names the workflows that failures have started on the way to the run.
const AFTER: &str = "after";

/// The workflows that failures have started on the way to a run, the first one first.
pub(crate) fn after(context: &Value) -> List {
    context.get(AFTER).and_then(Value::as_list).cloned().unwrap_or_default()
}

/// A context that names them.
pub(crate) fn with_after(context: &Value, after: List) -> Value {
    let mut context = context.as_object().cloned().unwrap_or_default();
    context.insert(AFTER, Value::List(after));
    Value::Object(context)
}

/// The context of a run that a person starts. `base` is given where a file asks for addresses.
pub(crate) fn of_person(person: Option<&Person>, workflow: &str, base: Option<&str>) -> Value {
    let user = match person {
        None => Value::Null,
        Some(person) => object([("id", Value::from(&*person.id)), ("name", Value::from(&*person.id))]),
    };
    let roles: List =
        person.into_iter().flat_map(|person| &person.roles).map(|role| Value::from(&**role)).collect();
    let locale = person.map_or("en", |person| &person.locale);
    let fields = [
        ("user", user),
        ("roles", Value::List(roles)),
        ("locale", Value::from(locale)),
        ("workflow", Value::from(workflow)),
    ];
    Value::Object(fields.into_iter().chain(base.map(|base| (BASE, Value::from(base)))).collect::<Map>())
}

/// The context that a run hands on to one that it starts: the same person; variables only where they are not the input.
pub(crate) fn handed_on(context: &Value, start: &interpreter::effect::Start) -> Value {
    let mut context = context.as_object().cloned().unwrap_or_default();
    let same = start.input.as_object().is_some_and(|input| *input == start.vars)
        || (start.input.is_null() && start.vars.is_empty());
    if same {
        context.remove("vars");
    } else {
        context.insert("vars", Value::Object(start.vars.clone()));
    }
    Value::Object(context)
}

/// The context of a run that begins anew: its addresses begin where the server is reached now.
pub(crate) fn anew(context: &Value, base: &str) -> Value {
    let mut context = context.as_object().cloned().unwrap_or_default();
    if context.get(BASE).is_some() {
        context.insert(BASE, Value::from(base));
    }
    Value::Object(context)
}

fn object<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Object(fields.into_iter().collect::<Map>())
}

/// The workflow of the run that a person or a schedule started.
pub(crate) fn root_workflow(new: &NewRun) -> Arc<str> {
    match new.context.get("workflow").and_then(Value::as_str) {
        Some(workflow) => workflow.into(),
        None => new.workflow.clone(),
    }
}

/// Whether it began in a request that waits for it: a run that is started in the background is its person's own (`direct`), or
/// another's child.
pub(crate) fn in_request(new: &NewRun) -> bool {
    !new.direct && new.parent.is_none()
}

/// What the interpreter is told of the run.
pub(crate) fn facts(shared: &Shared, new: &NewRun) -> Arc<Run> {
    let field = |name: &str| new.context.get(name).cloned().unwrap_or_default();
    let roles = field("roles");
    let roles = roles.as_list().into_iter().flat_map(|list| list.iter());
    Arc::new(Run {
        id: new.id.0,
        id_text: new.id.to_string().into(),
        root: new.root.0,
        system: new.system.clone(),
        user: field("user"),
        roles: roles.filter_map(Value::as_str).map(Into::into).collect(),
        locale: field("locale").as_str().unwrap_or("en").into(),
        timezone: "UTC".into(),
        in_request: in_request(new),
        signals: shared.doors.of(new),
    })
}

/// Where and with what the run starts. An event's payload is no variable; what action/run or a command hands over is.
pub(crate) fn start(new: &NewRun, graph: &Graph) -> Start {
    let event = graph.events.iter().find(|event| !new.entry.is_empty() && event.identifier == new.entry);
    let vars = match (event, new.context.get("vars")) {
        (Some(_), _) => Map::new(),
        (None, Some(vars)) => vars.as_object().cloned().unwrap_or_default(),
        (None, None) => new.input.as_object().cloned().unwrap_or_default(),
    };
    Start {
        workflow: new.workflow.clone(),
        element: event.map(|event| event.element),
        input: new.input.clone(),
        vars,
        at_ms: new.created_at_ms,
    }
}

/// The machine of a run: from its beginning, or from its journal.
pub(crate) fn machine(
    shared: &Shared,
    system: &Arc<System>,
    new: &NewRun,
    journal: (Option<Checkpoint>, Vec<Entries>),
) -> Result<Machine, interpreter::Failure> {
    let graph = system.workflows.get(&*new.workflow).ok_or_else(|| {
        let says = format!("there is no workflow `{}`", new.workflow);
        interpreter::Failure::new("missing_workflow", says)
    })?;
    let (start, run) = (start(new, graph), facts(shared, new));
    let (checkpoint, chunks) = journal;
    if checkpoint.is_none() && chunks.is_empty() {
        return Machine::start(system.clone(), run, start);
    }
    let entries = decode(&chunks, checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.at))?;
    let state = checkpoint.map(|Checkpoint { bytes, blobs, .. }| interpreter::Checkpoint { bytes, blobs });
    Machine::resume(system.clone(), run, start, state.as_ref(), entries)
}

/// Goes through all that is recorded, and lets others work meanwhile: what the run waits for then, or how it ended.
pub(crate) async fn replay(machine: &mut Machine) -> (Vec<Flight>, Option<Box<End>>) {
    let mut flights = Vec::new();
    loop {
        let turn = machine.advance(256);
        flights.extend(turn.flights);
        match turn.then {
            Then::More => tokio::task::yield_now().await,
            Then::Await => return (flights, None),
            Then::End(end) => return (flights, Some(end)),
        }
    }
}

/// The entries after the first `seen`.
pub(crate) fn decode(chunks: &[Entries], seen: u64) -> Result<Vec<journal::Entry>, interpreter::Failure> {
    let mut entries = Vec::new();
    for chunk in chunks {
        let read =
            journal::decode(&chunk.bytes).map_err(|journal::Unreadable(why)| interpreter::Failure {
                detail: Value::from(why.as_str()),
                ..interpreter::Failure::new("replay_mismatch", "the run's journal cannot be read")
            })?;
        let skip = seen.saturating_sub(chunk.at) as usize;
        entries.extend(read.into_iter().skip(skip));
    }
    Ok(entries)
}
