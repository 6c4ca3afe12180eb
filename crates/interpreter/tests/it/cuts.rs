//! Random graphs, cut after every entry and at every checkpoint: the same journal and the same end.

use interpreter::{Entry, Failure, Machine, Outcome, Output, Then};
use recipe::Value;

use crate::{Did, element, file, finish, log, run, start, system};

/// A small generator, so that a seed is a graph for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Elements whose edges lead forward, so that every graph ends; loops, tries, callees, own and outside effects.
fn graph(seed: u64) -> Vec<String> {
    let mut random = Random(seed.wrapping_mul(2_654_435_761) + 1);
    let count = 4 + random.below(8);
    let mut elements = Vec::new();
    for n in 0..count {
        let mut to = |ports: &[&str]| {
            let edges: Vec<String> = ports
                .iter()
                .filter(|_| n + 1 < count)
                .map(|port| {
                    let first = n + 1 + random.below(count - n - 1);
                    let second = n + 1 + random.below(count - n - 1);
                    let more = if first == second {
                        String::new()
                    } else {
                        format!(r#", "e{second}": ["default"]"#)
                    };
                    format!(r#""{port}": {{"e{first}": ["default"]{more}}}"#)
                })
                .collect();
            format!(r#""to": {{{}}}"#, edges.join(", "))
        };
        let kinds: [(&str, &[&str], &str); 9] = [
            ("flow/each", &["each", "next"], ""),
            ("flow/try", &["try", "catch", "next"], ""),
            ("action/notify", &["default"], r#""options": {"notification": "word"}, "#),
            ("api/http", &["default"], r#""options": {"uri": "http://x.example/"}, "#),
            (
                "api/http",
                &["default", "error"],
                r#""options": {"uri": "http://x.example/"}, "set": {"answer": "default:"}, "#,
            ),
            (
                "action/run",
                &["default"],
                r#""options": {"workflow": "callee", "async": true, "scope": false}, "#,
            ),
            ("action/run", &["default", "error"], r#""options": {"workflow": "callee", "async": false}, "#),
            ("cast/progress", &["default"], r#""options": {"total": 9, "increment": 1}, "#),
            ("cast/progress", &["default"], r#""options": {"process": "p", "status": "failed"}, "#),
        ];
        let pick = if n == 0 { 0 } else { (seed as usize + n as usize * 7) % kinds.len() };
        let (kind, ports, options) = kinds[pick];
        let edges = to(ports);
        elements.push(element(&format!("e{n}"), kind, &format!("{options}{edges}")));
    }
    let callee = file(
        "callee",
        "a",
        &[
            element(
                "a",
                "api/http",
                r#""options": {"uri": "http://y.example/"}, "to": {"default": {"b": ["default"]}}"#,
            ),
            element(
                "b",
                "action/notify",
                r#""options": {"notification": "inner"}, "to": {"default": {"c": ["default"]}}"#,
            ),
            log("c", ""),
        ],
    );
    vec![file("w", "e0", &elements), callee]
}

/// The same answer to the same firing, whenever it is asked.
fn provider(firing: u128) -> Result<Value, Failure> {
    match firing % 4 {
        0 => Err(Failure::new("connect", "the provider could not be reached")),
        n => Ok(Value::from(vec![Value::from(n as i64), Value::from(2)])),
    }
}

fn begin(files: &[String]) -> Machine {
    Machine::start(system(files), run(), start("w", Value::from(vec![Value::from(1), Value::from(2)])))
        .unwrap()
}

/// Only what is recorded: live effects may be repeated or lost.
fn recorded(did: Did) -> (Vec<Entry>, interpreter::End) {
    (did.entries, did.end)
}

/// Times of outcomes come from the clock, so the same ones are given again.
fn rest(machine: Machine, whole: &[Entry], from: usize) -> (Vec<Entry>, interpreter::End) {
    let mut machine = machine;
    let mut entries = whole[..from].to_vec();
    loop {
        let turn = machine.advance(5);
        for output in turn.outputs {
            if let Output::Own { entry, .. } = output {
                entries.push(entry);
            }
        }
        match turn.then {
            Then::More => {}
            Then::End(end) => return (entries, *end),
            Then::Perform(flight) => {
                let at_ms = whole.get(entries.len()).map_or(0, |entry| entry.outcome.at_ms);
                entries.extend(machine.outcome(Outcome { at_ms, result: provider(flight.firing.0) }));
            }
        }
    }
}

#[test]
fn cut_after_every_entry_the_end_is_the_same() {
    let mut cuts = 0;
    for seed in 0..150 {
        let files = graph(seed);
        let whole = recorded(finish(begin(&files), |_, firing| provider(firing)));
        for cut in 0..=whole.0.len() {
            let input = Value::from(vec![Value::from(1), Value::from(2)]);
            let entries = whole.0[..cut].to_vec();
            let machine = Machine::resume(system(&files), run(), start("w", input), None, entries).unwrap();
            assert_eq!(rest(machine, &whole.0, cut), whole, "seed {seed}, cut after {cut}");
            cuts += 1;
        }
    }
    assert!(cuts > 1_000, "only {cuts} cuts: the graphs are too small to show anything");
}

#[test]
fn a_checkpoint_taken_at_any_moment_stands_for_the_entries_before_it() {
    for seed in 0..60 {
        let files = graph(seed);
        let whole = recorded(finish(begin(&files), |_, firing| provider(firing)));
        let mut machine = begin(&files);
        let mut seen = 0;
        loop {
            let turn = machine.advance(1);
            seen += turn.outputs.iter().filter(|output| matches!(output, Output::Own { .. })).count();
            let bytes = machine.checkpoint();
            assert_eq!(machine.entries(), seen as u64);
            let input = Value::from(vec![Value::from(1), Value::from(2)]);
            let resumed =
                Machine::resume(system(&files), run(), start("w", input), Some(&bytes), vec![]).unwrap();
            assert_eq!(rest(resumed, &whole.0, seen), whole, "seed {seed}, checkpoint after {seen}");
            match turn.then {
                Then::More => {}
                Then::End(_) => break,
                Then::Perform(flight) => {
                    let at_ms = whole.0[seen].outcome.at_ms;
                    machine.outcome(Outcome { at_ms, result: provider(flight.firing.0) });
                    seen += 1;
                }
            }
        }
    }
}

#[test]
fn an_entry_that_does_not_match_fails_the_run_before_anything_is_done() {
    let files = graph(3);
    let whole = finish(begin(&files), |_, firing| provider(firing));
    let mut entries = whole.entries.clone();
    entries[0].fingerprint ^= 1;
    let input = Value::from(vec![Value::from(1), Value::from(2)]);
    let machine = Machine::resume(system(&files), run(), start("w", input), None, entries).unwrap();
    let did = finish(machine, |_, _| panic!("nothing may be called"));
    assert_eq!(&*did.end.failure.unwrap().code, "replay_mismatch");
    assert!(did.entries.is_empty());
}
