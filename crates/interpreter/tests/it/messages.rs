//! cast/event.

use interpreter::{
    Machine, Output,
    effect::{Live, Message, To},
};
use recipe::Value;

use crate::{check, element, file, finish, log, run, start, system};

fn cast(options: &str) -> String {
    let rest = format!(r#""options": {options}, "to": {{"default": {{"after": ["default"]}}}}"#);
    file("w", "cast", &[element("cast", "cast/event", &rest), log("after", "")])
}

/// The message that goes out, or the failure's code and words.
fn sent(options: &str) -> Result<Message, (String, String)> {
    let did = check(&[cast(options)], r#"{"n": 3, "who": "bob"}"#, &[]);
    if let Some(failure) = did.end.failure {
        return Err((failure.code.to_string(), failure.message.into()));
    }
    assert!(did.entries.is_empty(), "nothing is recorded");
    assert_eq!(crate::logged(&did), ["after"]);
    let message = |output: &Output| match output {
        Output::Live { live: Live::Message(message), .. } => Some(message.clone()),
        _ => None,
    };
    Ok(did.outputs.iter().find_map(message).expect("a message"))
}

#[test]
fn it_goes_to_everyone_to_the_runs_person_or_to_a_channel() {
    let message = sent(r#"{"event": "order.${n}", "data": {"who": "$who", "n": "${n}"}}"#).unwrap();
    let data = Value::from_json(r#"{"who": "bob", "n": 3}"#).unwrap();
    assert_eq!(message, Message { event: "order.3".into(), data, to: To::Everyone });
    assert_eq!(
        sent(r#"{"event": "e", "channel": "orders-${n}"}"#).unwrap().to,
        To::Channel("orders-3".into())
    );
    let private = r#"{"event": "e", "send_to_user": true, "channel": "all"}"#;
    assert_eq!(sent(private).unwrap().to, To::Person, "what is for one is not told to more");
    assert_eq!(
        sent(r#"{"event": "e"}"#).unwrap().data,
        Value::Null,
        "what the file does not name is not sent"
    );
}

#[test]
fn names_that_cannot_go_out_fail_in_clear_words() {
    for name in ["progress", "notification", "toast", "run", "pusher:error", "pusher_internal:x"] {
        let (code, says) = sent(&format!(r#"{{"event": "${{'{name}'}}"}}"#)).unwrap_err();
        assert!(code == "invalid" && says.contains(&format!("`{name}`")), "{name}: {code} {says}");
    }
    let long = "e".repeat(201);
    for options in [
        r#"{}"#,
        r#"{"event": ""}"#,
        r#"{"event": "two\nlines"}"#,
        &format!(r#"{{"event": "{long}"}}"#),
        r#"{"event": "e", "channel": ""}"#,
        r#"{"event": "e", "channel": "${nothing}"}"#,
        r#"{"event": "e", "channel": "a b"}"#,
        r#"{"event": "e", "channel": "${n > 2 ? 'über' : 'x'}"}"#,
    ] {
        let (code, says) = sent(options).unwrap_err();
        assert!(code == "invalid" && says.contains("of cast/event has"), "{options}: {code} {says}");
    }
}

#[test]
fn what_is_too_large_fails_and_says_how_large_it_is() {
    let data = |bytes: usize| format!(r#"{{"event": "e", "data": "{}"}}"#, "x".repeat(bytes));
    sent(&data(9_998)).unwrap();
    let (code, says) = sent(&data(9_999)).unwrap_err();
    assert!(code == "too_large" && says.contains("10001 bytes"), "{code} {says}");
}

#[test]
fn a_name_of_the_servers_own_that_stands_there_is_found_at_load() {
    let file = workflow::File {
        path: "workflows/w.workflow.json".into(),
        bytes: cast(r#"{"event": "toast"}"#).as_bytes().into(),
    };
    let system = workflow::load("test", &[file], interpreter::catalog());
    let found: Vec<String> = system.broken.iter().map(|(_, finding)| finding.to_string()).collect();
    assert!(found.len() == 1 && found[0].contains("HF014") && found[0].contains("`toast`"), "{found:?}");
}

#[test]
fn a_provider_names_no_event_but_may_name_a_channel() {
    let call = |options: &str| {
        let call = r#""options": {"uri": "http://x.example/"}, "to": {"default": {"cast": ["default"]}}"#;
        let cast = element("cast", "cast/event", &format!(r#""options": {options}"#));
        let system = system(&[file("w", "call", &[element("call", "api/http", call), cast])]);
        let answer = Value::from_json(r#"{"status": 200, "headers": {}, "body": {"key": "k7"}}"#).unwrap();
        let answer = answer.tainted_with(recipe::Taint::External);
        finish(Machine::start(system, run(), start("w", Value::Null)).unwrap(), |_, _| Ok(answer.clone()))
    };
    let failure = call(r#"{"event": "of ${key}"}"#).end.failure.unwrap();
    assert!(&*failure.code == "invalid" && !failure.message.contains("k7"), "{failure:?}");
    let did = call(r#"{"event": "e", "channel": "${key}"}"#);
    let heard = |output: &Output| match output {
        Output::Live { live: Live::Message(message), .. } => message.to == To::Channel("k7".into()),
        _ => false,
    };
    assert!(did.outputs.iter().any(heard), "{:?}", did.end);
}
