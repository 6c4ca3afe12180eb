//! What a recipe's value may hold, known without evaluating: never less than what evaluating gives (taint.rs).

use recipe::{Mark, Recipe};

use crate::taint::{CLEAN, KEEP};

/// `this` as taint.rs has it: texts are words of others, the number is not.
fn outside() -> Mark {
    let words = || Mark::Words(7);
    Mark::fields([
        ("words".into(), words()),
        ("list".into(), Mark::items(words())),
        ("rows".into(), Mark::items(Mark::fields([("n".into(), words())]))),
    ])
}

fn mark(expression: &str, this: &Mark) -> Mark {
    Recipe::parse(expression).unwrap().mark(this, &|name| match name {
        "theirs" => Mark::Words(3),
        _ => Mark::Clean,
    })
}

#[test]
fn what_keeps_the_mark_when_evaluated_may_hold_words() {
    for expression in KEEP {
        assert_eq!(mark(expression, &outside()).origin(), Some(7), "{expression}");
        assert_eq!(mark(expression, &Mark::Words(7)).origin(), Some(7), "{expression}");
    }
}

#[test]
fn what_is_clean_when_evaluated_holds_none() {
    for expression in CLEAN {
        assert_eq!(mark(expression, &outside()), Mark::Clean, "{expression}");
    }
}

#[test]
fn parts_are_told_apart() {
    let clean = [
        "{a: words, b: 1}.b",
        "[{a: words, b: 1}].map(r => r.b)",
        "rows.map(r => {n: r.n, size: r.n.length}).map(r => r.size)",
        "rows.filter(r => r.n == $theirs).length",
        "$theirs && 1",
        "get({a: {b: 1}, c: words}, 'a.b')",
        "rows.reduce((sum, r) => sum + r.n.length, 0) > 3",
    ];
    for expression in clean {
        assert_eq!(mark(expression, &outside()), Mark::Clean, "{expression}");
    }
    let words = [
        "{b: 1, a: words}.a",
        "{...this}.words",
        "{[words]: words, b: 1}.b",
        "rows.map((r, i) => {n: r.n}).first().n",
        "rows.flatMap(r => [r, r]).find(r => r.n == 'a').n",
        "[1, 2].map(n => $theirs)",
        "[1].map(words => words) && words",
        "rows.reduce((made, r) => {last: r.n, before: made}, null).before.before.last",
        "rows.map('n')",
        "rows[0].n",
        "rows[number].n",
        "get(this, 'rows[0].n')",
        "merge({a: 1}, {a: words}).a",
        "match (number) { 1: 'one', default: words }",
        "{a: invalid(words)}.a.message",
    ];
    for expression in words {
        assert!(mark(expression, &outside()).origin().is_some(), "{expression}");
    }
}

#[test]
fn a_bare_name_in_a_template_may_be_a_variable() {
    let (recipe, _) = Recipe::parse_embedded("theirs}").unwrap();
    let theirs = |name: &str| if name == "theirs" { Mark::Words(3) } else { Mark::Clean };
    assert_eq!(recipe.mark(&Mark::Clean, &theirs), Mark::Words(3));
    assert_eq!(Recipe::parse("theirs").unwrap().mark(&Mark::Clean, &theirs), Mark::Clean);
}

#[test]
fn a_mark_does_not_grow_for_ever() {
    let recipe = Recipe::parse("{inner: this, words: words}").unwrap();
    let mut mark = outside();
    for _ in 0..100 {
        mark = mark.or(&recipe.mark(&mark, &|_| Mark::Clean));
    }
    assert_eq!(recipe.mark(&mark, &|_| Mark::Clean).or(&mark), mark);
}

#[test]
fn every_function_that_is_named_there_is_one() {
    let known: Vec<&str> = recipe::functions().map(|(_, function)| function.name).collect();
    let source = include_str!("../../src/follow.rs");
    for list in ["const CLEAN", "const SOME_ITEMS", "const ONE_ITEM"] {
        let names = source.split(list).nth(1).unwrap().split("];").next().unwrap();
        for name in names.split('"').skip(1).step_by(2) {
            assert!(known.contains(&name), "{name}");
        }
    }
}
