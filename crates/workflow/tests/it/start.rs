//! Where a workflow starts.

use recipe::Value;

use crate::{check, graph};

fn file(elements: &str, more: &str) -> String {
    format!("{{ \"elements\": [\n{elements}\n]{more} }}")
}

const CHAIN: &str = r#"{ "name": "two", "type": "test/plain" },
{ "name": "one", "type": "test/plain", "to": { "default": { "two": ["default"] } } }"#;
const PAIR: &str = r#"{ "name": "one", "type": "test/plain" },
{ "name": "two", "type": "test/plain" }"#;
const RING: &str = r#"{ "name": "one", "type": "test/plain", "to": { "default": { "two": ["default"] } } },
{ "name": "two", "type": "test/plain", "to": { "default": { "one": ["default"] } } }"#;

#[test]
fn the_only_element_without_an_incoming_edge() {
    assert_eq!(graph(&file(CHAIN, "")).entry, Some(1));
    assert_eq!(graph(&file(CHAIN, r#", "entry": "two""#)).entry, Some(0));
    assert_eq!(graph(&file(RING, r#", "entry": "two""#)).entry, Some(1));
}

#[test]
fn an_event_where_nothing_else_says() {
    let hook = r#"{ "name": "hook", "type": "event/webhook" }, { "name": "note", "type": "test/plain" }"#;
    let graph = graph(&file(hook, r#", "events": [{ "identifier": "hook", "type": "webhook" }]"#));
    assert_eq!((graph.entry, graph.events.len()), (Some(0), 1));
}

#[test]
fn no_way_to_start() {
    insta::assert_snapshot!(check(&[("a", &file(PAIR, ""))]), @r#"
    error[HF006]: nothing says where this workflow starts: nothing leads to `one`, nor to `two`
      --> workflows/a.workflow.json:3:11
      |
    3 | { "name": "two", "type": "test/plain" }
      |           ^^^^^
    help: add the edge that is missing, name the start with `entry`, or add an event

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", &file(RING, ""))]), @r#"
    error[HF006]: nothing starts this workflow: every element has an incoming edge, and there is no event
      --> workflows/a.workflow.json:1:15
      |
    1 | { "elements": [
      |               ^
    help: name one with `entry`, or add an event

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{}")]), @r#"
    error[HF006]: this workflow has no elements
      --> workflows/a.workflow.json:1:1
      |
    1 | {}
      | ^
    help: name one with `entry`, or add an event

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", &file(PAIR, r#", "entry": "tow""#))]), @r#"
    error[HF006]: `entry` names no element: `tow`
      --> workflows/a.workflow.json:4:13
      |
    4 | ], "entry": "tow" }
      |             ^^^^^
    help: name an element of this file

    loaded: nothing
    "#);
}

#[test]
fn events_that_lead_nowhere() {
    let hook =
        r#"{ "name": "newOrder", "type": "event/webhook" }, { "name": "plain", "type": "test/plain" }"#;
    let events = r#",
"events": [
  { "identifier": "newOrders", "type": "webhook" },
  { "type": "webhook" },
  { "identifier": "newOrder", "type": "webhok" },
  { "identifier": "plain" },
  "newOrder"
]"#;
    insta::assert_snapshot!(check(&[("a", &file(hook, events))]), @r#"
    error[HF007]: the event `newOrders` has no element of that name
      --> workflows/a.workflow.json:5:19
      |
    5 |   { "identifier": "newOrders", "type": "webhook" },
      |                   ^^^^^^^^^^^
    help: did you mean `newOrder`?

    error[HF007]: an event has no `identifier`
      --> workflows/a.workflow.json:6:3
      |
    6 |   { "type": "webhook" },
      |   ^^^^^^^^^^^^^^^^^^^^^
    help: name the event element where the run starts

    error[HF007]: there is no event type `webhok`
      --> workflows/a.workflow.json:7:39
      |
    7 |   { "identifier": "newOrder", "type": "webhok" },
      |                                       ^^^^^^^^
    help: did you mean `webhook`?

    error[HF007]: an event has no `type`
      --> workflows/a.workflow.json:8:3
      |
    8 |   { "identifier": "plain" },
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^
    help: say what starts it: webhook, cron, or another

    error[HF007]: an event has no `identifier`
      --> workflows/a.workflow.json:9:3
      |
    9 |   "newOrder"
      |   ^^^^^^^^^^
    help: name the event element where the run starts

    loaded: nothing
    "#);
}

#[test]
fn keys_of_an_event_win_over_options_of_its_element() {
    let hook = r#"{ "name": "hook", "type": "event/webhook", "options": { "public": true, "async": true, "roles": ["a"], "module": "order" } }"#;
    let with = |keys: &str| {
        let more = format!(r#", "events": [{{ "identifier": "hook", {keys} "title": null }}]"#);
        let event = graph(&file(hook, &more)).events[0].clone();
        let roles: Vec<String> = event.roles.iter().map(ToString::to_string).collect();
        (
            event.kind.to_string(),
            event.public,
            event.is_async,
            roles.join(","),
            event.module.as_deref().map(str::to_owned),
        )
    };
    let own = ("webhook".to_owned(), true, Some(true), "a".to_owned(), Some("order".to_owned()));
    assert_eq!(with(""), own);
    assert_eq!(with(r#""public": null, "async": null, "roles": null, "module": null,"#), own);
    assert_eq!(
        with(r#""public": false, "async": false, "roles": ["b", "c"], "module": "","#),
        ("webhook".to_owned(), false, Some(false), "b,c".to_owned(), None)
    );
    assert_eq!(with(r#""roles": {},"#).3, "");
}

#[test]
fn null_in_the_elements_options_is_left_out_too() {
    let hook = r#"{ "name": "hook", "type": "event/webhook", "options": { "public": null, "async": null } }"#;
    let event = graph(&file(hook, r#", "events": [{ "identifier": "hook" }]"#)).events[0].clone();
    assert_eq!((event.public, event.is_async), (false, None));
    assert_eq!(event.options.get("async"), None::<&Value>);
}

#[test]
fn of_two_events_the_one_that_takes_the_module() {
    let hook = |module: &str| {
        let event = format!(r#", "events": [{{ "identifier": "hook", "type": "webhook"{module} }}]"#);
        file(r#"{ "name": "hook", "type": "event/webhook" }"#, &event)
    };
    let (any, order) = (hook(""), hook(r#", "module": "order""#));
    let both = crate::files([("any", any.as_bytes()), ("order", order.as_bytes()), ("zany", any.as_bytes())]);
    let starts = |system: &workflow::System, module| {
        system.event(&["webhook"], "hook", module).map(|(graph, _)| graph.identifier.to_string())
    };
    assert_eq!(starts(&both, Some("order")).as_deref(), Some("order"));
    assert_eq!(starts(&both, Some("invoice")).as_deref(), Some("any"));
    assert_eq!(starts(&both, None).as_deref(), Some("any"));
    let only = crate::files([("order", order.as_bytes())]);
    assert_eq!(starts(&only, Some("invoice")), None);
    assert_eq!(starts(&only, None), None);
}

#[test]
fn an_event_outside_the_catalog() {
    insta::assert_snapshot!(check(&[("a", &file(r#"{ "name": "one", "type": "event/moon" }"#, r#", "events": [{ "identifier": "one", "type": "moon" }]"#))]), @r#"
    error[HF002]: there is no element type `event/moon`
      --> workflows/a.workflow.json:2:26
      |
    2 | { "name": "one", "type": "event/moon" }
      |                          ^^^^^^^^^^^^
    help: did you mean `event/cron`?

    error[HF007]: there is no event type `moon`
      --> workflows/a.workflow.json:3:46
      |
    3 | ], "events": [{ "identifier": "one", "type": "moon" }] }
      |                                              ^^^^^^
    help: look at the list of events for what there is

    loaded: nothing
    "#);
}
