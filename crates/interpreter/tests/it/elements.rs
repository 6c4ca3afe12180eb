//! Every example of every element: it stands on the type's page, so it must be true.

use interpreter::{Machine, catalog};
use recipe::{Map, Value};

use crate::{element, file, run, start, system};

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for declaration in &catalog().types {
        for example in declaration.examples {
            let rest = example.element.trim().trim_start_matches('{').trim_end_matches('}');
            let rest = if rest.trim().is_empty() {
                ""
            } else {
                &example.element.trim()[1..example.element.trim().len() - 1]
            };
            let system = system(&[file("w", "it", &[element("it", declaration.name, rest)])]);
            let mut machine =
                Machine::start(system, run(), start("w", Value::from_json(example.input).unwrap())).unwrap();
            machine.watch();
            machine.advance(100);
            let mut fired = Map::new();
            for (port, value) in machine.fired().into_iter().flat_map(|fired| fired.outputs) {
                fired.insert(port, value);
            }
            let expected = Value::from_json(example.output).unwrap();
            let seen = Value::Object(fired);
            let as_said =
                expected.as_object().unwrap().iter().all(|(port, value)| seen.get(port) == Some(value));
            if !as_said {
                wrong.push(format!(
                    "{}: {}: {} is not {}",
                    declaration.name,
                    example.says,
                    seen.to_json(),
                    expected.to_json()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_provider_is_only_known_to_what_is_for_operators() {
    let files =
        [file("w", "call", &[element("call", "api/http", r#""options": {"uri": "http://x.example/"}"#)])];
    let did = crate::check(&files, "1", &[Err("connect")]);
    let failure = did.end.failure.unwrap();
    assert!(!failure.to_value().to_json().contains("x.example"));
}
