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
fn paths_are_followed_through_lists_lambdas_and_choices() {
    for (expression, expected) in [
        ("rows[*].items[*].sku", "rows[*].items[*].sku"),
        ("sum($o.rows[*].items[*].price)", "$o.rows[*].items[*].price"),
        ("rows.map(r => r.customer.name)", "rows, rows[*].customer.name"),
        ("map(rows, r => r.customer.name)", "rows, rows[*].customer.name"),
        ("rows[*].customer.map(c => c.name)", "rows[*].customer, rows[*].customer.name"),
        ("rows.map(r => r.customer).map(c => c.zip)", "rows, rows[*].customer, rows[*].customer.zip"),
        ("rows.map(r => r.items.map(i => i.sku))", "rows, rows[*].items, rows[*].items[*].sku"),
        (
            "rows.flatMap(r => r.items).filter(i => i.ok)[0].sku",
            "rows[*].items[*][0].sku, rows, rows[*].items, rows[*].items[*].ok",
        ),
        ("rows[*].items.flatten().map(i => i.sku)", "rows[*].items, rows[*].items[*].sku"),
        ("rows.sortBy(r => r.customer.name).first().id", "rows[*].id, rows, rows[*].customer.name"),
        ("rows.sortBy('customer.name')", "rows"),
        ("rows.map((r, i) => r.a # i # $b.c)", "rows, rows[*].a, $b.c"),
        ("rows.map(r => other.map(o => o.id == r.id))", "rows, other, other[*].id, rows[*].id"),
        ("rows.map(r => this.tax * r.net)", "rows, this.tax, rows[*].net"),
        ("rows.map(r => {...r.customer, zip: r.address.zip})", "rows, rows[*].customer, rows[*].address.zip"),
        ("{...$order.customer, n: $order.number}", "$order.customer, $order.number"),
        ("[...$order.rows, ...more[*].row]", "$order.rows, more[*].row"),
        (
            "match ($o.status) { 'new', $first.status: $a.b, default: $c.d }",
            "$o.status, $first.status, $a.b, $c.d",
        ),
        ("match (kind) { 'a': $a, default: $b }.customer.zip", "$a.customer.zip, $b.customer.zip, kind"),
        ("($order.customer ?? fallback).zip", "$order.customer.zip, fallback.zip"),
        ("(ok ? $a : $b.c).zip", "$a.zip, $b.c.zip, ok"),
        ("($a || {zip: $b.zip}).zip", "$a.zip, $b.zip"),
        ("($rows ?? $more).map(r => r.sum)", "$rows, $more, $rows[*].sum, $more[*].sum"),
        ("$o['customer'].zip", "$o.customer.zip"),
        ("rows.find(r => r.id == $id).customer.name", "rows[*].customer.name, rows, rows[*].id, $id"),
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
