//! action/modal: what goes out with which answer, live and at a replay.

use std::sync::Arc;

use interpreter::{
    End, Entry, Flight, Machine, Outcome, Run, Signals, Then,
    effect::{Asked, Wait},
};
use recipe::Value;

use crate::{check, element, file, run, start, system};

const DAY_MS: i64 = 24 * 3_600_000;

fn asked() -> Arc<Run> {
    Arc::new(Run { in_request: true, ..Run::clone(&run()) })
}

fn machine(files: &[String], kept: &[Entry]) -> Machine {
    let start = start("w", Value::from_json(r#"{"n": 3}"#).unwrap());
    Machine::resume(system(files), asked(), start, None, kept.to_vec()).unwrap()
}

/// Goes on until every branch waits, or to the end.
fn rest(machine: &mut Machine) -> (Vec<Flight>, Option<End>) {
    let mut flights = Vec::new();
    loop {
        let turn = machine.advance(8);
        flights.extend(turn.flights);
        match turn.then {
            Then::More => {}
            Then::Await => return (flights, None),
            Then::End(end) => return (flights, Some(*end)),
        }
    }
}

fn lands(machine: &mut Machine, flight: &Flight, json: &str) -> Entry {
    let outcome = Outcome { at_ms: 2_000, result: Ok(Value::from_json(json).unwrap()) };
    machine.outcome(flight.firing, flight.number, outcome).unwrap()
}

fn kinds(effects: &[Value]) -> Vec<String> {
    effects.iter().map(|effect| effect.get("title").or(effect.get("url")).unwrap().to_text()).collect()
}

fn handed(machine: &Machine) -> Vec<String> {
    kinds(&machine.handed_over().expect("an answer"))
}

fn redirect(name: &str, to: &str) -> String {
    let to = if to.is_empty() { String::new() } else { format!(r#", "to": {{"default": {{{to}}}}}"#) };
    element(name, "action/redirect", &format!(r#""options": {{"url": "{name}"}}{to}"#))
}

fn modal(name: &str, to: &str) -> String {
    element(
        name,
        "action/modal",
        &format!(r#""options": {{"title": "{name}", "fields": [{{"name": "x"}}]}}, "to": {{{to}}}"#),
    )
}

/// One modal after the other, with effects between.
fn wizard() -> [String; 1] {
    let one = r#""confirm": {"b": ["default"]}, "cancel": {"gone": ["default"]}"#;
    let elements = [
        redirect("a", r#""one": ["default"]"#),
        modal("one", one),
        redirect("b", r#""two": ["default"]"#),
        modal("two", r#""confirm": {"answer": ["default"]}, "cancel": {"answer": ["default"]}"#),
        element("answer", "action/response", r#""to": {"default": {"c": ["default"]}}"#),
        redirect("c", ""),
        redirect("gone", ""),
    ];
    [file("w", "a", &elements)]
}

#[test]
fn each_answer_has_what_came_since_the_one_before() {
    let files = wizard();
    let mut live = machine(&files, &[]);
    let (flights, _) = rest(&mut live);
    assert_eq!(handed(&live), ["a", "one"]);
    let effect = live.handed_over().unwrap().remove(1);
    let field = |name: &str| effect.get(name).cloned().unwrap_or_default().to_json();
    assert_eq!(
        (field("type"), field("fields"), field("data")),
        (r#""modal""#.into(), r#"[{"name":"x"}]"#.into(), r#"{"n":3}"#.into())
    );
    assert_eq!(flights[0].asked, Asked::Wait(Wait::Modal { until_ms: 1_000 + DAY_MS }));
    let signals = Signals::new(Arc::new([7; 32]), "elsewhere".into());
    let checkpoint = effect.get("checkpoint").unwrap().to_text();
    assert_eq!(signals.opens(&checkpoint), Some((7, flights[0].firing)));

    let mut entries = vec![lands(&mut live, &flights[0], r#"[{"data": {"x": 1}}]"#)];
    assert_eq!(live.handed_over(), None, "a request waits");
    let (flights, _) = rest(&mut live);
    assert_eq!(handed(&live), ["b", "two"]);
    let state = live.checkpoint();
    entries.push(lands(&mut live, &flights[0], r#"[{"data": {"y": 2}}]"#));
    let (_, end) = rest(&mut live);
    let end = end.unwrap();
    assert_eq!(kinds(&end.page), ["a", "one", "b", "two", "c"]);
    assert_eq!(
        (kinds(&end.page[end.handed..]), end.result.to_json()),
        (vec!["c".into()], r#"{"y":2}"#.into())
    );

    // The same from the journal, however far it has got, and from a state.
    for cut in 0..=entries.len() {
        let mut again = machine(&files, &entries[..cut]);
        let (_, ended) = rest(&mut again);
        match cut {
            0 => assert_eq!(handed(&again), ["a", "one"]),
            1 => assert_eq!(handed(&again), ["b", "two"]),
            _ => assert_eq!(ended, Some(end.clone())),
        }
    }
    let start = start("w", Value::from_json(r#"{"n": 3}"#).unwrap());
    let mut again = Machine::resume(system(&files), asked(), start, Some(&state), vec![]).unwrap();
    rest(&mut again);
    assert_eq!(handed(&again), ["b", "two"]);
}

#[test]
fn who_closes_it_and_who_never_answers_cancels() {
    for (came, result) in [(r#"[{"cancel": true}]"#, r#"{"n":3}"#), ("null", r#"{"n":3}"#), ("[{}]", "null")]
    {
        let one = modal("one", r#""confirm": {"answer": ["default"]}, "cancel": {"told": ["default"]}"#);
        let told = redirect("told", r#""answer": ["default"]"#);
        let files = [file("w", "one", &[one, told, element("answer", "action/response", "")])];
        let mut live = machine(&files, &[]);
        let (flights, _) = rest(&mut live);
        lands(&mut live, &flights[0], came);
        let end = rest(&mut live).1.unwrap();
        let told = usize::from(result != "null");
        assert_eq!(
            (end.result.to_json().as_str(), end.page.len(), end.handed),
            (result, 1 + told, 1),
            "{came}"
        );
    }
}

#[test]
fn a_request_is_answered_only_where_nothing_else_goes_on() {
    let elements = [
        element(
            "both",
            "flow/if",
            r#""options": {"condition": "true"}, "to": {"default": {"one": ["default"], "two": ["default"], "call": ["default"]}}"#,
        ),
        modal("one", r#""confirm": {"b": ["default"]}"#),
        modal("two", r#""confirm": {"c": ["default"]}"#),
        element(
            "call",
            "api/http",
            r#""options": {"uri": "http://x.example/"}, "to": {"default": {"a": ["default"]}}"#,
        ),
        redirect("a", ""),
        redirect("b", ""),
        redirect("c", ""),
    ];
    let mut live = machine(&[file("w", "both", &elements)], &[]);
    let (flights, _) = rest(&mut live);
    assert_eq!(live.handed_over(), None, "a call is under way");
    lands(&mut live, &flights[2], "{}");
    rest(&mut live);
    assert_eq!(handed(&live), ["one", "two", "a"]);
    lands(&mut live, &flights[1], "[{}]");
    rest(&mut live);
    assert_eq!(handed(&live), ["c"], "the other one is open still");
    lands(&mut live, &flights[0], "[{}]");
    let end = rest(&mut live).1.unwrap();
    assert_eq!(kinds(&end.page[end.handed..]), ["b"]);
}

#[test]
fn in_the_background_it_fails_in_clear_words() {
    let files = [file("w", "one", &[modal("one", "")])];
    let failure = check(&files, "1", &[]).end.failure.unwrap();
    assert!(&*failure.code == "no_request" && failure.message.contains("background"), "{failure:?}");
}
