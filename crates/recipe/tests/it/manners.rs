//! Edges: numbers beyond their kinds, the last day, texts that are nearly numbers, trees of what does not compile.

use recipe::Recipe;

use crate::{check, check_all, eval, fails, json};

#[test]
fn what_functions_make_of_objects_is_counted() {
    let rows = json(&format!("[{}]", vec!["{\"a\":1}"; 14_000].join(",")));
    let fields: Vec<_> = (0..10_000).map(|at| format!("\"k{at}\":{at}")).collect();
    let wide = json(&format!("{{{}}}", fields.join(",")));
    for (make, this) in [
        ("anonymize(this)", &rows),
        ("omit(this, 'x')", &rows),
        ("pick(this, 'a')", &rows),
        ("keys(this)", &wide),
        ("omit(this, 'k1')", &wide),
        ("anonymize(this)", &wide),
        ("pick(this, keys(this))", &wide),
    ] {
        // Two bytes too few for what a row or a key takes: 14,000 times 168, 10,000 times 64.
        let most = if this.as_list().is_some() { 28 } else { 104 };
        assert!(eval(&format!("range({most}).map(i => {make}).length"), this).is_err(), "{make}");
        assert!(eval(&format!("range(2).map(i => {make}).length"), this).is_ok(), "{make}");
    }
}

#[test]
fn trees_need_no_functions() {
    for (expression, tree) in [
        ("f(1)", r#"{"kind":"call","name":"f","args":[{"kind":"literal","value":1}]}"#),
        ("f()", r#"{"kind":"call","name":"f","args":[]}"#),
        ("a.b()", r#"{"kind":"method","of":{"kind":"name","name":"a"},"name":"b","args":[]}"#),
        (
            "f(...a)",
            r#"{"kind":"call","name":"f","args":[{"kind":"spread","of":{"kind":"name","name":"a"}}]}"#,
        ),
        ("upper()", r#"{"kind":"call","name":"upper","args":[]}"#),
        ("-9223372036854775808", r#"{"kind":"literal","value":-9223372036854775808}"#),
    ] {
        assert_eq!(Recipe::tree(expression).unwrap(), tree, "{expression}");
    }
    assert!(Recipe::parse("f(1)").is_err());
    assert!(Recipe::parse("upper(...a)").is_err());
    assert!(Recipe::tree("f(1").is_err());
}

#[test]
fn numbers_at_the_edge() {
    check_all(
        "-9223372036854775808.0 - 1 ==> -9223372036854776000
        -9223372036854775809 ==> -9223372036854776000
        -9223372036854775808 ==> -9223372036854775808
        - 9223372036854775808 + 1 ==> -9223372036854775807
        9223372036854775808 ==> 9223372036854776000
        avg([9223372036854775807, 9223372036854775807]) ==> 9223372036854776000
        avg(1, 2, 3) ==> 2
        sum(9223372036854775807, 1, -1) ==> 9223372036854775807
        1.5 / 0 ==> null
        0 ** -1 ==> null
        min('10', '9') ==> \"10\"
        min('10', 9) ==> 9
        max('10', 9) ==> 10
        max('b', 'a') ==> \"b\"",
    );
    for (expression, says) in [
        ("2.0 ** 1024", "`**` overflows"),
        ("number('1e308') * 10", "`*` overflows"),
        ("number('1e308') / 0.1", "`/` overflows"),
        ("number('1e308') + number('1e308')", "`+` overflows"),
        ("sum(number('1e308'), number('1e308'))", "`sum` overflows"),
        ("sum(9223372036854775807, 1)", "`sum` overflows"),
        ("abs(-9223372036854775808)", "`abs` overflows"),
        ("pow(2.0, 1024)", "`pow` overflows"),
        ("(-8) ** 0.5", "`**` has no real result"),
        ("min(1, 'x')", "`min` takes numbers or texts, and a text beside numbers must be numeric"),
        ("pick({a: 1}, ['a', 1, null])", "`pick` takes the names of fields, and a number is none"),
        ("dateFormat('2026-01-01', 'Y', 'Mars')", "`dateFormat` takes a time zone, and this text is none"),
        ("dateFormat(1772323200000, 'Y')", "`dateFormat` knows the years -9999 to 9999"),
        ("dateAdd('9999-12-31', 1)", "`dateAdd` knows the years -9999 to 9999"),
    ] {
        let said = fails(expression, "null");
        assert!(said.starts_with(says), "{expression}: {said}");
    }
    assert!(Recipe::parse(&"9".repeat(400)).is_err());
    assert!(!fails("range(3000000)", "null").contains("reduce"));
}

#[test]
fn the_last_day() {
    check_all(
        "date('9999-12-31') ==> \"9999-12-31\"
        dateFormat('9999-12-31', 'd.m.Y y D') ==> \"31.12.9999 99 Fri\"
        dateFormat('9999-12-31', 'c') ==> \"9999-12-31T00:00:00+00:00\"
        timestamp('9999-12-31') ==> 253402214400
        dateDiff('9999-12-30', '9999-12-31') ==> 1
        dateDiff('2026-12-31', '9999-12-31', 'years') ==> 7973
        dateDiff('9999-12-30', '9999-12-31', 'hours') ==> 24
        dateDiff('9999-12-31', '9999-12-30', 'hours') ==> -24
        dateDiff('9999-12-31', '9999-11-30T00:00:00Z', 'months') ==> -1
        dateDiff('2026-01-01T00:00:00Z', '9999-12-31', 'days') ==> 2912442
        dateDiff('9999-12-31', '2026-01-01T00:00:00Z', 'hours') ==> -69898608
        dateAdd('9999-12-31', -1) ==> \"9999-12-30\"
        dateAdd('9999-12-31', -12, 'hours') ==> \"9999-12-30T12:00:00Z\"",
    );
}

#[test]
fn white_space_around_a_numeric_text() {
    let this = r#"{"n": " 5\n"}"#;
    for (expression, expected) in [
        ("number(n)", "5"),
        ("int(n)", "5"),
        ("round(n)", "5"),
        ("n == 5", "true"),
        ("n * 2", "10"),
        ("n + 1", "6"),
        ("n < 6", "true"),
        ("' ' == 0", "false"),
    ] {
        check(expression, this, expected);
    }
}
