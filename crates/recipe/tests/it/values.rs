//! The table "Values" of recipe.md.

use crate::{check, check_all, eval, fails, json};

#[test]
fn arithmetic() {
    check_all(
        "1 / 0 ==> null
        1 % 0 ==> null
        1.5 / 0 ==> null
        6 / 3 ==> 2
        7 / 2 ==> 3.5
        -7 % 3 ==> -1
        7 % -3 ==> 1
        5.5 % 2 ==> 1.5
        2 ** 10 ==> 1024
        2 ** -1 ==> 0.5
        0 ** 0 ==> 1
        2 ** 0.5 ==> 1.4142135623730951
        (-1) ** 9999999999 ==> -1
        null + 1 ==> 1
        null * 5 ==> 0
        true + true ==> 2
        '5' + 1 ==> 6
        1 + '5' ==> 6
        '5' + '6' ==> \"56\"
        '1.5' * 2 ==> 3
        '3' - '1' ==> 2
        'a' + 1 ==> \"a1\"
        null + 'a' ==> \"a\"
        true + 'a' ==> \"truea\"
        [1] + 'a' ==> \"[1]a\"
        {a: null} + 'x' ==> \"{\\\"a\\\":null}x\"
        '' + 1 ==> \"1\"
        1 # 2 ==> \"12\"
        null # true ==> \"true\"
        +'7' ==> 7
        -'7' ==> -7
        -true ==> -1
        +null ==> 0
        '1e3' - 0 ==> 1000
        9007199254740993 + 0 ==> 9007199254740993
        9007199254740993 - 0.0 ==> 9007199254740992
        100000000000000000000 + 1 ==> 100000000000000000000
        1000000000000000000000.0 ==> 1e+21
        0.0000001 ==> 1e-7
        -0.0 ==> 0
        6 & 3 ==> 2
        6 | 3 ==> 7
        6 ^ 3 ==> 5
        1 << 62 ==> 4611686018427387904
        -8 >> 1 ==> -4
        true | 2 ==> 3
        '6' & 2.0 ==> 2",
    );
}

#[test]
fn errors_name_operator_types_and_place() {
    let said: Vec<String> = [
        "9223372036854775807 + 1",
        "2 ** 63",
        "0 - 9223372036854775807 - 2",
        "-9223372036854775808 / -1",
        "'a' * 2",
        "1 + [1]",
        "[1] + [2]",
        "{} - 1",
        "-'a'",
        "+[]",
        "1 < 'a'",
        "[] < 1",
        "1 << 64",
        "1 >> -1",
        "1.5 & 1",
        "1 + 2 * (3 - [4])",
        "[...5]",
        "{...5}",
        "x => x",
        "[1, x => x]",
    ]
    .iter()
    .map(|expression| fails(expression, "null"))
    .collect();
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    `+` overflows: the result is no whole number of 64 bits
      |
    1 | 9223372036854775807 + 1
      | ^^^^^^^^^^^^^^^^^^^^^^^
      = help: write one of the numbers with a decimal point to calculate with doubles

    `**` overflows: the result is no whole number of 64 bits
      |
    1 | 2 ** 63
      | ^^^^^^^
      = help: write one of the numbers with a decimal point to calculate with doubles

    `-` overflows: the result is no whole number of 64 bits
      |
    1 | 0 - 9223372036854775807 - 2
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: write one of the numbers with a decimal point to calculate with doubles

    `/` overflows: the result is no whole number of 64 bits
      |
    1 | -9223372036854775808 / -1
      | ^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: write one of the numbers with a decimal point to calculate with doubles

    `*` cannot take a text and a number
      |
    1 | 'a' * 2
      | ^^^^^^^
      = help: `number(x)` makes a text a number, or null

    `+` cannot take a number and a list
      |
    1 | 1 + [1]
      | ^^^^^^^
      = help: take a part of it, or `count(x)`

    `+` cannot take a list and a list
      |
    1 | [1] + [2]
      | ^^^^^^^^^
      = help: take a part of it, or `count(x)`

    `-` cannot take an object and a number
      |
    1 | {} - 1
      | ^^^^^^
      = help: take a part of it, or `count(x)`

    `-` cannot take a text
      |
    1 | -'a'
      | ^^^^

    `+` cannot take a list
      |
    1 | +[]
      | ^^^

    `<` cannot take a number and a text
      |
    1 | 1 < 'a'
      | ^^^^^^^
      = help: `number(x)` makes a text a number, or null

    `<` cannot take a list and a number
      |
    1 | [] < 1
      | ^^^^^^
      = help: take a part of it, or `count(x)`

    `<<` shifts by 0 to 63 places, not by 64
      |
    1 | 1 << 64
      | ^^^^^^^

    `>>` shifts by 0 to 63 places, not by -1
      |
    1 | 1 >> -1
      | ^^^^^^^

    `&` takes whole numbers, not one with a fraction and a number
      |
    1 | 1.5 & 1
      | ^^^^^^^

    `-` cannot take a number and a list
      |
    1 | 1 + 2 * (3 - [4])
      |          ^^^^^^^
      = help: take a part of it, or `count(x)`

    `...` in a list takes a list, not a number
      |
    1 | [...5]
      | ^^^^^^

    `...` in an object takes an object, not a number
      |
    1 | {...5}
      | ^^^^^^

    a lambda is no value
      |
    1 | x => x
      | ^^^^^^
      = help: it stands as an argument, as in `list.map(x => x.name)`

    a lambda is no value
      |
    1 | [1, x => x]
      |     ^^^^^^
      = help: it stands as an argument, as in `list.map(x => x.name)`
    "#);
}

#[test]
fn relations() {
    check_all(
        "1 < 2 ==> true
        3 < 5 < 9 ==> true
        9 > 5 > 3 ==> false
        null < 1 ==> true
        null >= 0 ==> true
        null <= null ==> true
        true > 0 ==> true
        '5' < 10 ==> true
        '5' < '10' ==> false
        'a' < 'b' ==> true
        'Z' < 'a' ==> true
        9007199254740993 > 9007199254740992.0 ==> true
        1 <= 1.0 ==> true
        null < 'a' ==> false
        null >= 'a' ==> false
        'a' > null ==> false
        null < '5' ==> true",
    );
}

#[test]
fn equality() {
    check_all(
        "1 == 1.0 ==> true
        '1' == 1 ==> true
        '1.0' == 1 ==> true
        '1' == '1.0' ==> false
        '01' == '1' ==> false
        null == 0 ==> true
        null == '' ==> false
        '' == null ==> false
        null != '' ==> true
        '' == 0 ==> false
        null == false ==> false
        null == null ==> true
        null == [] ==> false
        true == 1 ==> false
        true == 'true' ==> false
        true == true ==> true
        'a' == 'a' ==> true
        'a' != 'b' ==> true
        [1, '2'] == ['1', 2] ==> true
        [1] == [1, 2] ==> false
        {a: 1, b: 2} == {b: 2, a: 1} ==> true
        {a: 1} == {a: 1, b: null} ==> false
        [] == {} ==> false
        1 == [1] ==> false
        {id: 1, module: 'm', x: 1} == {id: '1', module: 'm'} ==> true
        {id: 1, module: 'm'} == {id: 1, module: 'n'} ==> false",
    );
}

#[test]
fn truth() {
    check_all(
        "[null, false, 0, 0.0, '', '0', [], {}].map(x => x ? 1 : 0) ==> [0,0,0,0,0,0,0,0]
        [true, 1, -1, 'a', '00', ' ', [0], {a: 0}].map(x => !x) ==> [false,false,false,false,false,false,false,false]
        0 || 'x' ==> \"x\"
        'x' && 0 ==> 0
        null && 1 ==> null
        '' || null || false ==> false
        1 && 2 && 3 ==> 3
        null ?? 0 ?? 1 ==> 0
        false ?? 1 ==> false
        null ?? null ==> null",
    );
}

#[test]
fn fields_and_places() {
    let this = r#"{"a": {"b": [1, 2, 3]}, "s": "äbc", "key": "b", "null": 1, "0": "zero"}"#;
    for (expression, expected) in [
        ("a.b", "[1,2,3]"),
        ("a[key]", "[1,2,3]"),
        ("a['b'][0]", "1"),
        ("a.b[-1]", "3"),
        ("a.b[3]", "null"),
        ("a.b[-4]", "null"),
        ("a.b['1']", "2"),
        ("a.b.length", "3"),
        ("a.b['length']", "3"),
        ("s.length", "3"),
        ("s[0]", "\"ä\""),
        ("s[-1]", "\"c\""),
        ("s[9]", "null"),
        ("none.at.all", "null"),
        ("none[0][1]", "null"),
        ("a.b.c", "null"),
        ("this['null']", "1"),
        ("this[0]", "\"zero\""),
        ("a.length", "null"),
        ("5.length", "null"),
        ("$s", "\"äbc\""),
        ("$none.x", "null"),
        ("[1, 2][1]", "2"),
        ("{a: {b: 1}}.a.b", "1"),
        ("this.a.b[1]", "2"),
        ("[a].map(x => x.b.length)", "[3]"),
    ] {
        check(expression, this, expected);
    }
}

#[test]
fn records_in_the_middle_of_the_journey() {
    let order = json(r#"{"rows": [{"price": "2.50", "count": 2}, {"price": 1, "count": null}]}"#);
    let total = eval("rows.map(r => r.price * r.count).sum()", &order).unwrap();
    assert_eq!(total.to_json(), "5");
    assert!(eval("rows[*].price.map(p => p + 1)", &order).unwrap() == json("[3.5, 2]"));
}

#[test]
fn a_parameter_without_an_argument_is_null() {
    check_all(
        r#"
        [[1, 2].reduce((s, n, i) => s + n + i, 0), [1].map((x, i, more) => more)] ==> [4,[null]]
        [1, 2].map(() => 3) ==> [3,3]
        [1, 2].map(a => [3].map(b => a + b)[0]) ==> [4,5]
        [[3], [4]].map(a => a.map((b, i) => b + i + a[0])) ==> [[6],[8]]
        "#,
    );
}

#[test]
fn functions_go_over_wildcards_without_a_list() {
    let rows = r#"{"rows": [{"a": {"b": 1}, "t": "xy"}, {"a": {"b": 2.5}, "t": null}, {"a": null}], "one": {"a": 7}, "n": null, "x": 5}"#;
    for (expression, expected) in [
        ("sum(rows[*].a.b)", "3.5"),
        ("avg(rows[*].a.b)", "1.75"),
        ("min(rows[*].a.b)", "1"),
        ("max(rows[*].a.b)", "2.5"),
        ("sum(rows[*].t.length)", "2"),
        ("sum(one[*].a)", "7"),
        ("sum(n[*].a)", "0"),
        ("avg(n[*].a)", "null"),
        ("sum(rows.filter(r => r.a)[*].a.b)", "3.5"),
        ("rows[*].a.map(a => a.b)", "[1,2.5,null]"),
        ("rows[*].a.b.filter(b => b > 1)", "[2.5]"),
        ("rows[*].a.reduce((s, a, i) => s + (a.b ?? i), 0)", "5.5"),
        ("rows[*].t.groupBy(t => t ?? 'none')", r#"{"xy":["xy"],"none":[null,null]}"#),
        ("rows[*].a.b.sortBy(b => -b)", "[2.5,1,null]"),
        ("rows[*].a.map('b')", "[1,2.5,null]"),
    ] {
        check(expression, rows, expected);
    }
    assert!(fails("sum(x[*].a)", rows).starts_with("`[*]` goes over a list, not over a number"));
    assert!(fails("sum(rows[*].t)", rows).starts_with("`sum` takes a number, not a text"));
    assert!(fails("sum(rows[*].a, 1)", rows).starts_with("`sum` takes a number, not a list"));
}
