//! HF027: a provider's words that reach people as they came.

use recipe::{Mark, Value};
use workflow::{Part, Severity, Step, Template};

use crate::{
    Rule,
    rule::{At, Found},
    taint::{self, Taint},
    view::View,
    walk,
};

pub(super) static RULE: Rule = Rule {
    code: "HF027",
    title: "a provider's words reach people as they came",
    severity: Severity::Warning,
    why: "What a provider sends may be anything: a stack, a token, another customer's name. It is followed through ports, variables, recipes, loops, other workflows and error values to where people see it: answers, results, notifications, bars, messages and what is shown in a browser. At run time such a text is withheld, so people see `[withheld]`.",
    bad: &[r#"
{ "identifier": "Weather", "async": true, "events": [ { "identifier": "weather", "type": "webhook" } ], "elements": [
  { "name": "weather", "type": "event/webhook", "to": { "default": { "ask": ["default"] } } },
  { "name": "ask", "type": "api/http", "options": { "uri": "https://api.example.com/weather" }, "set": { "weather": "default:now" },
    "to": { "default": { "tell": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Weather", "message": "It is $weather." } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "no weather: ${code}" } } ] }
"#],
    good: &[r#"
{ "identifier": "Weather", "async": true, "events": [ { "identifier": "weather", "type": "webhook" } ], "elements": [
  { "name": "weather", "type": "event/webhook", "to": { "default": { "ask": ["default"] } } },
  { "name": "ask", "type": "api/http", "options": { "uri": "https://api.example.com/weather" }, "set": { "weather": "default:now" },
    "to": { "default": { "tell": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Weather", "message": "It is ${oneOf($weather, ['fair', 'foul'])}." } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "no weather: ${code}" } } ] }
"#],
    fix: "Take what is needed with op/pick, field by field, or clean it where it is shown: text(v, max), number(v), bool(v), oneOf(v, list), pick(o, keys). What is logged is for operators, and may stay.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let Some(flow) = taint::follow(view) else { return };
    for file in view.files() {
        let seen = is_seen(view, file);
        for node in view.nodes_of(file) {
            let Some(firing) = flow.arrived(node) else { continue };
            let at = firing.as_firing();
            let mut look = Look { at: &at, domain: flow.domain(), found };
            match view.type_name(node) {
                "action/response" if seen => look.answer(),
                "flow/stop" if seen && !is_failing(&at) => look.options(&["message"]),
                "action/notify" => look.options(&["toast", "notification"]),
                "cast/progress" => look.options(&["title", "statusMessage", "link"]),
                "cast/event" => look.options(&["event", "data"]),
                "action/redirect" => {
                    look.options(&["url", "target", "queryParams"]);
                    if view.literal(node, "fill").is_some_and(Value::truthy) {
                        look.input();
                    }
                }
                "action/set" => look.options(&["recipes", "properties", "copy"]),
                "action/viewFile" | "action/downloadFile" => look.option_or_input("file"),
                "action/modal" => {
                    look.options(&["title"]);
                    look.input();
                }
                "flow/await" => look.options(&["question"]),
                "action/validate" if seen && at.ends_if_invalid() && !at.rules_say().is_clean() => {
                    let said = at.rules_say();
                    look.say(&said, &[Step::Key("options"), Step::Key("recipes")]);
                }
                _ => {}
            }
        }
    }
}

/// Whether people get what the workflow ends with: one that others run at once gives it to them alone.
fn is_seen(view: &View<'_>, file: usize) -> bool {
    !view.begins(file).is_empty()
}

fn is_failing(at: &taint::At<'_>) -> bool {
    at.view.literal(at.node, "status").and_then(Value::as_str) == Some("failed")
}

struct Look<'l, 'v> {
    at: &'l taint::At<'l>,
    domain: &'l Taint,
    found: &'l mut Found<'v>,
}

impl Look<'_, '_> {
    fn options(&mut self, names: &[&str]) {
        for name in names {
            if let Some(template) = self.at.view.option(self.at.node, name) {
                let mut steps = vec![Step::Key("options"), Step::Key(name)];
                self.template(template, &mut steps);
            }
        }
    }

    /// Each part of an option that such words may be in.
    fn template(&mut self, template: &Template, steps: &mut Vec<Step<'_>>) {
        match template {
            Template::List(_) | Template::Object(_) => {
                let mut parts = Vec::new();
                walk::inside(template, &mut steps.clone(), &mut |part, at| parts.push((part, at.clone())));
                for (part, mut steps) in parts {
                    self.template(part, &mut steps);
                }
            }
            // Of a text with several values in it, the one that it is about is shown.
            Template::Text(parts) => {
                for part in parts {
                    let Part::Recipe(recipe) = part else { continue };
                    let mark = self.at.recipe(recipe);
                    if !mark.is_clean() {
                        return self.say_at(&mark, steps, Some(recipe.text()));
                    }
                }
            }
            other => {
                let mark = self.at.of(other);
                self.say(&mark, steps);
            }
        }
    }

    fn input(&mut self) {
        let mark = self.at.input();
        self.say(&mark, &[Step::Key("name")]);
    }

    fn option_or_input(&mut self, name: &str) {
        match self.at.view.option(self.at.node, name) {
            Some(_) => self.options(&[name]),
            None => self.input(),
        }
    }

    fn answer(&mut self) {
        self.options(&["body", "headers"]);
        let body = taint::answer(self.at);
        if self.at.option("body").is_clean() {
            self.say(&body, &[Step::Key("name")]);
        }
    }

    fn say(&mut self, mark: &Mark, steps: &[Step<'_>]) {
        self.say_at(mark, steps, None);
    }

    fn say_at(&mut self, mark: &Mark, steps: &[Step<'_>], words: Option<&str>) {
        let Some(origin) = mark.origin().and_then(|number| self.domain.origin(number)) else { return };
        let (view, node) = (self.at.view, self.at.node);
        let place = match origin.file == node.file {
            true => String::new(),
            false => format!(" of `{}`", view.graph(origin.file).identifier),
        };
        let says = format!(
            "what the provider sent to `{}`{place} reaches people as it came, in `{}`",
            view.name(origin),
            view.name(node)
        );
        let help = "take what is needed with op/pick, or clean it here: text(v, max), number(v), bool(v), oneOf(v, list), pick(o, keys)";
        let at = At::inside(node, steps);
        self.found.say(words.map_or(at, |words| at.words(words)), says, help);
    }
}
