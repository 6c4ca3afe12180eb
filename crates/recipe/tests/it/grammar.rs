use recipe::{Context, Limits, Map, NoFacts, Recipe, Value};

use crate::{check, check_all, fails, json, vars};

fn tree(expression: &str) -> String {
    let recipe = Recipe::parse(expression).unwrap_or_else(|error| panic!("{}", error.render(expression)));
    recipe.ast()
}

/// Both are the same tree.
#[track_caller]
fn same_tree(bare: &str, bracketed: &str) {
    assert_eq!(tree(bare), tree(bracketed), "{bare}");
}

#[test]
fn precedence() {
    for (bare, bracketed) in [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("-2 ** 2", "(-2) ** 2"),
        ("2 ** 3 ** 2", "2 ** (3 ** 2)"),
        ("2 ** -1", "2 ** (-1)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("a # b + c", "a # (b + c)"),
        ("a / b ?? 1", "(a / b) ?? 1"),
        ("a ?? b # c", "a ?? (b # c)"),
        ("a << b ?? c", "a << (b ?? c)"),
        ("a < b << c", "a < (b << c)"),
        ("a == b < c", "a == (b < c)"),
        ("a & b == c", "a & (b == c)"),
        ("a ^ b & c", "a ^ (b & c)"),
        ("a | b ^ c", "a | (b ^ c)"),
        ("a && b | c", "a && (b | c)"),
        ("a || b && c", "a || (b && c)"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a || b ? c : d", "(a || b) ? c : d"),
        ("3 < 5 < 9", "(3 < 5) < 9"),
        ("!a.b", "!(a.b)"),
        ("- - 1", "-(-1)"),
        ("!!a", "!(!a)"),
        ("x => x ? 1 : 2", "x => (x ? 1 : 2)"),
        ("a ?? b == c ?? d", "(a ?? b) == (c ?? d)"),
        ("a * b % c / d", "((a * b) % c) / d"),
    ] {
        same_tree(bare, bracketed);
    }
    assert_ne!(tree("a - (b - c)"), tree("a - b - c"));
    assert_ne!(tree("(2 ** 3) ** 2"), tree("2 ** 3 ** 2"));
}

#[test]
fn trees() {
    insta::assert_snapshot!(tree("$order.rows[*].sum ?? f\"a {b} c\""), @r#"{"kind":"binary","op":"??","left":{"kind":"member","of":{"kind":"wildcard","of":{"kind":"member","of":{"kind":"var","name":"order"},"name":"rows"}},"name":"sum"},"right":{"kind":"template","parts":["a ",{"kind":"name","name":"b"}," c"]}}"#);
    insta::assert_snapshot!(tree("{a: 1, \"b\": this, x # 1: 2, ...o, (k): 3}"), @r##"{"kind":"object","entries":[{"key":"a","value":{"kind":"literal","value":1}},{"key":"b","value":{"kind":"this"}},{"key":{"kind":"binary","op":"#","left":{"kind":"name","name":"x"},"right":{"kind":"literal","value":1}},"value":{"kind":"literal","value":2}},{"kind":"spread","of":{"kind":"name","name":"o"}},{"key":{"kind":"name","name":"k"},"value":{"kind":"literal","value":3}}]}"##);
    insta::assert_snapshot!(tree("match (s) { 1, 'a': x, default: y }"), @r#"{"kind":"match","of":{"kind":"name","name":"s"},"arms":[{"when":[{"kind":"literal","value":1},{"kind":"literal","value":"a"}],"then":{"kind":"name","name":"x"}},{"when":null,"then":{"kind":"name","name":"y"}}]}"#);
    insta::assert_snapshot!(tree("(a, b) => [a, ...b]"), @r#"{"kind":"lambda","params":["a","b"],"body":{"kind":"list","items":[{"kind":"name","name":"a"},{"kind":"spread","of":{"kind":"name","name":"b"}}]}}"#);
    insta::assert_snapshot!(tree("list.map(x => !x[0]) # count(null)"), @r##"{"kind":"binary","op":"#","left":{"kind":"method","of":{"kind":"name","name":"list"},"name":"map","args":[{"kind":"lambda","params":["x"],"body":{"kind":"unary","op":"!","of":{"kind":"index","of":{"kind":"name","name":"x"},"index":{"kind":"literal","value":0}}}}]},"right":{"kind":"call","name":"count","args":[{"kind":"literal","value":null}]}}"##);
    insta::assert_snapshot!(tree("1.50 - -2 + 99999999999999999999"), @r#"{"kind":"binary","op":"+","left":{"kind":"binary","op":"-","left":{"kind":"literal","value":1.5},"right":{"kind":"unary","op":"-","of":{"kind":"literal","value":2}}},"right":{"kind":"literal","value":100000000000000000000}}"#);
    insta::assert_snapshot!(tree("c ? true : False"), @r#"{"kind":"choice","if":{"kind":"name","name":"c"},"then":{"kind":"literal","value":true},"else":{"kind":"name","name":"False"}}"#);
}

#[test]
fn literals() {
    check_all(
        r#"'it\'s' ==> "it's"
        "tab\tA\u00e9\u{1f600}\ud83d\ude00" ==> "tab\tAé😀😀"
        'a\/b\$\{' ==> "a/b${"
        1.0 ==> 1
        0.1 + 0.2 ==> 0.30000000000000004
        9223372036854775807 ==> 9223372036854775807
        9223372036854775808 ==> 9223372036854776000
        -9223372036854775808 ==> -9223372036854775808
        [] ==> []
        {} ==> {}
        [1, [2]] ==> [1,[2]]
        {a: 1, "b c": 2, 'd': 3} ==> {"a":1,"b c":2,"d":3}
        {a: 1, a: 2} ==> {"a":2}
        {1 + 1: 2} ==> {"2":2}
        f'a {1 + 1} {"}"} {{a: 1}} {null}b' ==> "a 2 } {\"a\":1} b"
        f"{'x'}{f'{1}'}" ==> "x1"
        f'\{a\}' ==> "{a}"
        null ?? true ==> true"#,
    );
    check("'two\nlines'", "null", r#""two\nlines""#);
    check("  this . a\n[ 0 ] ", r#"{"a": [7]}"#, "7");
    check("{(a): 1, a: 2}", r#"{"a": "k"}"#, r#"{"k":1,"a":2}"#);
    check("{...this, x: 1}", r#"{"id": 5, "module": "m", "x": 0}"#, r#"{"id":5,"x":1}"#);
    check("{...this}", r#"{"module": "m"}"#, r#"{"module":"m"}"#);
    check("False", r#"{"False": 1}"#, "1");
    check("this.this", r#"{"this": 1}"#, "1");
    check("this[\"default\"]", r#"{"default": 1}"#, "1");
}

#[test]
fn matches() {
    let of = |expression: &str, expected: &str| check(expression, r#"{"s": "open", "n": "2"}"#, expected);
    of("match (s) { 'new', 'open': 1, default: 2 }", "1");
    of("match (s) { 'new': 1, default: 2, 'open': 3 }", "3");
    of("match (s) { 'new': 1 }", "null");
    of("match (n) { 1: 'a', 2: 'b' }", "\"b\"");
    of("match (s) { default: s == 'open' ? 1 : 2 }", "1");
    of("match (true) { n > 3: 'big', n > 1: 'some', default: 'few' }", "\"some\"");
    of("match (s) {}", "null");
}

#[test]
fn wildcards() {
    let this = r#"{"rows": [{"sum": 1, "tags": [{"n": "a"}, {"n": "b"}]}, {"sum": 2, "tags": [{"n": "c"}]}, {}], "one": {"sum": 5}}"#;
    check("rows[*].sum", this, "[1,2,null]");
    check("sum(rows[*].sum)", this, "3");
    check("rows[*].sum.sum()", this, "3");
    check("rows[*].tags[*].n", this, r#"["a","b","c"]"#);
    check("rows[*].tags[*].n.join('')", this, "\"abc\"");
    check("none[*].sum", this, "[]");
    check("none[*]", this, "[]");
    check("one[*].sum", this, "[5]");
    check("rows[*].tags[0].n", this, r#"["a","c",null]"#);
    check("this.rows[*]['sum']", this, "[1,2,null]");
    insta::assert_snapshot!(fails("1 + sum(one.sum[*].x)", this), @r#"
    `[*]` goes over a list, not over a number
      |
    1 | 1 + sum(one.sum[*].x)
      |         ^^^^^^^^^^
    "#);
}

#[test]
fn what_is_wrong_is_said() {
    let said: Vec<String> = [
        "1 +",
        "a b",
        "f(x)(y)",
        "upper(",
        "upper()",
        "uper('a')",
        "'a'.lenght()",
        "[1,]",
        "{a: 1,}",
        "a.",
        "a.default",
        "a.0",
        "$",
        "1 == = 2",
        "a === b",
        "'open",
        "f'a {b'",
        "a ? b",
        "match (x) { a }",
        "match (x) { : 1 }",
        "match (x) { default: 1, default: 2 }",
        "[1].map((a, a) => a)",
        "upper(x => x)",
        "...a",
        "f(...a)",
        "ä",
        "1.",
        "'\\ud800'",
        "",
        "(1",
        "1)",
        "default",
        "[1, 2",
        "{a}",
        "x => ",
        "a ? b : ",
        "today().today()",
        "@",
    ]
    .iter()
    .map(|expression| Recipe::parse(expression).expect_err(expression).render(expression))
    .collect();
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    expected an expression, found the end of the recipe
      |
    1 | 1 +
      |    ^

    expected an operator or the end of the recipe, found `b`
      |
    1 | a b
      |   ^

    there is no function `f`
      |
    1 | f(x)(y)
      | ^

    expected an expression, found the end of the recipe
      |
    1 | upper(
      |       ^

    `upper` takes 1 argument, not 0
      |
    1 | upper()
      | ^^^^^
      = help: it is written `upper(s)`

    there is no function `uper`
      |
    1 | uper('a')
      | ^^^^
      = help: is `upper` meant?

    there is no method `lenght`
      |
    1 | 'a'.lenght()
      |     ^^^^^^
      = help: is `length` meant?

    expected an expression, found `]`
      |
    1 | [1,]
      |    ^
      = help: take the comma before it away

    expected an expression, found `}`
      |
    1 | {a: 1,}
      |       ^
      = help: take the comma before it away

    expected the name of a field or a method, found the end of the recipe
      |
    1 | a.
      |   ^
      = help: a field whose name is no plain one is written `["the name"]`

    `default` is no field name after a dot
      |
    1 | a.default
      |   ^^^^^^^
      = help: write `["default"]`

    expected the name of a field or a method, found `0`
      |
    1 | a.0
      |   ^
      = help: an item of a list is written `list[0]`

    expected a name after `$`
      |
    1 | $
      | ^
      = help: a variable is written `$name`, a dollar sign in a text

    expected an expression, found `=`
      |
    1 | 1 == = 2
      |      ^

    expected an operator or the end of the recipe, found `===`
      |
    1 | a === b
      |   ^^^
      = help: to compare, write `==`

    expected `'` at the end of the text
      |
    1 | 'open
      | ^
      = help: the text that begins here is never closed

    expected `}` at the end of what the text holds, found a text
      |
    1 | f'a {b'
      |       ^

    expected `:`, found the end of the recipe
      |
    1 | a ? b
      |      ^

    expected `,` or `:`, found `}`
      |
    1 | match (x) { a }
      |               ^

    expected a value or `default`, found `:`
      |
    1 | match (x) { : 1 }
      |             ^

    the match has two defaults
      |
    1 | match (x) { default: 1, default: 2 }
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    the parameter `a` stands twice
      |
    1 | [1].map((a, a) => a)
      |         ^

    `upper` takes no lambda here
      |
    1 | upper(x => x)
      |       ^^^^^^
      = help: it is written `upper(s)`

    expected an expression, found `...`
      |
    1 | ...a
      | ^^^
      = help: `...` stands in a list or an object

    there is no function `f`
      |
    1 | f(...a)
      | ^

    `ä` means nothing in a recipe
      |
    1 | ä
      | ^
      = help: names are made of ASCII letters, digits and _

    expected the name of a field or a method, found the end of the recipe
      |
    1 | 1.
      |   ^
      = help: a field whose name is no plain one is written `["the name"]`

    this is no character
      |
    1 | '\ud800'
      |  ^^^^^^
      = help: write `\u00e9` or `\u{1f600}`

    expected an expression, found the end of the recipe
      |
    1 | 
      | ^

    expected `)`, found the end of the recipe
      |
    1 | (1
      |   ^

    expected an operator or the end of the recipe, found `)`
      |
    1 | 1)
      |  ^

    expected an expression, found `default`
      |
    1 | default
      | ^^^^^^^
      = help: `default` stands in a match

    expected `,` or `]`, found the end of the recipe
      |
    1 | [1, 2
      |      ^

    expected `:`, found `}`
      |
    1 | {a}
      |   ^

    expected an expression, found the end of the recipe
      |
    1 | x => 
      |      ^

    expected an expression, found the end of the recipe
      |
    1 | a ? b : 
      |         ^

    `today` is no method
      |
    1 | today().today()
      |         ^^^^^
      = help: it is written `today()`

    `@` means nothing in a recipe
      |
    1 | @
      | ^
      = help: names are made of ASCII letters, digits and _
    "#);
}

#[test]
fn embedded() {
    let embedded = |text: &str, this: &str, given: &str| {
        let (recipe, end) =
            Recipe::parse_embedded(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
        let (this, vars) = (json(this), vars(given));
        let context = Context { this: &this, vars: &vars, facts: &NoFacts, limits: Limits::default() };
        (recipe.eval(&context).unwrap().to_json(), text[end..].to_owned(), recipe.text().to_owned())
    };
    let own = |(a, b, c): (&str, &str, &str)| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(embedded("a} and ${b}", r#"{"a": 1}"#, r#"{"a": 2}"#), own(("1", "} and ${b}", "a")));
    assert_eq!(embedded("a.b}", "{}", r#"{"a": {"b": 2}}"#), own(("2", "}", "a.b")));
    assert_eq!(embedded("a}", "null", r#"{"a": 2}"#), own(("2", "}", "a")));
    assert_eq!(embedded("a}", r#"{"a": null}"#, r#"{"a": 2}"#), own(("null", "}", "a")));
    assert_eq!(
        embedded("[1].map(a => a)}", r#"{"a": 3}"#, r#"{"a": 2}"#),
        own(("[1]", "}", "[1].map(a => a)"))
    );
    let text = r#"{a: "}"}.a # f"{'}'}" } ä 'unclosed"#;
    assert_eq!(embedded(text, "null", "{}"), own(("\"}}\"", "} ä 'unclosed", r#"{a: "}"}.a # f"{'}'}" "#)));
    assert_eq!(
        Recipe::parse_embedded("a.b").unwrap_err().says,
        "expected an operator or `}`, found the end of the recipe"
    );
    assert!(Recipe::parse_embedded("}").is_err());
    // Only in templates is a bare name a variable.
    let this = Value::Null;
    let context =
        Context { this: &this, vars: &vars(r#"{"a": 2}"#), facts: &NoFacts, limits: Limits::default() };
    assert_eq!(Recipe::parse("a").unwrap().eval(&context), Ok(Value::Null));
    assert_eq!(Recipe::parse("$a").unwrap().eval(&context), Ok(Value::Int(2)));
    assert_eq!(Map::new().len(), 0);
}
