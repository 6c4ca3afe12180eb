//! Each rule's examples are its tests.

use workflow::{Diagnostic, Severity};

use crate::findings;

fn shown(findings: &[Diagnostic]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_bad_example_has_the_finding_and_no_other() {
    for rule in check::rules() {
        let found = findings(rule.bad);
        let (its, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|finding| finding.code == rule.code);
        assert!(!its.is_empty(), "{} is not found", rule.code);
        assert!(
            its.iter().any(|finding| finding.severity == rule.severity),
            "{} is of another severity",
            rule.code
        );
        assert!(others.is_empty(), "{}:\n{}", rule.code, shown(&others));
        for finding in its {
            assert!(finding.place.line > 0 && !finding.place.source.is_empty(), "{finding}");
            assert!(!finding.says.ends_with('.'), "{finding}");
        }
    }
}

#[test]
fn a_good_example_has_no_finding() {
    for rule in check::rules() {
        let found = findings(rule.good);
        assert!(found.is_empty(), "{}:\n{}", rule.code, shown(&found));
    }
}

#[test]
fn codes_are_in_order_and_each_is_said_once() {
    let codes: Vec<&str> = check::rules().iter().map(|rule| rule.code).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted);
}

#[test]
fn every_code_that_loading_uses_has_a_page() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../workflow/src");
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, _) in text.match_indices("\"HF0") {
                let code = &text[at + 1..at + 6];
                assert!(check::explain(code).is_some(), "{code} in {}", path.display());
            }
        }
    }
}

#[test]
fn what_people_read_is_in_sentences() {
    for rule in check::rules() {
        assert!(rule.why.ends_with('.') && rule.fix.ends_with('.'), "{}", rule.code);
        assert!(!rule.title.ends_with('.') && rule.title.starts_with(char::is_lowercase), "{}", rule.code);
        assert!(
            rule.severity != Severity::Error || rule.code < "HF018",
            "{} cannot keep a file from loading",
            rule.code
        );
    }
}
