use std::time::{Duration, Instant};

use recipe::{Context, Limits, Map, NoFacts, Recipe, Value};

use crate::{eval, fails, json, on_small_stack};

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
        "range(10000000)",
        "padEnd('x', 15000000)",
        "range(100).reduce((a, i) => {...a, (i): a}, {a: 1})",
        "range(330000).groupBy(i => i)",
        "range(100000).map(i => 'x'.padStart(600)).join('')",
        "urlEncode(range(40000).map(i => padStart('x', 600)).join(''))",
        "split(range(4000).map(i => padStart('x', 600)).join(''), '')",
        "replace(range(40000).map(i => padStart('x', 600)).join(''), ' ', 'abc')",
        "trim(range(40000).map(i => padStart('x', 600)).join(''), ' x')",
        "t(range(900).map(i => '{{a}}').join(''), {a: range(1000).map(i => padStart('x', 1000)).join('')})",
        "format(range(9000).map(i => '{a[*]}').join(''), {a: range(100000)})",
        "[range(1000)].map(a => [range(1000).map(i => a)].map(b => range(50).map(i => get({b: b}, 'b[*][*]'))))",
        "[range(1000).map(i => padStart('\\u0001', 600, '\\u0001')).join('')].map(x => string(range(50).map(i => x)))",
        "2.5 ** 2 + range(10).map(i => range(10000000))[0][0]",
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

/// Each looks at a large text again and again, or copies a large object.
#[test]
fn large_values_cost_what_they_are() {
    let long = "range(20000).map(i => padStart('1', 600, '1')).join('')";
    for again in [
        "x.length",
        "x[i]",
        "length(x)",
        "contains(x, 'zz')",
        "x == x",
        "x < x",
        "number(x)",
        "x.trim()",
        "{(x): 1}[x]",
        "slug(x)",
        "base64Decode(x)",
        "dateFormat('2026-01-01', x)",
        "match (x) { 1: 2, x # '': 3 }",
    ] {
        let started = Instant::now();
        let said = fails(&format!("[{long}].map(x => range(300000).map(i => {again}))"), "null");
        assert!(said.starts_with("the recipe "), "{again}: {said}");
        assert!(started.elapsed() < Duration::from_secs(20), "{again} took {:?}", started.elapsed());
    }
    let fields: Vec<_> = (0..60_000).map(|at| format!("\"k{at}\":{at}")).collect();
    let this = json(&format!("{{{},{}}}", fields.join(","), fields.join(",")));
    for copied in
        ["{...this, ...this}", "merge(this, this)", "omit(this, keys(this))", "pick(this, keys(this))"]
    {
        let started = Instant::now();
        let done = eval(copied, &this).map(|value| value.as_object().map_or(0, Map::len));
        assert!(matches!(done, Ok(0 | 60_000)), "{copied}");
        assert!(started.elapsed() < Duration::from_secs(5), "{copied} took {:?}", started.elapsed());
    }
    let replaced = format!("{{...this{}}}", ",k1: 1,k1: [1]".repeat(20_000));
    assert_eq!(eval(&replaced, &this).unwrap().get("k1"), Some(&json("[1]")));
}

#[test]
fn a_long_recipe_takes_no_more_than_it_is_long() {
    let list = |item: &dyn Fn(usize) -> String| {
        let items: Vec<_> = (0..60_000).map(item).collect();
        format!("[{}]", items.join(","))
    };
    let started = Instant::now();
    let recipe = Recipe::parse(&list(&|at| format!("a{at}.b"))).unwrap();
    assert_eq!(recipe.paths().len(), 60_000);
    assert!(started.elapsed() < Duration::from_secs(5), "reading took {:?}", started.elapsed());
    assert!(fails(&list(&|_| "range(150)".to_owned()), "null").starts_with("the recipe "));
    let many = format!("({}) => 1", (0..9).map(|at| format!("a{at}")).collect::<Vec<_>>().join(","));
    assert_eq!(Recipe::parse(&many).unwrap_err().says, "a lambda takes at most 8 parameters, not 9");
    let many = format!("concat({}1)", "1,".repeat(300));
    assert_eq!(Recipe::parse(&many).unwrap_err().says, "`concat` takes at most 255 arguments, not 301");
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("{}1 + ]{}", "(".repeat(150), "x".repeat(1000));
    let shown = Recipe::parse(&text).unwrap_err().render(&text);
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() < 180), "{shown}");
    let at = lines[3].find('^').map(|at| lines[2].chars().nth(at));
    assert_eq!(at, Some(Some(']')), "{shown}");
    let nested = "[".repeat(100_000);
    assert!(Recipe::parse(&nested).unwrap_err().render(&nested).len() < 1000);
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
        ("[1].reduce((a, x) => ", "1", ", 0)"),
        ("[1].sortBy(x => ", "1", ")"),
    ]
    .map(|(open, inside, close)| (open.to_owned(), inside.to_owned(), close.to_owned()))
    .into();
    on_small_stack(move || {
        for (open, inside, close) in &shapes {
            for times in [10, 100, 125, 250, 256, 300, 100_000] {
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
                    Err(error) => {
                        let why = ["256 levels", "1 MiB"].iter().any(|why| error.says.contains(why));
                        assert!(why, "{open}: {error}");
                    }
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
