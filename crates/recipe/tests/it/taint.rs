use recipe::{Context, Limits, Map, NoFacts, Recipe, Taint, Value};

use crate::json;

/// What they give has a mark.
pub(super) const KEEP: &[&str] = &[
    "words",
    "words # $ours",
    "$ours + words",
    "f'{$ours} {words}'",
    "upper(words)",
    "words.replace('o', 'a')",
    "words.split('t')",
    "words[0]",
    "words.substring(1)",
    "join(list, ',')",
    "string(list)",
    "list + ''",
    "list[0]",
    "{a: words}",
    "[words]",
    "rows.map(r => r.n)",
    "rows[*].n",
    "sort(list)",
    "reverse(words)",
    "keys(this)",
    "get(this, 'words')",
    "$ours.replace('ours', words)",
    "base64Encode(words)",
    "slug(words)",
    "padStart(1, 9, words)",
    "format('{}', words)",
    "true ? words : 1",
    "words ?? 1",
    "null ?? words",
    "words || 1",
    "rows.reduce((a, r) => a # r.n, '')",
    "groupBy(rows, 'n')",
    "max(list)",
    "trim(words)",
    "f'{list}'",
    "concat(words, words)",
    "t(words)",
    "invalid(words)",
    "first(list)",
    "keys(groupBy(rows, 'n'))",
];

/// What they give has none.
pub(super) const CLEAN: &[&str] = &[
    "number",
    "number + 1",
    "number # ''",
    "words == 'outside'",
    "words.length",
    "length(words)",
    "count(list)",
    "$ours",
    "text(words, 100)",
    "number('5')",
    "bool(words)",
    "oneOf(words, ['outside'])",
    "pick(this, ['words'])",
    "pick(rows, 'n')",
    "contains(list, 'x')",
    "indexOf(words, 'o')",
    "words ? 'yes' : 'no'",
    "match (words) { 'outside': 'known' }",
    "isEmpty(words)",
    "rows.map(r => r.n == 'a')",
    "text(list, 10)",
    "{a: number}",
    "oneOf('outside', [words])",
];

fn taint(expression: &str) -> Taint {
    let this =
        json(r#"{"words": "outside", "number": 5, "list": ["x", "y"], "rows": [{"n": "b"}, {"n": "a"}]}"#);
    let this = this.tainted_with(Taint::External);
    let mut vars = Map::new();
    vars.insert("ours", Value::from("ours"));
    let context = Context { this: &this, vars: &vars, facts: &NoFacts, limits: Limits::default() };
    let value = Recipe::parse(expression).unwrap().eval(&context);
    value.unwrap_or_else(|error| panic!("{}", error.render(expression))).taint()
}

#[test]
fn words_made_from_outside_words_keep_the_mark() {
    for expression in KEEP {
        assert_eq!(taint(expression), Taint::External, "{expression}");
    }
}

#[test]
fn what_holds_no_words_of_theirs_is_clean() {
    for expression in CLEAN {
        assert_eq!(taint(expression), Taint::Clean, "{expression}");
    }
}
