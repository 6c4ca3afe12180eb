//! What a run says of its bars: all of its newest words and figures at each update.

use interpreter::{
    Output,
    effect::{Live, Own, Progress},
};

use crate::{check, element, file};

/// What cast/progress elements with these options say, one after another.
fn said(options: &[&str]) -> Vec<Progress> {
    let last = options.len() - 1;
    let elements: Vec<String> = options
        .iter()
        .enumerate()
        .map(|(n, options)| {
            let next = format!(r#", "to": {{"default": {{"e{}": ["default"]}}}}"#, n + 1);
            let next = if n == last { "" } else { &next };
            element(&format!("e{n}"), "cast/progress", &format!(r#""options": {options}{next}"#))
        })
        .collect();
    let did =
        check(&[file("w", "e0", &elements)], r#"{"n": 4, "text": "7", "big": 1e300, "word": "many"}"#, &[]);
    assert!(did.end.failure.is_none(), "{:?}", did.end.failure);
    did.outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::Live { live: Live::Progress(progress), .. } => Some(progress),
            Output::Own { own: Own::End(progress), .. } => Some(progress),
            _ => None,
        })
        .collect()
}

#[test]
fn an_update_is_counted_and_stands_for_those_before() {
    let said = said(&[
        r#"{"total": 10, "increment": 1}"#,
        r#"{"increment": 2, "title": "Work"}"#,
        r#"{"progress": 5, "increment": 1}"#,
        r#"{"increment": 1, "status": "failed"}"#,
        r#"{"increment": 1}"#,
    ]);
    let figures: Vec<_> =
        said.iter().map(|said| (said.updates, said.set, said.before, said.subtotal)).collect();
    let set = Some((1, 5.0));
    let expected = [
        (1, None, 0.0, 1.0),
        (2, None, 0.0, 3.0),
        (3, set, 3.0, 1.0),
        (4, set, 3.0, 2.0),
        (5, set, 3.0, 3.0),
    ];
    assert_eq!(figures, expected);
    let last = &said[4];
    assert_eq!((last.total, last.title.as_str()), (Some(10.0), Some("Work")));
    // A status is what that update said: one that comes later, after a retry, does not end the bar again.
    assert_eq!((said[3].status.as_deref(), last.status.as_deref()), (Some("failed"), None));
}

#[test]
fn what_is_no_number_changes_no_figure_and_fails_no_run() {
    let said = said(&[
        r#"{"total": "$word", "progress": "$word", "increment": "$word"}"#,
        r#"{"total": -3, "progress": -3}"#,
        r#"{"total": "$text", "progress": "$n"}"#,
        r#"{"total": "inf", "progress": "NaN", "increment": "$big"}"#,
        r#"{"increment": "$big"}"#,
    ]);
    let figures: Vec<_> = said.iter().map(|said| (said.total, said.set, said.subtotal)).collect();
    let most = 1e15;
    let expected = [
        (None, None, 0.0),
        (None, Some((1, 0.0)), 0.0),
        (Some(7.0), Some((2, 4.0)), 0.0),
        (Some(7.0), Some((2, 4.0)), most),
        (Some(7.0), Some((2, 4.0)), 2.0 * most),
    ];
    assert_eq!(figures, expected);
}
