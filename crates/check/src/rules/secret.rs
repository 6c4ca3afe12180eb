//! HF035: secrets that stand in a file.

use recipe::Value;
use workflow::{Part, Severity, Step, Template};

use crate::{
    Rule,
    rule::{At, Found},
    view::View,
    walk,
};

pub(super) static RULE: Rule = Rule {
    code: "HF035",
    title: "a secret stands in the file",
    severity: Severity::Warning,
    why: "Whoever reads the file has it: colleagues, backups, the history of the repository; and it is the same on every machine.",
    bad: &[r#"
{ "identifier": "Ping", "async": true, "events": [ { "identifier": "ping", "type": "webhook" } ], "elements": [
  { "name": "ping", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
  { "name": "call", "type": "api/http", "options": { "uri": "https://api.example.com", "auth": { "bearer": "b7f0c9d2e4a1" } }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } } ] }
"#],
    good: &[r#"
{ "identifier": "Ping", "async": true, "events": [ { "identifier": "ping", "type": "webhook" } ], "elements": [
  { "name": "ping", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
  { "name": "call", "type": "api/http", "options": { "uri": "https://api.example.com", "auth": { "bearer": "${env('EXAMPLE_TOKEN')}" } }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } } ] }
"#],
    fix: "Put it into the environment and write `${env('NAME')}`, or `${config('key')}`. Then change it at the provider: it has been read.",
    find: Some(find),
};

/// Names under which secrets stand, without signs between their words.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "bearer",
    "authorization",
    "accesskey",
    "privatekey",
    "clientsecret",
    "xapikey",
    "authtoken",
    "accesstoken",
    "xauthtoken",
    "secretkey",
];

/// How well-known kinds of keys begin.
const BEGINNINGS: &[&str] = &[
    "sk_live_",
    "rk_live_",
    "sk-",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "-----BEGIN",
    "SG.",
];

/// Shorter ones are words.
const KEY_CHARS_MIN: usize = 16;

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for node in view.nodes() {
        for (name, template) in &view.element(node).options.list {
            let mut secrets: Vec<Vec<Step<'_>>> = Vec::new();
            let mut steps = vec![Step::Key("options"), Step::Key(name)];
            look(template, &mut steps, is_sent(view.type_name(node)), &mut |steps| {
                secrets.push(steps.to_vec())
            });
            for steps in secrets {
                let says = format!("a secret stands in the file, in `{}`", view.name(node));
                let help = "write `${env('NAME')}` and put it into the environment; then change it, as it has been read";
                found.say(At::inside(node, &steps), says, help);
            }
        }
    }
}

/// Whether its options are sent to others: there a name like `token` is a secret's.
fn is_sent(kind: &str) -> bool {
    kind.starts_with("api/") || kind == "action/mail" || kind == "action/export"
}

fn look<'e>(template: &'e Template, steps: &mut Vec<Step<'e>>, sent: bool, see: &mut dyn FnMut(&[Step<'e>])) {
    match template {
        Template::Literal(value) => literal(value, steps, sent, see),
        Template::Text(parts) => {
            let words = parts.iter().filter_map(|part| match part {
                Part::Literal(words) => Some(&**words),
                Part::Recipe(_) => None,
            });
            if words.into_iter().any(is_key) {
                see(steps);
            }
        }
        Template::Recipe(recipe) => {
            if recipe.text().split(['"', '\'']).skip(1).step_by(2).any(is_key) {
                see(steps);
            }
        }
        Template::List(_) | Template::Object(_) => {
            walk::inside(template, steps, &mut |part, steps| look(part, steps, sent, see));
        }
        Template::Port(_) => {}
    }
}

fn literal<'e>(value: &'e Value, steps: &mut Vec<Step<'e>>, sent: bool, see: &mut dyn FnMut(&[Step<'e>])) {
    match value {
        Value::Text(text) if is_key(text) || sent && is_named(steps) && is_filled(text) => see(steps),
        Value::List(list) => {
            for (at, item) in list.iter().enumerate() {
                steps.push(Step::At(at));
                literal(item, steps, sent, see);
                steps.pop();
            }
        }
        Value::Object(map) => {
            for (key, value) in map.iter() {
                steps.push(Step::Key(key));
                literal(value, steps, sent, see);
                steps.pop();
            }
        }
        _ => {}
    }
}

/// Whether it stands under the name of a secret.
fn is_named(steps: &[Step<'_>]) -> bool {
    let Some(Step::Key(name)) = steps.last() else { return false };
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    NAMES.contains(&&*plain)
}

/// Whether it is more than the scheme alone, or words in brackets.
fn is_filled(text: &str) -> bool {
    !matches!(text.trim(), "" | "Bearer" | "Basic") && !text.starts_with(['<', '{', ':'])
}

/// Whether it looks like a key wherever it stands.
fn is_key(text: &str) -> bool {
    let word = |text: &str| !text.contains(char::is_whitespace) && text.len() >= KEY_CHARS_MIN;
    let bearer = text.strip_prefix("Bearer ").is_some_and(word);
    let known = |word_of: &str| {
        word_of.starts_with("-----BEGIN")
            || BEGINNINGS.iter().any(|begin| word_of.starts_with(begin)) && word(word_of)
    };
    bearer || known(text) || has_password(text) || is_token(text)
}

/// `https://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    place
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty())
}

/// A JSON Web Token.
fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3 && !text.contains(char::is_whitespace)
}
