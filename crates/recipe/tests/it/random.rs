//! Random recipes: printed and parsed again they are the same tree, rows of operators group as the spec's table says,
//! and their values are those of a slow, obvious evaluator.

use proptest::prelude::*;
use recipe::Recipe;
use serde_json::{Value as Json, json};

use crate::{eval, json as value, print, reference};

fn tree(text: &str) -> Json {
    let recipe = Recipe::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    serde_json::from_str(&recipe.ast()).unwrap()
}

fn operator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(print::LEVELS.concat())
}

fn name() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(vec!["a", "b", "n", "f", "rows", "thisx", "_1"])
}

fn literal() -> impl Strategy<Value = Json> {
    let words =
        ["", "0", "5", "1.5", "-2", "a", "ä\"\\{}\n", "1e2", " 5", "007", "9007199254740993", "length"];
    let decimals = [0.5, 1.5, 2.25, 0.1, 1e-7, 1.005, 12345.678];
    let whole = [0, 1, 2, 3, 7, 63, 64, 100, (1 << 53) + 1, i64::MAX];
    prop_oneof![
        prop::sample::select(vec![json!(null), json!(true), json!(false)]),
        prop::sample::select(whole.to_vec()).prop_map(Json::from),
        prop::sample::select(decimals.to_vec()).prop_map(Json::from),
        prop::sample::select(words.to_vec()).prop_map(Json::from),
    ]
    .prop_map(|value| json!({"kind": "literal", "value": value}))
}

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        3 => literal(),
        2 => name().prop_map(|name| json!({"kind": "name", "name": name})),
        1 => name().prop_map(|name| json!({"kind": "var", "name": name})),
        1 => Just(json!({"kind": "this"})),
    ]
}

/// A tree of any shape that can be written.
fn any_tree() -> impl Strategy<Value = Json> {
    leaf().prop_recursive(5, 48, 4, |inner| {
        let spread = inner.clone().prop_map(|of| json!({"kind": "spread", "of": of}));
        let key = prop_oneof!["[a-z ä\"]{0,3}".prop_map(Json::from), inner.clone().prop_map(computed)];
        let field = (key, inner.clone()).prop_map(|(key, value)| json!({"key": key, "value": value}));
        let item = prop_oneof![4 => inner.clone(), 1 => spread.clone()];
        let entry = prop_oneof![4 => field, 1 => spread];
        let lambda = lambda(inner.clone());
        prop_oneof![
            6 => (operator(), inner.clone(), inner.clone()).prop_map(binary),
            2 => (prop::sample::select(vec!["!", "-", "+"]), inner.clone())
                .prop_map(|(op, of)| json!({"kind": "unary", "op": op, "of": of})),
            2 => [inner.clone(), inner.clone(), inner.clone()]
                .prop_map(|[a, b, c]| json!({"kind": "choice", "if": a, "then": b, "else": c})),
            2 => path(inner.clone()),
            1 => prop::collection::vec(item, 0..4).prop_map(|items| json!({"kind": "list", "items": items})),
            1 => prop::collection::vec(entry, 0..4).prop_map(|all| json!({"kind": "object", "entries": all})),
            1 => template(inner.clone()),
            1 => matching(inner.clone()),
            2 => (inner.clone(), lambda.clone(), prop::sample::select(EACH.to_vec()), any::<bool>())
                .prop_map(|(of, lambda, name, is_method)| call(name, of, &[lambda], is_method)),
            1 => (inner.clone(), lambda.clone(), inner.clone(), any::<bool>())
                .prop_map(|(of, lambda, start, is_method)| call("reduce", of, &[lambda, start], is_method)),
            1 => (inner, prop::sample::select(vec!["count", "sum"])).prop_map(|(of, name)| call(name, of, &[], true)),
            1 => lambda,
        ]
    })
}

/// Functions that take a lambda for each item.
const EACH: &[&str] = &["map", "flatMap", "filter", "find", "some", "every", "reduce"];

fn binary((op, left, right): (&str, Json, Json)) -> Json {
    json!({"kind": "binary", "op": op, "left": left, "right": right})
}

/// A text in brackets is a plain key.
fn computed(key: Json) -> Json {
    if key["value"].is_string() { key["value"].clone() } else { key }
}

fn path(of: impl Strategy<Value = Json> + Clone + 'static) -> impl Strategy<Value = Json> {
    let field = prop::sample::select(vec!["a", "b", "length", "id", "this"]);
    prop_oneof![
        (of.clone(), field).prop_map(|(of, name)| json!({"kind": "member", "of": of, "name": name})),
        (of.clone(), of.clone()).prop_map(|(of, at)| json!({"kind": "index", "of": of, "index": at})),
        of.prop_map(|of| json!({"kind": "wildcard", "of": of})),
    ]
}

fn template(inner: impl Strategy<Value = Json> + Clone + 'static) -> impl Strategy<Value = Json> {
    let part = ("[a\"'{}\\\\]{1,3}", inner);
    (prop::collection::vec(part, 0..3), any::<bool>()).prop_map(|(parts, words)| {
        let flat = parts
            .into_iter()
            .flat_map(|(text, node)| if words { vec![text.into(), node] } else { vec![node] });
        json!({"kind": "template", "parts": flat.collect::<Vec<Json>>()})
    })
}

fn matching(inner: impl Strategy<Value = Json> + Clone + 'static) -> impl Strategy<Value = Json> {
    let arm = (prop::collection::vec(inner.clone(), 1..3), inner.clone())
        .prop_map(|(when, then)| json!({"when": when, "then": then}));
    let default = inner.clone().prop_map(|then| json!({"when": null, "then": then}));
    (inner, prop::collection::vec(arm, 0..3), prop::option::of(default)).prop_map(
        |(of, mut arms, default)| {
            arms.extend(default);
            json!({"kind": "match", "of": of, "arms": arms})
        },
    )
}

fn lambda(body: impl Strategy<Value = Json> + Clone + 'static) -> impl Strategy<Value = Json> + Clone {
    let params = prop::sample::subsequence(vec!["a", "x", "n"], 0..=3);
    (params, body).prop_map(|(params, body)| json!({"kind": "lambda", "params": params, "body": body}))
}

fn call(name: &str, of: Json, args: &[Json], is_method: bool) -> Json {
    if is_method || of["kind"] == "lambda" {
        return json!({"kind": "method", "of": of, "name": name, "args": args});
    }
    let args: Vec<_> = std::iter::once(of).chain(args.iter().cloned()).collect();
    json!({"kind": "call", "name": name, "args": args})
}

/// Whether a lambda stands where a function does not take one, which is refused as it is parsed.
fn refused(tree: &Json) -> bool {
    let is_lambda = |node: &Json| node["kind"] == "lambda";
    let here = match tree["kind"].as_str() {
        Some("method") => is_lambda(&tree["of"]) || is_lambda(&tree["args"][1]),
        Some("call") => is_lambda(&tree["args"][0]) || is_lambda(&tree["args"][2]),
        _ => false,
    };
    here || match tree {
        Json::Array(items) => items.iter().any(refused),
        Json::Object(fields) => fields.values().any(refused),
        _ => false,
    }
}

fn input() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null".to_owned(),
        r#"{"a": 5, "b": "1.5", "n": null, "rows": [{"a": 1, "b": [2, 3]}, {"a": "x", "id": 1, "module": "m"}, {}]}"#.to_owned(),
        r#"{"a": [1, "2", 3.0, null, [4]], "b": {"a": {"a": "äb"}}, "n": -2.0, "f": true, "rows": []}"#.to_owned(),
        r#"{"id": 7, "module": "m", "a": {"id": "7", "module": "m", "b": 0}, "b": false, "n": 9223372036854775807}"#.to_owned(),
        "[1, 2.5, \"a\", {\"a\": 1}]".to_owned(),
        "\"äöü\"".to_owned(),
    ])
}

/// Operands, some with a sign, and what stands between them; at times a choice at the end.
fn row() -> impl Strategy<Value = Vec<String>> {
    let operand = (prop::sample::select(vec!["", "", "", "-", "!", "+", "!-"]), name());
    let operand = operand.prop_map(|(sign, name)| format!("{sign}{name}"));
    let more = prop::collection::vec((operator(), operand.clone()), 0..12);
    (operand, more).prop_map(|(first, more)| {
        std::iter::once(first).chain(more.into_iter().flat_map(|(op, next)| [op.to_owned(), next])).collect()
    })
}

/// By the table: takes operators of at least this level.
fn climb(row: &mut std::iter::Peekable<std::slice::Iter<'_, String>>, least: usize) -> Json {
    let operand = row.next().unwrap();
    let at = operand.find(|c: char| c.is_ascii_alphanumeric() || c == '_').unwrap();
    let mut left = json!({"kind": "name", "name": &operand[at..]});
    for sign in operand[..at].chars().rev() {
        left = json!({"kind": "unary", "op": sign.to_string(), "of": left});
    }
    while let Some(op) = row.next_if(|op| print::level(op) >= least) {
        let right = climb(row, print::level(op) + usize::from(*op != "**"));
        left = binary((op, left, right));
    }
    left
}

/// As many as `PROPTEST_CASES` asks for, and 2000 at least.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(2000),
        max_global_rejects: u32::MAX,
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn printed_and_parsed_again_it_is_the_same(tree in any_tree()) {
        prop_assume!(!refused(&tree));
        let printed = print::print(&tree);
        prop_assert_eq!(&self::tree(&printed), &tree, "{}", printed);
    }

    #[test]
    fn rows_group_as_the_table_says(row in row(), choice in prop::option::of((row(), row()))) {
        let climbed = |row: &[String]| climb(&mut row.iter().peekable(), 1);
        let (mut text, mut expected) = (row.join(" "), climbed(&row));
        if let Some((then, otherwise)) = choice {
            text = format!("{text} ? {} : {}", then.join(" "), otherwise.join(" "));
            expected = json!({"kind": "choice", "if": expected, "then": climbed(&then), "else": climbed(&otherwise)});
        }
        prop_assert_eq!(tree(&text), expected, "{}", text);
    }

    #[test]
    fn values_are_those_of_the_reference(tree in any_tree(), this in input()) {
        prop_assume!(!refused(&tree));
        let text = print::print(&tree);
        let found = eval(&text, &value(&this));
        let read = reference::Val::read(&serde_json::from_str(&this).unwrap());
        let expected = reference::evaluate(&self::tree(&text), &read, &Vec::new());
        match (found, expected) {
            (Ok(found), Ok(expected)) => prop_assert_eq!(found.to_json(), expected.json(), "{} with {}", text, this),
            (Err(_), Err(())) => {}
            (found, expected) => prop_assert!(false, "{} with {}: {:?}, not {:?}", text, this, found, expected),
        }
    }
}
