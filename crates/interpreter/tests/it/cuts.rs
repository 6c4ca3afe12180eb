//! Random graphs whose branches wait and overlap, cut after every entry and at every checkpoint: the same journal and the
//! same end.

use interpreter::{Entry, Failure, Flight, Machine, Outcome, Output, Then, effect::Asked};
use recipe::{Taint, Value};

use crate::{Did, element, file, finish, finish_in_turn, log, run, start, system};

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
        let kinds: [(&str, &[&str], &str); 14] = [
            ("flow/each", &["each", "next"], ""),
            ("flow/each", &["each", "next"], r#""options": {"parallel": 2}, "#),
            ("flow/wait", &["default"], r#""options": {"for": "5s"}, "#),
            (
                "flow/each",
                &["each", "next"],
                r#""options": {"parallel": 3, "onError": "collect", "collect": "$answer"}, "#,
            ),
            (
                "api/http",
                &["default"],
                r#""options": {"uri": "http://x.example/"}, "retry": {"attempts": 2, "on": ["connect"]}, "#,
            ),
            ("flow/await", &["default", "error"], ""),
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
fn world(asked: &Asked, firing: u128) -> Result<Value, Failure> {
    match (asked, firing % 4) {
        (Asked::Wait(_), _) => Ok(Value::Null),
        (_, 0) => Err(Failure::new("connect", "the provider could not be reached")),
        (_, n) => Ok(Value::from(vec![Value::from(n as i64), Value::from(2)])),
    }
}

/// Works a graph to its end, flights ending in an order that the seed decides.
fn whole(files: &[String], seed: u64) -> (Vec<Entry>, interpreter::End) {
    let mut random = Random(seed);
    recorded(finish_in_turn(begin(files), |count| random.below(count as u64) as usize, world))
}

fn begin(files: &[String]) -> Machine {
    Machine::start(system(files), run(), start("w", Value::from(vec![Value::from(1), Value::from(2)])))
        .unwrap()
}

/// Only what is recorded: live effects may be repeated or lost.
fn recorded(did: Did) -> (Vec<Entry>, interpreter::End) {
    (did.entries, did.end)
}

/// The rest of a run from a cut, the world answering in the order in which it did.
fn rest(mut machine: Machine, whole: &[Entry], from: usize) -> (Vec<Entry>, interpreter::End) {
    let mut entries = whole[..from].to_vec();
    let mut flights = Vec::new();
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
            Then::Await => {
                flights.extend(turn.flights);
                let next = &whole[entries.len()];
                let at = flights
                    .iter()
                    .position(|flight: &Flight| (flight.firing, flight.number) == (next.firing, next.number));
                let flight = flights.remove(at.expect("what ended next before is under way now"));
                let result = world(&flight.asked, flight.firing.0);
                let outcome = Outcome { at_ms: next.outcome.at_ms, result };
                entries.extend(machine.outcome(flight.firing, flight.number, outcome));
            }
        }
    }
}

#[test]
fn cut_after_every_entry_the_end_is_the_same() {
    let mut cuts = 0;
    for seed in 0..150 {
        let files = graph(seed);
        let whole = whole(&files, seed);
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
    let blobs: usize =
        (0..60).map(|seed| cut_everywhere(seed, Value::from(vec![Value::from(1), Value::from(2)]))).sum();
    assert_eq!(blobs, 0, "nothing in it is large");
}

#[test]
fn so_does_one_whose_large_values_lie_beside_it() {
    let words = |n: usize| Value::from("large ".repeat(n));
    let list = Value::from((0..1_500).map(Value::from).collect::<Vec<_>>());
    let item = Value::from(vec![
        words(700),
        list,
        words(700),
        Value::from(words(800).to_text()).tainted_with(Taint::External),
    ]);
    let blobs: usize = (0..4)
        .map(|seed| cut_everywhere(seed, Value::from(vec![item.clone(), words(900), item.clone()])))
        .sum();
    assert!(blobs > 100, "only {blobs} large values");
}

/// Resumes from a checkpoint after every turn; how many large values those had beside them.
fn cut_everywhere(seed: u64, input: Value) -> usize {
    let files = graph(seed);
    let begin = || Machine::start(system(&files), run(), start("w", input.clone())).unwrap();
    let mut random = Random(seed);
    let whole = recorded(finish_in_turn(begin(), |count| random.below(count as u64) as usize, world));
    let (mut machine, mut seen, mut blobs) = (begin(), 0, 0);
    loop {
        let turn = machine.advance(1);
        seen += turn.outputs.iter().filter(|output| matches!(output, Output::Own { .. })).count();
        let state = machine.checkpoint();
        assert_eq!(machine.entries(), seen as u64);
        let from = start("w", input.clone());
        let resumed = Machine::resume(system(&files), run(), from, Some(&state), vec![]).unwrap();
        assert_eq!(resumed.checkpoint(), state, "seed {seed}: what was read is written as it was");
        assert_eq!(rest(resumed, &whole.0, seen), whole, "seed {seed}, checkpoint after {seen}");
        let mut hashes: Vec<_> = state.blobs.iter().map(|blob| blob.hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), state.blobs.len(), "each is there once");
        blobs += state.blobs.len();
        match turn.then {
            Then::More => {}
            Then::End(_) => return blobs,
            Then::Await => {
                let next = whole.0[seen].clone();
                machine.outcome(next.firing, next.number, next.outcome);
                seen += 1;
            }
        }
    }
}

#[test]
fn an_entry_that_does_not_match_fails_the_run_before_anything_is_done() {
    let files = graph(3);
    let whole = finish(begin(&files), world);
    let mut entries = whole.entries.clone();
    entries[0].fingerprint ^= 1;
    let input = Value::from(vec![Value::from(1), Value::from(2)]);
    let machine = Machine::resume(system(&files), run(), start("w", input), None, entries).unwrap();
    let did = finish(machine, |_, _| panic!("nothing may be called"));
    assert_eq!(&*did.end.failure.unwrap().code, "replay_mismatch");
    assert!(did.entries.is_empty());
}
