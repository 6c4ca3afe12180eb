//! Ports, targets and bindings.

use workflow::Source;

use crate::{check_elements, graph, of_elements};

#[test]
fn an_output_port_that_the_type_does_not_know() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/plain", "to": { "defualt": { "two": ["default"] } } }"#,
        r#"{ "name": "two", "type": "test/plain", "to": { "elsewhere": { "one": ["default"] } } }"#,
    ]), @r#"
    error[HF012]: `test/plain` has no output port `defualt`
      --> workflows/a.workflow.json:2:48
      |
    2 | { "name": "one", "type": "test/plain", "to": { "defualt": { "two": ["default"] } } },
      |                                                ^^^^^^^^^
    help: did you mean `default`?

    error[HF012]: `test/plain` has no output port `elsewhere`
      --> workflows/a.workflow.json:3:48
      |
    3 | { "name": "two", "type": "test/plain", "to": { "elsewhere": { "one": ["default"] } } }
      |                                                ^^^^^^^^^^^
    help: it has: default, error

    loaded: nothing
    "#);
}

#[test]
fn an_input_port_that_the_target_does_not_know() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/plain", "to": { "default": { "two": ["lefft", "right"] } } }"#,
        r#"{ "name": "two", "type": "test/join", "in": { "middle": "1" } }"#,
    ]), @r#"
    error[HF012]: `test/join` has no input port `lefft`
      --> workflows/a.workflow.json:2:69
      |
    2 | { "name": "one", "type": "test/plain", "to": { "default": { "two": ["lefft", "right"] } } },
      |                                                                     ^^^^^^^
    help: did you mean `left`?

    error[HF012]: `test/join` has no input port `middle`
      --> workflows/a.workflow.json:3:47
      |
    3 | { "name": "two", "type": "test/join", "in": { "middle": "1" } }
      |                                               ^^^^^^^^
    help: it has: default, left, right

    loaded: nothing
    "#);
}

#[test]
fn a_target_that_is_not_there() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/plain", "to": { "default": { "saveResults": ["default"] } } }"#,
        r#"{ "name": "saveResult", "type": "test/plain", "to": { "error": { "xyz": ["default"] } } }"#,
    ]), @r#"
    error[HF013]: there is no element `saveResults`
      --> workflows/a.workflow.json:2:61
      |
    2 | { "name": "one", "type": "test/plain", "to": { "default": { "saveResults": ["default"] } } },
      |                                                             ^^^^^^^^^^^^^
    help: did you mean `saveResult`?

    error[HF013]: there is no element `xyz`
      --> workflows/a.workflow.json:3:66
      |
    3 | { "name": "saveResult", "type": "test/plain", "to": { "error": { "xyz": ["default"] } } }
      |                                                                  ^^^^^
    help: add it, or remove the edge

    loaded: nothing
    "#);
}

#[test]
fn ports_that_the_file_names() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/switch", "options": { "cases": [{ "value": 1, "port": "a" }, { "value": 2, "port": "b" }, { "value": 3, "port": "a" }] },"#,
    ].map(|line| format!(r#"{line} "to": {{ "a": {{ "one": ["default"] }}, "c": {{ "one": ["default"] }} }} }}"#)).each_ref().map(String::as_str)), @r#"
    error[HF012]: `test/switch` has no output port `c`
      --> workflows/a.workflow.json:2:191
      |
    2 | : 3, "port": "a" }] }, "to": { "a": { "one": ["default"] }, "c": { "one": ["default"] } } }
      |                                                             ^^^
    help: it has: a, b, default

    loaded: nothing
    "#);
}

#[test]
fn edges_of_another_shape_are_not_lost_in_silence() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/plain", "to": { "default": "two" } }"#,
        r#"{ "name": "two", "type": "test/plain", "to": { "default": { "one": "default" } } }"#,
        r#"{ "name": "three", "type": "test/plain", "to": [["one"]] }"#,
        r#"{ "name": "four", "type": "test/plain", "to": { "default": { "one": [1] } }, "set": "x", "in": 1 }"#,
    ]), @r#"
    error[HF008]: what `default` leads to must be an object, and is a text
      --> workflows/a.workflow.json:2:59
      |
    2 | { "name": "one", "type": "test/plain", "to": { "default": "two" } },
      |                                                           ^^^^^
    help: write {"output port": {"element": ["input port"]}}

    error[HF008]: the list of ports of `one` must be a list, and is a text
      --> workflows/a.workflow.json:3:68
      |
    3 | { "name": "two", "type": "test/plain", "to": { "default": { "one": "default" } } },
      |                                                                    ^^^^^^^^^
    help: write {"output port": {"element": ["input port"]}}

    error[HF008]: `to` must be an object, and is a list
      --> workflows/a.workflow.json:4:48
      |
    4 | { "name": "three", "type": "test/plain", "to": [["one"]] },
      |                                                ^^^^^^^^^
    help: write {"output port": {"element": ["input port"]}}

    error[HF008]: a port of `one` must be a text, and is a number
      --> workflows/a.workflow.json:5:70
      |
    5 | { "name": "four", "type": "test/plain", "to": { "default": { "one": [1] } }, "set": "x", "in": 1 }
      |                                                                      ^
    help: write {"output port": {"element": ["input port"]}}

    error[HF008]: `set` must be an object, and is a text
      --> workflows/a.workflow.json:5:85
      |
    5 | { "name": "four", "type": "test/plain", "to": { "default": { "one": [1] } }, "set": "x", "in": 1 }
      |                                                                                     ^^^
    help: write {"variable": "port:"}

    error[HF008]: `in` must be an object, and is a number
      --> workflows/a.workflow.json:5:96
      |
    5 | { "name": "four", "type": "test/plain", "to": { "default": { "one": [1] } }, "set": "x", "in": 1 }
      |                                                                                                ^
    help: write {"input port": value}

    loaded: nothing
    "#);
    assert_eq!(
        check_elements(&[
            r#"{ "name": "one", "type": "test/plain", "to": { "default": [], "error": null }, "set": [], "in": [], "options": [] }"#
        ]),
        "loaded: a"
    );
}

#[test]
fn targets_and_ports_keep_the_order_of_the_file() {
    let graph = graph(&of_elements(&[
        r#"{ "name": "one", "type": "test/plain", "to": { "error": { "two": ["default"] }, "default": { "two": ["right", "left"], "one": ["default"] } } }"#,
        r#"{ "name": "two", "type": "test/join" }"#,
    ]));
    let one = &graph.elements[0];
    let outs: Vec<Vec<(u32, Vec<u8>)>> = one
        .outs
        .iter()
        .map(|targets| targets.iter().map(|target| (target.element, target.ports.to_vec())).collect())
        .collect();
    assert_eq!(outs, [vec![(1, vec![2, 1]), (0, vec![0])], vec![(1, vec![0])]]);
    assert!(one.takes_errors());
    assert!(!graph.elements[1].takes_errors());
}

/// variable, port and path of each binding of the first element, in file order.
fn bindings(kind: &str, set: &str) -> Vec<String> {
    let text = of_elements(&[&format!(r#"{{ "name": "one", "type": "{kind}", "set": {set} }}"#)]);
    let graph = graph(&text);
    let one = &graph.elements[0];
    one.set
        .iter()
        .map(|binding| {
            let port = match binding.from {
                Source::In(port) => format!("in {}", one.in_names[usize::from(port)]),
                Source::Out(port) => format!("out {}", one.out_names[usize::from(port)]),
            };
            format!("{} = {port} {}", binding.variable, binding.path.as_deref().unwrap_or("whole"))
        })
        .collect()
}

#[test]
fn what_a_variable_is_bound_to() {
    let set = r#"{ "z": "default:", "a": ":left", "b": "default:path.to.field", "c": ":right.path.0", "d": ":default." }"#;
    assert_eq!(
        bindings("test/join", set),
        [
            "z = out default whole",
            "a = in left whole",
            "b = out default path.to.field",
            "c = in right path.0",
            "d = in default whole"
        ]
    );
}

#[test]
fn an_event_has_no_arrivals_of_its_own() {
    assert_eq!(
        bindings("event/webhook", r#"{ "a": ":default", "b": ":request.id", "c": "request:id" }"#),
        ["a = out default whole", "b = out request id", "c = out request id"]
    );
}

#[test]
fn bindings_to_nothing() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/plain", "set": { "a": "default", "b": "errors:", "c": ":deflaut", "d": 7, "e": null } }"#,
    ]), @r#"
    error[HF012]: the variable `a` is bound to no port
      --> workflows/a.workflow.json:2:54
      |
    2 | { "name": "one", "type": "test/plain", "set": { "a": "default", "b": "errors:", "c": ":deflaut", "d": 7, "e": null } }
      |                                                      ^^^^^^^^^
    help: write "port:" for what leaves, ":port" for what comes in

    error[HF012]: `test/plain` has no output port `errors`
      --> workflows/a.workflow.json:2:70
      |
    2 | { "name": "one", "type": "test/plain", "set": { "a": "default", "b": "errors:", "c": ":deflaut", "d": 7, "e": null } }
      |                                                                      ^^^^^^^^^
    help: did you mean `error`?

    error[HF012]: `test/plain` has no input port `deflaut`
      --> workflows/a.workflow.json:2:86
      |
    2 | { "name": "one", "type": "test/plain", "set": { "a": "default", "b": "errors:", "c": ":deflaut", "d": 7, "e": null } }
      |                                                                                      ^^^^^^^^^^
    help: did you mean `default`?

    error[HF012]: the variable `d` is bound to no port
      --> workflows/a.workflow.json:2:103
      |
    2 | { "name": "one", "type": "test/plain", "set": { "a": "default", "b": "errors:", "c": ":deflaut", "d": 7, "e": null } }
      |                                                                                                       ^
    help: write "port:" for what leaves, ":port" for what comes in

    error[HF012]: the variable `e` is bound to no port
      --> workflows/a.workflow.json:2:111
      |
    2 | { "name": "one", "type": "test/plain", "set": { "a": "default", "b": "errors:", "c": ":deflaut", "d": 7, "e": null } }
      |                                                                                                               ^^^^
    help: write "port:" for what leaves, ":port" for what comes in

    loaded: nothing
    "#);
}
