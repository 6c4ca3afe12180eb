//! Where a run starts: the payload leaves on the ports of the event's element.

use recipe::Value;
use smallvec::smallvec;
use workflow::{Class, Declaration, Example, Json, Opt, Port};

use super::{IN, ignored, literal};
use crate::{
    effect::Failure,
    element::{Firing, PortName, Step, Type},
};

const OPTIONS: &[Opt] = &[
    literal("module", &[Json::Text], "Only for records of this module."),
    literal("async", &[Json::Bool], "Overrides the workflow's `async`."),
    literal("public", &[Json::Bool], "Needs no sign-in."),
    literal("roles", &[Json::List], "Who may start it."),
    ignored("title"),
    ignored("show_in_button_bar"),
    ignored("refresh_prototype"),
];

const EXAMPLE: Example = Example {
    says: "the body of the request is what the next element gets",
    element: "{}",
    input: r#"{"project": {"id": 7}}"#,
    output: r#"{"default": {"project": {"id": 7}}}"#,
};

pub(super) const WEBHOOK: Type = Type::plain(
    &Declaration {
        name: "event/webhook",
        doc: "Starts a run at POST /SYSTEM/webhook/IDENTIFIER.",
        class: Class::Pure,
        options: OPTIONS,
        ins: IN,
        outs: &[
            Port { name: "default", doc: "The record, else the body." },
            Port { name: "input", doc: "The body." },
            Port { name: "request", doc: "The body." },
            Port { name: "prototype", doc: "The record with the body's fields laid over it, unsaved." },
        ],
        outs_from: None,
        examples: &[EXAMPLE],
    },
    |firing| Ok(all(firing.input(), &["default", "input", "request", "prototype"])),
);

pub(super) const CRON: Type = Type::plain(
    &Declaration {
        name: "event/cron",
        doc: "Starts a run when its schedule is due.",
        class: Class::Pure,
        options: &[
            literal(
                "expression",
                &[Json::Text],
                "Minute, hour, day of month, month and day of week: `0 8 * * 1-5`.",
            ),
            literal(
                "timezone",
                &[Json::Text],
                "Where that is the time, as `Europe/Berlin`; the system's by default.",
            ),
            literal(
                "catchup",
                &[Json::Text],
                "What becomes of times at which everything was down: `latest` (default), `all`, `none`.",
            ),
            literal(
                "overlap",
                &[Json::Text],
                "What becomes of a time at which its last run still lives: `skip` (default), `queue`, `allow`.",
            ),
            literal("async", &[Json::Bool], "Without effect: nobody waits for it."),
            ignored("title"),
        ],
        ins: IN,
        outs: &[Port { name: "default", doc: "{scheduled_at, fired_at, previous_at}." }],
        outs_from: None,
        examples: &[Example {
            says: "when it was due, when it began, and when it was due before that",
            element: "{}",
            input: r#"{"scheduled_at": "2026-03-02T07:00:00Z", "fired_at": "2026-03-02T07:00:00.012Z", "previous_at": null}"#,
            output: r#"{"default": {"scheduled_at": "2026-03-02T07:00:00Z", "fired_at": "2026-03-02T07:00:00.012Z", "previous_at": null}}"#,
        }],
    },
    |firing| Ok(all(firing.input(), &["default"])),
);

pub(super) const FAILED: Type = Type::plain(
    &Declaration {
        name: "event/failed",
        doc: "Starts a run when a run of this system has failed for good.",
        class: Class::Pure,
        options: &[
            literal("workflow", &[Json::Text], "Only for runs of this workflow."),
            literal("async", &[Json::Bool], "Without effect: nobody waits for it."),
            ignored("title"),
        ],
        ins: IN,
        outs: &[Port { name: "default", doc: "{run, workflow, error, user}." }],
        outs_from: None,
        examples: &[Example {
            says: "which run it was, why it failed, and for whom it worked",
            element: "{}",
            input: r#"{"run": "01900000-0000-7000-8000-000000000000", "workflow": "Import", "error": {"code": "timeout"}, "user": null}"#,
            output: r#"{"default": {"run": "01900000-0000-7000-8000-000000000000", "workflow": "Import", "error": {"code": "timeout"}, "user": null}}"#,
        }],
    },
    |firing| Ok(all(firing.input(), &["default"])),
);

const BROWSER_OUTS: &[Port] = &[
    Port { name: "default", doc: "The record, else the whole body." },
    Port { name: "value", doc: "The field's value." },
    Port { name: "selector", doc: "The field." },
    Port { name: "original", doc: "The record as it was." },
];

pub(super) const ON_CLICK: Type = Type::plain(
    &Declaration {
        name: "event/on_click",
        doc: "Starts a run when someone clicks a button: POST like a webhook with {resource, original, selector, value}.",
        class: Class::Pure,
        options: OPTIONS,
        ins: IN,
        outs: BROWSER_OUTS,
        outs_from: None,
        examples: &[],
    },
    browser,
);

pub(super) const ON_CHANGE: Type = Type::plain(
    &Declaration {
        name: "event/on_change",
        doc: "Starts a run when someone changes a field: POST like a webhook with {resource, original, selector, value}.",
        class: Class::Pure,
        options: OPTIONS,
        ins: IN,
        outs: BROWSER_OUTS,
        outs_from: None,
        examples: &[],
    },
    browser,
);

fn all(value: Value, ports: &[&'static str]) -> Step {
    Step::Emit(ports.iter().map(|name| (PortName::Fixed(name), value.clone())).collect())
}

fn browser(firing: &mut Firing<'_>) -> Result<Step, Failure> {
    let input = firing.input();
    let field = |name: &str| input.get(name).cloned().unwrap_or_default();
    let default = input.get("resource").cloned().unwrap_or_else(|| input.clone());
    Ok(Step::Emit(smallvec![
        (PortName::Fixed("default"), default),
        (PortName::Fixed("value"), field("value")),
        (PortName::Fixed("selector"), field("selector")),
        (PortName::Fixed("original"), field("original")),
    ]))
}
