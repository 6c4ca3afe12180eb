//! What a run really carries to people is never more than what is found without running it: ways put together at random, run,
//! and looked at.

use std::{collections::HashMap, sync::Arc};

use interpreter::{
    Machine, Outcome, Output, Run, Signals, Start, Then,
    effect::{Asked, Own, Wait},
};
use recipe::{Map, Taint, Value};
use workflow::{File, System, load};

use crate::{
    of,
    taint::{Step, begin, files, sources, step, ways},
};

/// What a provider answers with.
const BODIES: &[&str] = &[
    r#""words""#,
    r#"{"a": {"b": "words"}, "name": "words", "good": true, "message": "words", "result": "words"}"#,
    r#"["one", "two"]"#,
    r#"[{"name": "words", "good": true, "a": {"b": ["words"]}}, {"name": "others"}]"#,
    r#"{"rows": [{"n": "words"}], "n": 5}"#,
];

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// A provider's words over some ways, with names of their own, to a message that everyone gets.
fn composed(dice: &mut Dice) -> (Vec<String>, String) {
    let (sources, ways) = (sources(), ways());
    let (source, mut steps) = sources[dice.below(sources.len())].clone();
    let (mut says, mut others) = (source.to_owned(), Vec::new());
    for turn in 0..=dice.below(4) {
        let (way, more, parts) = ways[dice.below(ways.len())].clone();
        let part = format!("\"Part{turn}\"");
        let own = |step: Step| step.clone().renamed(&format!("{}{turn}", step.name)).with("\"Part\"", &part);
        steps.extend(more.into_iter().map(own));
        others.extend(parts.into_iter().map(|file| file.replace("\"Part\"", &part)));
        says = format!("{says}, {way}");
    }
    let sink = step("sink", "cast/event", r#""options": { "event": "said", "data": "${this}" }"#, "default");
    (files(&[vec![begin()], steps].concat(), &[sink], &others), says)
}

/// Whether a provider's words come to the sink; None: nothing comes there.
fn carries(files: &[String], body: &str) -> Option<bool> {
    let files: Vec<File> = files
        .iter()
        .enumerate()
        .map(|(at, text)| File {
            path: format!("workflows/{at}.workflow.json"),
            bytes: text.as_bytes().into(),
        })
        .collect();
    let system = Arc::new(load("main", &files, interpreter::catalog()));
    let body = Value::from_json(body).unwrap();
    let start =
        Start { workflow: "Main".into(), element: None, input: Value::Null, vars: Map::new(), at_ms: 1_000 };
    let mut carried = None;
    run(&system, start, &body, &mut |value| carried = Some(carried.unwrap_or(false) || value.tainted()));
    carried
}

/// Works a run to its end, and those that it starts; its result.
fn run(system: &Arc<System>, start: Start, body: &Value, sink: &mut dyn FnMut(&Value)) -> Value {
    let about = Run {
        id: 7,
        id_text: "seven".into(),
        root: 7,
        system: "main".into(),
        user: Value::Null,
        roles: Vec::new(),
        locale: "en".into(),
        timezone: "UTC".into(),
        in_request: false,
        signals: Signals::new(Arc::new([7; 32]), "http://localhost:1".into()),
    };
    let mut machine = Machine::start(system.clone(), Arc::new(about), start).unwrap();
    machine.watch();
    let (mut at_ms, mut flights, mut results) = (1_000, Vec::new(), HashMap::new());
    loop {
        let turn = machine.advance(100);
        for fired in machine.fired() {
            let graph = &system.workflows[&fired.workflow];
            if &*graph.elements[fired.element as usize].name == "sink" {
                fired.inputs.iter().for_each(|(_, value)| sink(value));
            }
        }
        for output in turn.outputs {
            if let Output::Own { own: Own::Start(child), .. } = output {
                let (workflow, input, vars) = (child.workflow, child.input, child.vars);
                let start = Start { workflow, element: None, input, vars, at_ms };
                results.insert(child.id, run(system, start, body, sink));
            }
        }
        match turn.then {
            Then::More => {}
            Then::End(end) => return end.result,
            Then::Await => {
                flights.extend(turn.flights);
                let flight = flights.remove(0);
                at_ms += 10_000;
                let result = Ok(match &flight.asked {
                    Asked::Outside(_) => answer(body),
                    Asked::Wait(Wait::Runs { runs, .. }) => {
                        runs.iter().map(|id| ended(results.get(id))).collect::<Vec<_>>().into()
                    }
                    _ => Value::Null,
                });
                machine.outcome(flight.firing, flight.number, Outcome { at_ms, result });
            }
        }
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().collect())
}

fn answer(body: &Value) -> Value {
    let headers = object([("server", Value::from("words"))]);
    object([("status", Value::Int(200)), ("headers", headers), ("body", body.clone())])
        .tainted_with(Taint::External)
}

fn ended(result: Option<&Value>) -> Value {
    let result = result.cloned().unwrap_or_default();
    object([("id", Value::from("x")), ("status", Value::from("succeeded")), ("result", result)])
}

#[test]
fn what_runs_carry_to_people_is_found_without_running_them() {
    let mut dice = Dice(11);
    let (mut carried, mut came, mut wrong) = (0, 0, Vec::new());
    for _ in 0..1_000 {
        let (files, says) = composed(&mut dice);
        let body = BODIES[dice.below(BODIES.len())];
        let Some(carries) = carries(&files, body) else { continue };
        came += 1;
        if !carries {
            continue;
        }
        carried += 1;
        if !of("HF027", &files).iter().any(|line| line.starts_with("HF027 sink: ")) {
            wrong.push(format!("{says}, of {body}:\n{}", files.join("\n")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {carried} carried:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(3)].join("\n\n")
    );
    assert!(came >= 500 && carried >= 300, "{came} came to the sink, {carried} of them with words");
}
