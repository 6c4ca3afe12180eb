//! The drawing, as a pure function.

use std::collections::HashMap;

use serde_json::json;
use server::{Path, draw};
use workflow::{File, Graph};

fn graph() -> Graph {
    let text = json!({ "identifier": "g", "entry": "a", "elements": [
        { "name": "a", "type": "flow/if", "options": { "condition": "true" }, "to": { "default": { "b": ["default"] }, "else": { "c": ["default"] } } },
        { "name": "b", "type": "flow/empty", "to": { "default": { "a": ["default"] } } },
        { "name": "c<&>", "type": "flow/stop" }
    ] });
    let text = text.to_string().replace("\"c\":[", "\"c<&>\":[");
    let files = [File { path: "workflows/g.workflow.json".into(), bytes: text.into_bytes().into() }];
    let loaded = workflow::load("s", &files, interpreter::catalog());
    assert!(loaded.broken.is_empty(), "{:?}", loaded.findings);
    (**loaded.workflows.values().next().unwrap()).clone()
}

#[test]
fn names_are_text_and_marks_are_classes() {
    let path = Path {
        fired: HashMap::from([(0, 3)]),
        left: HashMap::from([((0, "else".into()), 3)]),
        ..Path::default()
    };
    let svg = draw(&graph(), interpreter::catalog(), &[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], &path);
    assert!(svg.contains("c&lt;&amp;&gt;") && !svg.contains("c<&>"));
    assert_eq!(svg.matches("<path class=\"edge").count(), 3);
    assert_eq!(svg.matches("edge taken").count(), 1);
    assert!(svg.contains("× 3"));
    assert!(svg.contains(">else</text>") && !svg.contains(">default</text>"));
}

#[test]
fn an_empty_graph_is_an_empty_drawing() {
    let svg = draw(&Graph::default(), interpreter::catalog(), &[], &Path::default());
    assert!(svg.starts_with("<svg") && !svg.contains("inf") && !svg.contains("NaN"), "{svg}");
}
