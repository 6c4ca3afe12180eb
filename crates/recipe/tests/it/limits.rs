use std::time::{Duration, Instant};

use recipe::{Context, Limits, Map, NoFacts, Recipe, Value};

use crate::{eval, fails, on_small_stack};

#[test]
fn the_budget_ends_what_would_not() {
    for expression in [
        "range(2000).map(x => range(2000).map(y => x * y).length)",
        "range(1000001)",
        "range(9223372036854775807)",
        "range(0, -9223372036854775807, -1)",
        "range(100).reduce((a, i) => [a, a], 1)",
        "range(100).reduce((a, i) => a # a, 'x')",
        "range(100).reduce((a, i) => a + a, 'x')",
        "range(100).reduce((a, i) => f'{a}{a}', 'x')",
        "range(100).reduce((a, i) => concat(a, a), [1])",
        "range(100).reduce((a, i) => {x: a, y: a}, 1)",
        "range(100).reduce((a, i) => [...a, ...a], [1])",
        "range(300).reduce((a, i) => [a], 1)",
        "range(300).reduce((a, i) => {a: a}, 1)",
        "padStart('', 9223372036854775807, 'x')",
        "range(100000).map(i => padStart('', 100000))",
        "range(10000).join('x'.padStart(100000))",
        "replace('a'.padStart(100000, 'a'), 'a', 'b'.padStart(100000))",
        "range(100000).map(i => range(1000).join('').contains('zzz'))",
        "range(1000).map(i => range(1000)).flatten().sort().unique().map(x => range(1000).contains(x))",
        "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', ' '.padStart(10000000))",
    ] {
        let started = Instant::now();
        let said = fails(expression, "null");
        assert!(said.starts_with("the "), "{expression}: {said}");
        assert!(started.elapsed() < Duration::from_secs(20), "{expression} took {:?}", started.elapsed());
    }
    insta::assert_snapshot!(fails("1 + count(range(1000001))", "null"), @r#"
    the recipe takes more than 1000000 evaluation steps
      |
    1 | 1 + count(range(1000001))
      |           ^^^^^^^^^^^^^^
      = help: work on fewer items at a time, for example with flow/each in batches
    "#);
    insta::assert_snapshot!(fails("range(100).reduce((a, i) => a # a, 'x')", "null"), @r#"
    the recipe makes more than 67108864 bytes of values
      |
    1 | range(100).reduce((a, i) => a # a, 'x')
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: a list that grows in reduce is copied at every item: use map, filter or join
    "#);
    insta::assert_snapshot!(fails("range(300).reduce((a, i) => [a], 1)", "null"), @r#"
    the value nests 128 levels deep
      |
    1 | range(300).reduce((a, i) => [a], 1)
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: keep a part of it, or its id
    "#);
}

#[test]
fn a_smaller_budget_is_kept() {
    let this = Value::Null;
    let limits = Limits { steps: 100, bytes: 1000, depth: 4 };
    let context = Context { this: &this, vars: &Map::new(), facts: &NoFacts, limits };
    let run = |text: &str| Recipe::parse(text).unwrap().eval(&context);
    assert!(run("range(this + 90)").is_err(), "90 numbers take more than 1000 bytes");
    assert!(run("count(range(this + 10))").is_ok());
    assert!(run("range(this + 20).map(i => i * i * i)").is_err());
    assert_eq!(run("((((1 + this))))"), Ok(Value::Int(1)));
    assert_eq!(run("-(-(-(-this)))").unwrap_err().says, "the recipe nests deeper than 4 levels");
}

#[test]
fn nesting_is_bounded_on_a_small_stack() {
    let around = |open: &str, inside: &str, close: &str, times: usize| {
        open.repeat(times) + inside + &close.repeat(times)
    };
    let shapes: Vec<(String, String, String)> = [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{a: ", "1", "}"),
        ("-", "1", ""),
        ("!", "1", ""),
        ("upper(", "'a'", ")"),
        ("a[", "1", "]"),
        ("x => ", "1", ""),
        ("f'{", "1", "}'"),
        ("match (", "1", ") { default: 1 }"),
        ("match (1) { default: ", "1", "}"),
        ("a ? b : ", "1", ""),
        ("a ? ", "1", " : 2"),
        ("1 ** ", "1", ""),
        ("", "1", ".a"),
        ("", "a", "[*]"),
        ("", "a", "[0]"),
        ("", "a", ".first()"),
        ("[1].map(x => ", "1", ")"),
        ("[...", "1", "]"),
        ("1 + (2 * ", "3", ")"),
        ("a || b && c | d ^ e & f == g < h << i ?? j # k + l * m ** (", "1", ")"),
        ("{(", "1", "): 1}"),
    ]
    .map(|(open, inside, close)| (open.to_owned(), inside.to_owned(), close.to_owned()))
    .into();
    on_small_stack(move || {
        for (open, inside, close) in &shapes {
            for times in [10, 100, 125, 250, 256, 300, 10_000] {
                let text = around(open, inside, close, times);
                let parsed = Recipe::parse(&text);
                match &parsed {
                    Ok(recipe) => {
                        let this = Value::Null;
                        let context = Context {
                            this: &this,
                            vars: &Map::new(),
                            facts: &NoFacts,
                            limits: Limits::default(),
                        };
                        drop(recipe.eval(&context));
                        drop(recipe.ast());
                        drop(recipe.paths());
                    }
                    Err(error) => assert!(error.says.contains("256 levels"), "{open}: {error}"),
                }
                assert!(parsed.is_ok() || times > 60, "{open} {times}");
                assert!(parsed.is_err() || times < 300, "{open} {times}");
            }
        }
    });
}

#[test]
fn long_rows_do_not_nest() {
    on_small_stack(|| {
        for sign in ["+", "-", "#", "&&", "||", "??", "*", "<", "==", "|", "&", "^"] {
            let text = vec!["1"; 20_000].join(sign);
            let recipe = Recipe::parse(&text).unwrap();
            let this = Value::Null;
            let context =
                Context { this: &this, vars: &Map::new(), facts: &NoFacts, limits: Limits::default() };
            assert!(recipe.eval(&context).is_ok(), "{sign}");
            drop(recipe.ast());
        }
    });
    assert_eq!(eval(&vec!["1"; 20_000].join("+"), &Value::Null), Ok(Value::Int(20_000)));
    assert!(Recipe::parse(&" ".repeat(2 << 20)).unwrap_err().says.contains("1 MiB"));
}
