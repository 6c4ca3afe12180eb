//! Option values: what is a recipe, what is text, and where a wrong one stands.

use recipe::{Context, Limits, Map, NoFacts, Value};

use crate::{check_elements, graph, of_elements};

const THIS: &str = r#"{ "id": 7, "name": "Ada", "list": [1, 2] }"#;
const VARS: &str = r#"{ "order": { "total": 5, "no": "A-1" }, "name": "Bob", "n": 3, "obj": { "a": 1 } }"#;

/// An option of `test/join`, evaluated: `left` brings "L".
fn value(option: &str, json: &str) -> String {
    let one = format!(r#"{{ "name": "one", "type": "test/join", "options": {{ "{option}": {json} }} }}"#);
    let graph = graph(&of_elements(&[&one]));
    let (this, vars) = (Value::from_json(THIS).unwrap(), Value::from_json(VARS).unwrap());
    let vars: Map = vars.as_object().cloned().unwrap();
    let context = Context { this: &this, vars: &vars, facts: &NoFacts, limits: Limits::default() };
    let port = |at: u8| if at == 1 { Value::from("L") } else { Value::Null };
    let template = graph.elements[0].options.get(option).expect("the option");
    template.eval(&context, &port).unwrap_or_else(|error| panic!("{json}: {error}")).to_json()
}

/// Each line is `JSON ==> JSON`.
#[track_caller]
fn check_all(option: &str, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (json, expected) = line.split_once(" ==> ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(value(option, json), expected, "{json}");
    }
}

#[test]
fn json_stands_as_it_is() {
    check_all(
        "value",
        r#"1.50 ==> 1.5
        true ==> true
        "plain text" ==> "plain text"
        "" ==> ""
        [1, [null], {"a": {}}] ==> [1,[null],{"a":{}}]
        {"b": 1, "a": 2} ==> {"b":1,"a":2}
        {"if": "id > 1"} ==> {"if":"id > 1"}"#,
    );
}

#[test]
fn a_string_that_begins_with_a_dollar_and_a_name() {
    check_all(
        "value",
        r#""$order.total" ==> 5
        "$order" ==> {"total":5,"no":"A-1"}
        "$order.total * 2 + id" ==> 17
        "$unset ?? 'none'" ==> "none"
        "$order.missing.deep" ==> null
        ["$n", {"deep": ["$n"]}] ==> [3,{"deep":[3]}]
        "$_x" ==> null"#,
    );
}

#[test]
fn values_inside_a_longer_string() {
    check_all(
        "value",
        r#""/v1/details/$order.no" ==> "/v1/details/A-1"
        "$name is here" ==> "Bob is here"
        "no $n." ==> "no 3."
        "no $n.5" ==> "no 3.5"
        "$n, $n" ==> "3, 3"
        "a${n}b${id}c" ==> "a3b7c"
        "is ${$order.total > 4 ? '{}' : \"}\"}!" ==> "is {}!"
        "got $obj and ${list}" ==> "got {\"a\":1} and [1,2]"
        "nothing: $unset." ==> "nothing: .""#,
    );
}

#[test]
fn an_embedded_recipe_alone_keeps_its_type() {
    check_all(
        "value",
        r#""${id}" ==> 7
        "${list}" ==> [1,2]
        "${ id + 1 }" ==> 8
        "${null}" ==> null
        "${id} " ==> "7 ""#,
    );
}

#[test]
fn a_bare_name_is_a_field_then_a_variable() {
    check_all(
        "value",
        r#""${name}" ==> "Ada"
        "${n}" ==> 3
        "${$name}" ==> "Bob""#,
    );
}

#[test]
fn dollars_that_no_name_follows() {
    check_all(
        "value",
        r#""$" ==> "$"
        "costs 5$" ==> "costs 5$"
        "$5 or $ 6" ==> "$5 or $ 6"
        "$$" ==> "$"
        "$$name" ==> "$name"
        "$$$name" ==> "$Bob"
        "a $$n b" ==> "a $n b"
        "$${id}" ==> "${id}"
        "$n$$" ==> "3$"
        "$-" ==> "$-""#,
    );
}

#[test]
fn objects_and_ports_that_are_recipes() {
    check_all(
        "value",
        r#"{".recipe": "id + 1"} ==> 8
        [{".recipe": "list.map(x => x * 2)"}] ==> [[2,4]]
        {".recipe": "id", "more": 1} ==> {".recipe":"id","more":1}
        ":left" ==> "L"
        [":left", ":right"] ==> ["L",null]
        ":middle" ==> ":middle"
        ": left" ==> ": left"
        "a :left" ==> "a :left""#,
    );
}

#[test]
fn keys_with_recipes() {
    check_all(
        "values",
        r#"{"a${id}": 1, "$name": 2, "${name}": "$name"} ==> {"a7":1,"$name":2,"Ada":"Bob"}
        {"price.net": "${id}"} ==> {"price.net":7}"#,
    );
    check_all(
        "recipes",
        r#"{"a${id}": "id + 1", "b": ["id", {"c": "n"}], "d": 5} ==> {"a7":8,"b":[7,{"c":null}],"d":5}"#,
    );
}

#[test]
fn input_ports_take_recipes() {
    let one =
        r#"{ "name": "one", "type": "test/join", "in": { "left": "id + 1", "right": ["$n", "text"] } }"#;
    let graph = graph(&of_elements(&[one]));
    let ports: Vec<u8> = graph.elements[0].ins.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [1, 2]);
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one", "type": "test/join", "in": { "left": "id +" } }"#]), @r#"
    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:60
      |
    2 | { "name": "one", "type": "test/join", "in": { "left": "id +" } }
      |                                                            ^
    help: mend the expression at this place

    loaded: nothing
    "#);
}

fn wrong(options: &str) -> String {
    check_elements(&[&format!(r#"{{ "name": "one", "type": "test/plain", "options": {{ {options} }} }}"#)])
}

#[test]
fn where_a_recipe_is_wrong() {
    insta::assert_snapshot!(wrong(r#""condition": "id > > 3""#), @r#"
    error[HF005]: expected an expression, found `>`
      --> workflows/a.workflow.json:2:72
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "id > > 3" } }
      |                                                                        ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""value": ["/v1/${id +}/x"]"#), @r#"
    error[HF005]: expected an expression, found `}`
      --> workflows/a.workflow.json:2:74
      |
    2 | { "name": "one", "type": "test/plain", "options": { "value": ["/v1/${id +}/x"] } }
      |                                                                          ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""value": "$order.total +""#), @r#"
    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:77
      |
    2 | { "name": "one", "type": "test/plain", "options": { "value": "$order.total +" } }
      |                                                                             ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""value": { ".recipe": "nope(1)" }"#), @r#"
    error[HF005]: there is no function `nope`
      --> workflows/a.workflow.json:2:76
      |
    2 | { "name": "one", "type": "test/plain", "options": { "value": { ".recipe": "nope(1)" } } }
      |                                                                            ^^^^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""values": { "a${": 1 }"#), @r#"
    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:69
      |
    2 | { "name": "one", "type": "test/plain", "options": { "values": { "a${": 1 } } }
      |                                                                     ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""recipes": { "total": "price *" }"#), @r#"
    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:83
      |
    2 | { "name": "one", "type": "test/plain", "options": { "recipes": { "total": "price *" } } }
      |                                                                                   ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""condition": """#), @r#"
    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:67
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "" } }
      |                                                                   ^
    help: mend the expression at this place

    loaded: nothing
    "#);
}

#[test]
fn where_a_recipe_is_wrong_after_escapes() {
    insta::assert_snapshot!(wrong(r#""condition": "name == \"x\" &&& 1""#), @r#"
    error[HF005]: expected an expression, found `&`
      --> workflows/a.workflow.json:2:83
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "name == \"x\" &&& 1" } }
      |                                                                                   ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""condition": "name == '\u00e9' ] 1""#), @r#"
    error[HF005]: expected an operator or the end of the recipe, found `]`
      --> workflows/a.workflow.json:2:84
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "name == '\u00e9' ] 1" } }
      |                                                                                    ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""condition": "name == '\ud83d\ude00\t\/' ] 1""#), @r#"
    error[HF005]: expected an operator or the end of the recipe, found `]`
      --> workflows/a.workflow.json:2:94
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "name == '\ud83d\ude00\t\/' ] 1" } }
      |                                                                                              ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""condition": "name == 'é😀' ] 1""#), @r#"
    error[HF005]: expected an operator or the end of the recipe, found `]`
      --> workflows/a.workflow.json:2:80
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "name == 'é😀' ] 1" } }
      |                                                                                ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""value": "\u0024{id ]}""#), @r#"
    error[HF005]: expected an operator or `}`, found `]`
      --> workflows/a.workflow.json:2:73
      |
    2 | { "name": "one", "type": "test/plain", "options": { "value": "\u0024{id ]}" } }
      |                                                                         ^
    help: mend the expression at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(wrong(r#""condition": "a\n+ ] 1""#), @r#"
    error[HF005]: expected an expression, found `]`
      --> workflows/a.workflow.json:2:72
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "a\n+ ] 1" } }
      |                                                                        ^
    help: mend the expression at this place

    loaded: nothing
    "#);
}

#[test]
fn several_wrong_recipes_of_one_element() {
    insta::assert_snapshot!(wrong(r#""condition": "a +", "value": "${b", "url": "$c ??""#), @r#"
    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:70
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "a +", "value": "${b", "url": "$c ??" } }
      |                                                                      ^
    help: mend the expression at this place

    error[HF005]: expected an operator or `}`, found the end of the recipe
      --> workflows/a.workflow.json:2:86
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "a +", "value": "${b", "url": "$c ??" } }
      |                                                                                      ^
    help: mend the expression at this place

    error[HF005]: expected an expression, found the end of the recipe
      --> workflows/a.workflow.json:2:102
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": "a +", "value": "${b", "url": "$c ??" } }
      |                                                                                                      ^
    help: mend the expression at this place

    loaded: nothing
    "#);
}
