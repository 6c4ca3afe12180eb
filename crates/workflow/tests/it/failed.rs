//! Events that another run's failure starts: whose, and what is said of a name that means nobody's.

use crate::{check, graph};

fn told(keys: &str) -> String {
    check(&[("a", &of(keys))])
}

fn of(keys: &str) -> String {
    format!(
        "{{ \"elements\": [{{ \"name\": \"one\", \"type\": \"event/failed\" }}],\n\"events\": [{{ \"identifier\": \"one\", \"type\": \"failed\"{keys} }}] }}"
    )
}

#[test]
fn of_all_or_of_one() {
    assert_eq!(graph(&of("")).events[0].workflow, None);
    let graph = graph(&of(", \"workflow\": \"Import\""));
    assert_eq!((graph.events[0].workflow.as_deref(), &*graph.events[0].kind), (Some("Import"), "failed"));
}

#[test]
fn a_name_that_means_nobody() {
    insta::assert_snapshot!(told(", \"workflow\": \"Import\""), @r#"
    warning[HF011]: there is no workflow `Import`
      --> workflows/a.workflow.json:2:65
      |
    2 | "events": [{ "identifier": "one", "type": "failed", "workflow": "Import" }] }
      |                                                                 ^^^^^^^^
    help: add it, or mend the name

    loaded: a
    "#);
    insta::assert_snapshot!(told(", \"workflow\": \"a\""), @r#"
    warning[HF017]: `a` is not started by its own failures, and no others are meant
      --> workflows/a.workflow.json:2:65
      |
    2 | "events": [{ "identifier": "one", "type": "failed", "workflow": "a" }] }
      |                                                                 ^^^
    help: name another workflow, or leave it out for all

    loaded: a
    "#);
    insta::assert_snapshot!(told(", \"workflow\": [\"a\"]"), @r#"
    error[HF008]: `workflow` must be a text, and is a list
      --> workflows/a.workflow.json:2:65
      |
    2 | "events": [{ "identifier": "one", "type": "failed", "workflow": ["a"] }] }
      |                                                                 ^^^^^
    help: name one whose failures are meant, or leave it out for all

    loaded: nothing
    "#);
}
