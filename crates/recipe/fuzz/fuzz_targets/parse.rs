//! Any text: it parses or is refused; what parses is printed, and parses to the same tree again.
#![no_main]

#[path = "../../tests/it/print.rs"]
mod print;

use libfuzzer_sys::fuzz_target;
use recipe::Recipe;
use serde::Deserialize;

fuzz_target!(|text: &str| {
    match Recipe::parse(text) {
        Err(error) => drop(error.render(text)),
        Ok(recipe) => {
            recipe.paths();
            recipe.variables();
            let tree = recipe.ast();
            let printed = print::print(&read(&tree));
            match Recipe::parse(&printed) {
                Ok(again) => assert_eq!(again.ast(), tree, "printed: {printed}"),
                Err(error) => panic!("printed, it does not parse: {}", error.render(&printed)),
            }
        }
    }
    if let Err(error) = Recipe::parse_embedded(text) {
        drop(error.render(text));
    }
});

/// Trees nest deeper than readers of JSON usually allow.
fn read(tree: &str) -> serde_json::Value {
    let mut from = serde_json::Deserializer::from_str(tree);
    from.disable_recursion_limit();
    serde_json::Value::deserialize(&mut from).unwrap_or_else(|error| panic!("no JSON, {error}: {tree}"))
}
