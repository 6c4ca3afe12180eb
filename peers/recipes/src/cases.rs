//! The ten expressions, as each language's users would write them, and what they are evaluated on.

use serde_json::{Value, json};

/// One expression; None where a language cannot express it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) hefe: &'static str,
    pub(crate) cel: Option<&'static str>,
    pub(crate) minijinja: Option<&'static str>,
    pub(crate) rhai: &'static str,
    pub(crate) quickjs: &'static str,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "path_read",
        hefe: "$order.customer.address.zip",
        cel: Some("order.customer.address.zip"),
        minijinja: Some("order.customer.address.zip"),
        rhai: "order.customer.address.zip",
        quickjs: "return order.customer.address.zip",
    },
    Case {
        name: "arithmetic",
        hefe: "$order.price * $order.quantity * (1 - $order.discount) + $order.shipping",
        cel: Some("order.price * double(order.quantity) * (1.0 - order.discount) + order.shipping"),
        minijinja: Some("order.price * order.quantity * (1 - order.discount) + order.shipping"),
        rhai: "order.price * order.quantity * (1 - order.discount) + order.shipping",
        quickjs: "return order.price * order.quantity * (1 - order.discount) + order.shipping",
    },
    Case {
        name: "comparison_chain",
        hefe: "$order.total >= 100 && $order.total < 1000 && $order.customer.country == 'DE' && $order.status != 'cancelled'",
        cel: Some(
            "order.total >= 100.0 && order.total < 1000.0 && order.customer.country == 'DE' && order.status != 'cancelled'",
        ),
        minijinja: Some(
            "order.total >= 100 and order.total < 1000 and order.customer.country == 'DE' and order.status != 'cancelled'",
        ),
        rhai: r#"order.total >= 100 && order.total < 1000 && order.customer.country == "DE" && order.status != "cancelled""#,
        quickjs: "return order.total >= 100 && order.total < 1000 && order.customer.country === 'DE' && order.status !== 'cancelled'",
    },
    Case {
        name: "string_building",
        hefe: r#"f"{$order.customer.first} {$order.customer.last}, {$order.customer.address.city} (order {$order.number})""#,
        cel: Some(
            "order.customer.first + ' ' + order.customer.last + ', ' + order.customer.address.city + ' (order ' + string(order.number) + ')'",
        ),
        minijinja: Some(
            "order.customer.first ~ ' ' ~ order.customer.last ~ ', ' ~ order.customer.address.city ~ ' (order ' ~ order.number ~ ')'",
        ),
        rhai: "`${order.customer.first} ${order.customer.last}, ${order.customer.address.city} (order ${order.number})`",
        quickjs: "return `${order.customer.first} ${order.customer.last}, ${order.customer.address.city} (order ${order.number})`",
    },
    Case {
        name: "ternary",
        hefe: "$order.total > 500 ? 'large' : $order.total > 100 ? 'medium' : 'small'",
        cel: Some("order.total > 500.0 ? 'large' : order.total > 100.0 ? 'medium' : 'small'"),
        minijinja: Some("'large' if order.total > 500 else 'medium' if order.total > 100 else 'small'"),
        rhai: r#"if order.total > 500 { "large" } else if order.total > 100 { "medium" } else { "small" }"#,
        quickjs: "return order.total > 500 ? 'large' : order.total > 100 ? 'medium' : 'small'",
    },
    Case {
        name: "map_1000_rows",
        hefe: "$rows.map(r => r.price * r.quantity)",
        cel: Some("rows.map(r, r.price * double(r.quantity))"),
        // `map` takes an attribute or a filter, no expression.
        minijinja: None,
        rhai: "rows.map(|r| r.price * r.quantity)",
        quickjs: "return rows.map(r => r.price * r.quantity)",
    },
    Case {
        name: "sum_wildcard",
        hefe: "sum($rows[*].amount)",
        // It has neither sum nor reduce.
        cel: None,
        minijinja: Some("rows|sum(attribute='amount')"),
        rhai: "let sum = 0.0; for row in rows { sum += row.amount } sum",
        quickjs: "let sum = 0; for (const row of rows) sum += row.amount; return sum",
    },
    Case {
        name: "filter_sort",
        hefe: "$rows.filter(r => r.open && r.amount > 50).sortBy(r => r.amount)",
        cel: Some("rows.filter(r, r.open && r.amount > 50.0).sortBy(r, r.amount)"),
        minijinja: Some("rows|selectattr('open')|selectattr('amount', 'gt', 50)|sort(attribute='amount')"),
        rhai: "let open = rows.filter(|r| r.open && r.amount > 50);
            open.sort(|a, b| if a.amount < b.amount { -1 } else if a.amount > b.amount { 1 } else { 0 });
            open",
        quickjs: "return rows.filter(r => r.open && r.amount > 50).sort((a, b) => a.amount - b.amount)",
    },
    Case {
        name: "object_spread",
        hefe: "{...$order.customer, number: $order.number, total: $order.total, source: 'web'}",
        // An object literal takes no other object.
        cel: None,
        minijinja: Some("dict(order.customer, number=order.number, total=order.total, source='web')"),
        rhai: r#"order.customer + #{number: order.number, total: order.total, source: "web"}"#,
        quickjs: "return {...order.customer, number: order.number, total: order.total, source: 'web'}",
    },
    Case {
        name: "match",
        hefe: "match ($order.status) { 'new', 'open': 1, 'paid': 2, 'shipped': 3, default: 0 }",
        cel: Some(
            "order.status in ['new', 'open'] ? 1 : order.status == 'paid' ? 2 : order.status == 'shipped' ? 3 : 0",
        ),
        minijinja: Some(
            "1 if order.status in ['new', 'open'] else 2 if order.status == 'paid' else 3 if order.status == 'shipped' else 0",
        ),
        rhai: r#"switch order.status { "new" | "open" => 1, "paid" => 2, "shipped" => 3, _ => 0 }"#,
        quickjs: "switch (order.status) {
            case 'new': case 'open': return 1; case 'paid': return 2; case 'shipped': return 3; default: return 0 }",
    },
];

/// The variables: `order`, and `rows`, a thousand of them.
pub(crate) fn input() -> Value {
    let row = |n: u64| {
        let scrambled = n * 7919 % 1000;
        json!({
            "id": n,
            "product": format!("Product {n}"),
            "price": (scrambled as f64) / 8.0,
            "quantity": n % 7 + 1,
            "amount": (scrambled as f64) / 4.0,
            "open": n % 3 != 0,
            "customer": { "id": n % 50, "name": format!("Customer {}", n % 50) },
        })
    };
    json!({
        "order": {
            "id": 4711,
            "module": "order",
            "number": 20391,
            "status": "shipped",
            "price": 49.9,
            "quantity": 3,
            "discount": 0.15,
            "shipping": 4.95,
            "total": 132.195,
            "customer": {
                "id": 17,
                "first": "Ada",
                "last": "Lovelace",
                "country": "DE",
                "address": { "street": "Kornmarkt 3", "zip": "90402", "city": "Nürnberg" },
            },
        },
        "rows": (0..1000).map(row).collect::<Vec<_>>(),
    })
}
