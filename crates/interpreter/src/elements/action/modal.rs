//! action/modal

use recipe::Value;
use workflow::{Class, Declaration, Json, Port};

use super::page;
use crate::{
    effect::{Asked, Failure, Wait},
    element::{Again, Firing, Ports, Step, Type, port},
    elements::{IN, ignored, literal, value},
};

/// How long it can be answered, milliseconds.
const OPEN_MS: i64 = 24 * 3_600_000;

pub(in crate::elements) const TYPE: Type = Type {
    declaration: &Declaration {
        name: "action/modal",
        doc: "Asks the person in the browser that asked; the run parks until they answer, up to 24 h.",
        class: Class::Wait,
        options: &[
            value("title", "For people."),
            literal("layout", &[Json::Any], "The layout that is shown, by name or as it stands."),
            literal("fields", &[Json::Any], "What is asked for."),
            literal("hard", &[Json::Any], "true: it can only be answered, not closed."),
            literal("type", &[Json::Text], "How it looks; the effect's `style`."),
            literal("autosave_key", &[Json::Text], "Under which the browser keeps what was not sent."),
            ignored("checkpoint"),
        ],
        ins: IN,
        outs: &[
            Port { name: "confirm", doc: "What the person sent." },
            Port { name: "cancel", doc: "The input, when they closed it, or did not answer in time." },
        ],
        outs_from: None,
        examples: &[],
    },
    step,
    finish,
    turn: |_, _| Ok(Again::Close(Ports::new())),
};

fn step(firing: &mut Firing<'_>) -> Result<Step, Failure> {
    if !firing.run.in_request {
        let says = "a modal is shown in the browser that asked, and nobody waits for an answer of this run: it works in the background";
        return Err(Failure::new("no_request", says));
    }
    let checkpoint = firing.run.signals.checkpoint(firing.run.id, firing.id());
    let effect = page(
        "modal",
        [
            ("checkpoint", Value::from(checkpoint)),
            ("title", firing.value("title")?),
            ("layout", firing.value("layout")?),
            ("fields", firing.value("fields")?),
            ("hard", firing.value("hard")?),
            ("style", firing.value("type")?),
            ("autosave_key", firing.value("autosave_key")?),
            ("data", firing.input()),
        ],
    );
    firing.left.page.push(effect);
    let until_ms = firing.facts.now_ms.saturating_add(OPEN_MS);
    Ok(Step::Ask(Asked::Wait(Wait::Modal { until_ms })))
}

fn finish(firing: &mut Firing<'_>, came: Value) -> Result<Ports, Failure> {
    let answer = came.as_list().and_then(|list| list.first());
    let confirmed = answer.filter(|answer| !answer.get("cancel").is_some_and(Value::truthy));
    Ok(match confirmed {
        Some(answer) => port("confirm", answer.get("data").cloned().unwrap_or_default()),
        None => port("cancel", firing.input()),
    })
}
