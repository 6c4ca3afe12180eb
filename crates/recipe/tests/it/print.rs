//! A tree (recipe.md, The tree) as an expression with as few brackets as it takes. The fuzz targets use it too.

use serde_json::Value;

/// Operators of one row bind alike; later rows bind tighter. The spec's table, written down anew.
pub(crate) const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", "<=", ">", ">="],
    &["<<", ">>"],
    &["??"],
    &["#"],
    &["+", "-"],
    &["*", "/", "%"],
    &["**"],
];

pub(crate) fn level(op: &str) -> usize {
    LEVELS.iter().position(|row| row.contains(&op)).unwrap() + 1
}

const UNARY: usize = 14;
const POSTFIX: usize = 15;

pub(crate) fn print(tree: &Value) -> String {
    let mut out = String::new();
    node(tree, 0, false, &mut out);
    out
}

/// `least`: what binds looser needs brackets. `followed`: an operator stands behind, which a lambda would take for
/// its own.
fn node(tree: &Value, least: usize, followed: bool, out: &mut String) {
    let brackets = match kind(tree) {
        "choice" => least > 0,
        "binary" => level(text(tree, "op")) < least,
        "unary" => least > UNARY,
        "lambda" => followed,
        _ => false,
    };
    if brackets {
        out.push('(');
        bare(tree, false, out);
        out.push(')');
    } else {
        bare(tree, followed, out);
    }
}

fn bare(tree: &Value, followed: bool, out: &mut String) {
    match kind(tree) {
        "literal" => literal(&tree["value"], out),
        "var" => *out += &format!("${}", text(tree, "name")),
        "name" => *out += text(tree, "name"),
        "this" => *out += "this",
        "spread" => {
            *out += "...";
            node(&tree["of"], 0, false, out);
        }
        "list" => row("[", list(tree, "items"), "]", out),
        "object" => object(tree, out),
        "template" => template(tree, out),
        "match" => matching(tree, out),
        "lambda" => lambda(tree, out),
        "call" => {
            *out += text(tree, "name");
            row("(", list(tree, "args"), ")", out);
        }
        "method" => {
            node(&tree["of"], POSTFIX, true, out);
            *out += &format!(".{}", text(tree, "name"));
            row("(", list(tree, "args"), ")", out);
        }
        "member" => {
            node(&tree["of"], POSTFIX, true, out);
            *out += &format!(".{}", text(tree, "name"));
        }
        "index" => {
            node(&tree["of"], POSTFIX, true, out);
            row("[", std::slice::from_ref(&tree["index"]), "]", out);
        }
        "wildcard" => {
            node(&tree["of"], POSTFIX, true, out);
            *out += "[*]";
        }
        _ => operators(tree, followed, out),
    }
}

fn operators(tree: &Value, followed: bool, out: &mut String) {
    match kind(tree) {
        "unary" => {
            *out += text(tree, "op");
            node(&tree["of"], UNARY, followed, out);
        }
        "binary" => {
            let op = text(tree, "op");
            let (left, right) = if op == "**" { (1, 0) } else { (0, 1) };
            node(&tree["left"], level(op) + left, true, out);
            *out += &format!(" {op} ");
            node(&tree["right"], level(op) + right, followed, out);
        }
        "choice" => {
            node(&tree["if"], 1, true, out);
            *out += " ? ";
            node(&tree["then"], 0, false, out);
            *out += " : ";
            node(&tree["else"], 0, false, out);
        }
        other => panic!("there is no kind {other}"),
    }
}

fn kind(tree: &Value) -> &str {
    text(tree, "kind")
}

fn text<'t>(tree: &'t Value, field: &str) -> &'t str {
    tree[field].as_str().unwrap_or_else(|| panic!("{tree} has no text `{field}`"))
}

fn list<'t>(tree: &'t Value, field: &str) -> &'t [Value] {
    tree[field].as_array().unwrap_or_else(|| panic!("{tree} has no list `{field}`"))
}

fn row(open: &str, items: &[Value], close: &str, out: &mut String) {
    *out += open;
    for (at, item) in items.iter().enumerate() {
        *out += if at > 0 { ", " } else { "" };
        node(item, 0, false, out);
    }
    *out += close;
}

fn object(tree: &Value, out: &mut String) {
    *out += "{";
    for (at, entry) in list(tree, "entries").iter().enumerate() {
        *out += if at > 0 { ", " } else { "" };
        if entry.get("kind").is_some() {
            node(entry, 0, false, out);
            continue;
        }
        match &entry["key"] {
            Value::String(key) => quoted(key, out),
            // A bare name would be the key itself.
            key if kind(key) == "name" => *out += &format!("({})", text(key, "name")),
            key => node(key, 0, false, out),
        }
        *out += ": ";
        node(&entry["value"], 0, false, out);
    }
    *out += "}";
}

fn template(tree: &Value, out: &mut String) {
    *out += "f\"";
    for part in list(tree, "parts") {
        match part {
            Value::String(words) => escaped(words, "\"\\{", out),
            part => {
                *out += "{";
                node(part, 0, false, out);
                *out += "}";
            }
        }
    }
    *out += "\"";
}

fn matching(tree: &Value, out: &mut String) {
    *out += "match (";
    node(&tree["of"], 0, false, out);
    *out += ") {";
    for (at, arm) in list(tree, "arms").iter().enumerate() {
        *out += if at > 0 { ", " } else { "" };
        match &arm["when"] {
            Value::Null => *out += "default",
            when => row("", when.as_array().unwrap(), "", out),
        }
        *out += ": ";
        node(&arm["then"], 0, false, out);
    }
    *out += "}";
}

fn lambda(tree: &Value, out: &mut String) {
    let params: Vec<_> = list(tree, "params").iter().map(|name| name.as_str().unwrap()).collect();
    match &params[..] {
        [one] => *out += one,
        more => *out += &format!("({})", more.join(", ")),
    }
    *out += " => ";
    node(&tree["body"], 0, false, out);
}

fn literal(value: &Value, out: &mut String) {
    match value {
        Value::String(words) => quoted(words, out),
        Value::Number(number) => *out += &decimal(&number.to_string()),
        other => *out += &other.to_string(),
    }
}

/// A recipe's numbers have no exponent.
fn decimal(number: &str) -> String {
    let Ok(n) = number.parse::<f64>() else { panic!("{number} is no number") };
    match (number.contains('e'), format!("{n}")) {
        (false, _) => number.to_owned(),
        (true, digits) if digits.contains('.') => digits,
        (true, digits) => digits + ".0",
    }
}

fn quoted(words: &str, out: &mut String) {
    *out += "\"";
    escaped(words, "\"\\", out);
    *out += "\"";
}

fn escaped(words: &str, special: &str, out: &mut String) {
    for c in words.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}
