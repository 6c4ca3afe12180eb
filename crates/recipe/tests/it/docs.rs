//! docs/recipes.md is crates/recipe/docs/recipes.md and what the functions say of themselves. Examples in both are run.

use std::{fmt::Write, fs, path::Path};

use recipe::functions;

use crate::check;

const PROSE: &str = include_str!("../../docs/recipes.md");

/// What stands in fences of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let open = format!("```{language}\n");
    text.split(&open).skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block).collect()
}

fn written() -> String {
    let mut out = PROSE.trim_end().to_owned();
    let mut last = "";
    for (category, function) in functions() {
        if category != last {
            let _ = write!(out, "\n\n### {category}");
            last = category;
        }
        let _ = write!(out, "\n\n**`{}`**: {}\n\n```recipe\n", function.usage, function.doc);
        for (expression, value) in function.examples {
            let _ = writeln!(out, "{expression} → {value}");
        }
        out.push_str("```");
    }
    out + "\n"
}

#[test]
fn the_documentation_is_what_the_functions_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes.md");
    let written = written();
    if std::env::var_os("HEFE_BLESS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == written,
        "docs/recipes.md is old: write it anew with `HEFE_BLESS=1 cargo test -p recipe docs`"
    );
}

#[test]
fn its_examples_are_true() {
    let this = blocks(PROSE, "json")[0];
    let examples: Vec<_> = blocks(PROSE, "recipe").into_iter().flat_map(str::lines).collect();
    assert!(examples.len() > 40);
    for example in examples {
        let (expression, expected) = example.split_once(" → ").unwrap_or_else(|| panic!("{example}"));
        check(expression, this, expected);
    }
}
