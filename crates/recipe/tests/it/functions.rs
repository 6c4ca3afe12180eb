use recipe::{Context, Facts, Limits, Map, Recipe, Value, functions};

use crate::{check, check_all, fails};

#[test]
fn examples_are_true() {
    for (_, function) in functions() {
        assert!(!function.examples.is_empty(), "{} has no example", function.name);
        for (expression, expected) in function.examples {
            assert!(expression.contains(function.name), "{expression} is no example of {}", function.name);
            check(expression, "null", expected);
        }
    }
}

#[test]
fn every_name_of_the_specification_is_there() {
    let names = "abs ceil floor round min max sum avg pow sqrt number int string upper lower trim length substring replace \
        split join startsWith endsWith contains format padStart padEnd urlEncode base64Encode base64Decode slug slugify \
        count first last push concat unique reverse slice sort sortBy groupBy flatten range indexOf keys values map \
        flatMap filter reduce find some every includes merge pick omit has get anonymize now date today dateFormat \
        dateAdd dateDiff dateParse timestamp user hasRole isRoot locale t system run uuid config env isNull isEmpty \
        isString isNumber isList isObject invalid valid text bool oneOf";
    let known: Vec<_> = functions().map(|(_, function)| function.name).collect();
    for name in names.split_whitespace() {
        assert!(known.contains(&name), "{name}");
    }
    let mut once = known.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), known.len(), "a name stands twice");
}

#[test]
fn rounding_is_on_decimal_text() {
    check_all(
        "round(1.005, 2) ==> 1.01
        round(2.675, 2) ==> 2.68
        round(-1.005, 2) ==> -1.01
        round(0.5) ==> 1
        round(-0.5) ==> -1
        round(0.4) ==> 0
        round(9.99, 1) ==> 10
        round(1234.5678, -2) ==> 1200
        round(12345, -9) ==> 0
        round(1.5, 400) ==> 1.5
        round('2.345', 2) ==> 2.35
        round(null) ==> 0
        round(0.000001, 6) ==> 0.000001
        round(149, -2) ==> 100
        round(150, -2) ==> 200
        round(-150, -2) ==> -200",
    );
}

#[test]
fn null_is_left_out_of_sums() {
    check_all(
        "sum(null) ==> 0
        sum([null, 1]) ==> 1
        avg([null]) ==> null
        avg([1, null, 2]) ==> 1.5
        max([null, -1]) ==> -1
        max(['9', '10']) ==> \"9\"
        max(['9', 10]) ==> 10
        max(['2026-01-01', '2026-02-01']) ==> \"2026-02-01\"
        sum(['1', 2]) ==> 3
        [1, 2].sum() ==> 3",
    );
}

#[test]
fn lists_are_lenient_about_null_and_records() {
    check("rows.map(r => r.a)", "{}", "[]");
    check("rows.filter('a')", r#"{"rows": {"a": 1}}"#, r#"[{"a":1}]"#);
    check("null.first()", "null", "null");
    check("this.count()", r#"{"id": 1, "module": "m"}"#, "1");
}

#[test]
fn lambdas_see_what_is_around_them() {
    check("rows.map(r => r.n * factor)", r#"{"factor": 2, "rows": [{"n": 1}, {"n": 2}]}"#, "[2,4]");
    check("[1, 2].map(n => [10, 20].map(m => n * m))", "null", "[[10,20],[20,40]]");
    check("[1].map(name => name)", r#"{"name": "outer"}"#, "[1]");
    check("[1].map(x => name)", r#"{"name": "outer"}"#, "[\"outer\"]");
    check("[[1, 2], [3]].map(name => name.map(name => name + 1))", "null", "[[2,3],[4]]");
    check("[3, 4].map((x, i, more) => [x, i, more])", "null", "[[3,0,null],[4,1,null]]");
    check("[1, 2].reduce((a, b, i) => a + b * i)", "null", "3");
}

#[test]
fn wrong_types_name_the_function() {
    insta::assert_snapshot!(fails("1 + upper([1])", "null"), @r#"
    `upper` takes a text, not a list
      |
    1 | 1 + upper([1])
      |     ^^^^^^^^^^
      = help: it is written `upper(s)`
    "#);
    insta::assert_snapshot!(fails("count(5)", "null"), @r#"
    `count` takes a list, not a number
      |
    1 | count(5)
      | ^^^^^^^^
      = help: it is written `count(list)`
    "#);
    insta::assert_snapshot!(fails("round(1, 0.5)", "null"), @r#"
    `round` takes a whole number, not one with a fraction
      |
    1 | round(1, 0.5)
      | ^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(fails("[1].map(x => x.foo + {})", "null"), @r#"
    `+` cannot take null and an object
      |
    1 | [1].map(x => x.foo + {})
      |              ^^^^^^^^^^
      = help: take a part of it, or `count(x)`
    "#);
    insta::assert_snapshot!(fails("[1].map(3)", "null"), @r#"
    `map` takes a lambda or the name of a field, not a number
      |
    1 | [1].map(3)
      | ^^^^^^^^^^
      = help: it is written `map(list, f)`
    "#);
    insta::assert_snapshot!(fails("dateFormat('soon', 'Y')", "null"), @r#"
    `dateFormat` takes a date, and this text is none
      |
    1 | dateFormat('soon', 'Y')
      | ^^^^^^^^^^^^^^^^^^^^^^^
      = help: dates are `2026-03-01` and `2026-03-01T07:00:00Z`; `dateParse(text, format)` reads others
    "#);
}

struct Run;

impl Facts for Run {
    fn now_ms(&self) -> i64 {
        1_772_349_296_789
    }

    fn timezone(&self) -> String {
        "Europe/Berlin".to_owned()
    }

    fn translate(&self, key: &str, _: &Map) -> Option<String> {
        (key == "greet").then(|| "Hello {{ name }}, :count new at 10:30 {{ other }}".to_owned())
    }

    fn has_role(&self, role: &str) -> bool {
        role == "editor"
    }
}

fn in_run(expression: &str) -> Value {
    let this = Value::Null;
    let context = Context { this: &this, vars: &Map::new(), facts: &Run, limits: Limits::default() };
    Recipe::parse(expression)
        .unwrap()
        .eval(&context)
        .unwrap_or_else(|error| panic!("{}", error.render(expression)))
}

#[test]
fn the_run_is_asked() {
    for (expression, expected) in [
        ("now()", "2026-03-01T07:14:56Z"),
        ("today()", "2026-03-01"),
        ("dateFormat(now(), 'Y-m-d H:i:s T P')", "2026-03-01 08:14:56 CET +01:00"),
        ("dateFormat('2026-07-01T00:30', 'c')", "2026-07-01T00:30:00+02:00"),
        ("dateAdd('2026-03-28T12:00', 1, 'day')", "2026-03-29T10:00:00Z"),
        ("dateAdd('2026-03-28T12:00', 24, 'hours')", "2026-03-29T11:00:00Z"),
        ("dateAdd('2026-03-01', 2, 'hours')", "2026-03-01T01:00:00Z"),
        ("dateParse('01.07.2026 9:05 PM', 'd.m.Y g:i A')", "2026-07-01T19:05:00Z"),
        ("dateFormat('2026-03-01', 'l jS \\\\o\\\\f F', 'America/New_York')", "Sunday 1st of March"),
        ("date('2026-03-01T23:30:00Z')", "2026-03-02"),
        ("t('greet', {name: 'Ada', count: 3})", "Hello Ada, 3 new at 10:30 {{ other }}"),
        ("t('no.such')", "no.such"),
    ] {
        assert_eq!(in_run(expression).to_text(), expected, "{expression}");
    }
    assert_eq!(in_run("hasRole('editor') && !hasRole('admin')"), Value::Bool(true));
    assert_eq!(in_run("timestamp()"), Value::Int(1_772_349_296));
    assert_eq!(in_run("dateDiff('2026-03-28', '2026-03-30')"), Value::Int(2));
}
