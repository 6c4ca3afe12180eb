use recipe::Recipe;

fn paths(expression: &str) -> String {
    let recipe = Recipe::parse(expression).unwrap();
    recipe.paths().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[test]
fn paths_are_found() {
    for (expression, expected) in [
        ("$order.customer.zip ?? name", "$order.customer.zip, name"),
        ("this.a['b'][0][*].c", "this.a.b[0][*].c"),
        ("$o[key].x", "$o[?].x, key"),
        ("$o.rows.map(r => r.product.name # tax)", "$o.rows, $o.rows[*].product.name, tax"),
        ("rows.filter(r => r.ok).map(r => r.item.id)", "rows, rows[*].ok, rows[*].item.id"),
        ("rows.reduce((s, r) => s + r.sum, 0)", "rows, rows[*].sum"),
        ("first($o.rows).name", "$o.rows[*].name, $o.rows"),
        ("[1].map(x => x.y)", ""),
        ("f'{a.b} {$c}' # {k: d, (e): 1}", "a.b, $c, d, e"),
        ("match (a) { b: c, default: d }", "a, b, c, d"),
        ("a.b + a.b", "a.b"),
    ] {
        assert_eq!(paths(expression), expected, "{expression}");
    }
}

#[test]
fn variables_and_secrets_are_found() {
    let recipe = Recipe::parse("$a.b # $b[$c] # $a # name").unwrap();
    assert_eq!(recipe.variables().join(" "), "a b c");
    assert!(!recipe.uses_env());
    assert!(Recipe::parse("'Bearer ' # env('TOKEN')").unwrap().uses_env());
    assert!(Recipe::parse("[1].map(x => 'TOKEN'.env())").unwrap().uses_env());
}
