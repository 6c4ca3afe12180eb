//! What files allow and settings choose.

use std::collections::BTreeMap;

use check::{Chosen, Settings};
use workflow::Severity;

use crate::{findings, with};

const SILENT: &str = r#"{ "identifier": "Clean", "async": true, JOB
  "events": [{ "identifier": "nightly", "type": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin" }], "elements": [
  { "name": "nightly", "type": "event/cron" } ] }"#;

fn codes(job: &str, settings: &Settings) -> Vec<String> {
    let text = SILENT.replace("JOB", job);
    let found = with(&[text], settings);
    found.iter().map(|finding| format!("{} {}", finding.severity.word(), finding.code)).collect()
}

fn chosen(code: &str, chosen: Chosen) -> Settings {
    Settings { codes: BTreeMap::from([(code.to_owned(), chosen)]) }
}

#[test]
fn a_file_lives_with_what_it_allows() {
    let usual = Settings::default();
    assert_eq!(codes("", &usual), ["warning HF030", "info HF031"]);
    assert_eq!(codes(r#""job": { "allow": ["HF030"] },"#, &usual), ["info HF031"]);
    assert_eq!(codes(r#""job": { "allow": ["HF030", "HF031"] },"#, &usual), [""; 0]);
}

#[test]
fn a_code_that_there_is_none_of_is_found_where_it_stands() {
    let found = findings(&[SILENT.replace("JOB", r#""job": { "allow": ["HF030", "HF31"] },"#)]);
    let unknown: Vec<_> = found.iter().filter(|finding| finding.code == "HF011").collect();
    assert_eq!(unknown.len(), 1, "{found:?}");
    assert_eq!((unknown[0].place.line, unknown[0].help.as_str()), (1, "did you mean `HF031`?"));
}

#[test]
fn settings_say_how_grave_a_finding_is() {
    let error = chosen("HF031", Chosen::Severity(Severity::Error));
    assert_eq!(codes("", &error), ["warning HF030", "error HF031"]);
    assert_eq!(codes("", &chosen("HF030", Chosen::Off)), ["info HF031"]);
}

#[test]
fn what_keeps_a_file_from_loading_stays_an_error() {
    let text = r#"{ "identifier": "A", "job": { "allow": ["HF002"] }, "elements": [ { "name": "a", "type": "no/such" } ] }"#;
    for settings in
        [Settings::default(), chosen("HF002", Chosen::Off), chosen("HF002", Chosen::Severity(Severity::Info))]
    {
        let found = with(&[text], &settings);
        assert_eq!(
            found.iter().map(|finding| finding.severity).collect::<Vec<_>>(),
            [Severity::Error],
            "{found:?}"
        );
    }
}
