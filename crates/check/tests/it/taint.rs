//! HF027: every source, every way, every sink. A case is a file whose elements are a source, the steps of a way, and a sink;
//! each is tried with the words cleaned on the way, too: then nothing is found.

use crate::of;

/// An element of a way: what leads to the next one is written by [`chain`].
#[derive(Clone)]
pub(super) struct Step {
    pub(super) name: String,
    /// name, type and what else, without `to`.
    element: String,
    /// The port that leads on.
    port: &'static str,
}

pub(super) fn step(name: &str, kind: &str, rest: &str, port: &'static str) -> Step {
    let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
    Step { name: name.to_owned(), element: format!(r#""name": "{name}", "type": "{kind}"{rest}"#), port }
}

/// The steps one after the other, each from its port to the next one's input, and the last one's to each of `ends`.
fn chain(steps: &[Step], ends: &[Step]) -> Vec<String> {
    let after = |at: usize| if at + 1 < steps.len() { &steps[at + 1..at + 2] } else { ends };
    let lines = steps.iter().enumerate().map(|(at, step)| {
        let next: Vec<String> =
            after(at).iter().map(|next| format!(r#""{}": ["{}"]"#, next.name, next.into())).collect();
        let log = step.element.contains("api/http").then(|| r#""error": { "log": ["default"] }"#.to_owned());
        let to: Vec<String> =
            [format!(r#""{}": {{ {} }}"#, step.port, next.join(", "))].into_iter().chain(log).collect();
        format!(r#"{{ {}, "to": {{ {} }} }}"#, step.element, to.join(", "))
    });
    let log =
        r#"{ "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } }"#;
    lines.chain(ends.iter().map(|end| format!("{{ {} }}", end.element))).chain([log.to_owned()]).collect()
}

fn workflow(name: &str, head: &str, elements: &[String]) -> String {
    format!("{{ \"identifier\": \"{name}\", {head} \"elements\": [\n{}\n] }}", elements.join(",\n"))
}

/// Words at the default port of `call` (the body), or in `body` of its response.
pub(super) fn sources() -> Vec<(&'static str, Vec<Step>)> {
    let http = |port| step("call", "api/http", r#""options": { "uri": "https://api.example.com" }"#, port);
    let set = |path: &str| format!(r#""set": {{ "words": "{path}" }}"#);
    let bound = |path: &str, port| {
        step(
            "call",
            "api/http",
            &format!(r#""options": {{ "uri": "https://api.example.com" }}, {}"#, set(path)),
            port,
        )
    };
    let from_variable = || step("get", "op/recipe", r#""options": { "recipe": "$words" }"#, "default");
    vec![
        ("the body", vec![http("default")]),
        (
            "a field of the body",
            vec![http("default"), step("field", "op/get", r#""options": { "path": "a.b" }"#, "default")],
        ),
        (
            "the response",
            vec![http("response"), step("field", "op/get", r#""options": { "path": "body" }"#, "default")],
        ),
        (
            "a header",
            vec![
                http("response"),
                step("field", "op/recipe", r#""options": { "recipe": "headers.server" }"#, "default"),
            ],
        ),
        ("a bound body", vec![bound("default:", "default"), from_variable()]),
        ("a bound part", vec![bound("default:a.b", "default"), from_variable()]),
        ("a bound header", vec![bound("response:headers.server", "default"), from_variable()]),
    ]
}

/// Ways that a value takes from the default port of the step before to that of the last.
pub(super) fn ways() -> Vec<(&'static str, Vec<Step>, Vec<String>)> {
    let way = |name: &'static str, steps: Vec<Step>| (name, steps, Vec::new());
    let recipe = |text: &str| {
        step("recipe", "op/recipe", &format!(r#""options": {{ "recipe": "{text}" }}"#), "default")
    };
    let run = |options: &str| {
        step("run", "action/run", &format!(r#""options": {{ "workflow": "Part", {options} }}"#), "default")
    };
    let keep = || step("keep", "op/set", r#""set": { "kept": ":default" }"#, "default");
    let get = || step("take", "op/recipe", r#""options": { "recipe": "$kept" }"#, "default");
    let pass = |body: &str| {
        workflow(
            "Part",
            r#""entry": "begin","#,
            &[
r#"{ "name": "begin", "type": "op/set", "set": { "inner": "default:" }, "to": { "default": { "end": ["default"] } } }"#.to_owned(),
                format!(
                    r#"{{ "name": "end", "type": "action/response", "options": {{ "body": "{body}" }}, "set": {{ "left": ":default" }} }}"#
                ),
            ],
        )
    };
    let worker = |body: &str| pass(body).replace("\"entry\"", "\"async\": true, \"entry\"");
    vec![
        way("nothing", vec![]),
        way("a condition", vec![step("if", "flow/if", r#""options": { "condition": "true" }"#, "default")]),
        way(
            "a switch",
            vec![step(
                "switch",
                "flow/switch",
                r#""options": { "value": "$$1", "cases": [{ "value": 1, "port": "one" }] }"#,
                "one",
            )],
        ),
        way("emptiness", vec![step("empty", "flow/empty", "", "else")]),
        way("a wait", vec![step("wait", "flow/wait", r#""options": { "for": "2s" }"#, "default")]),
        way("a loop's item", vec![step("each", "flow/each", "", "each")]),
        way(
            "a parallel loop's item",
            vec![step("each", "flow/each", r#""options": { "parallel": 4 }"#, "each")],
        ),
        way("a loop's end", vec![step("each", "flow/each", "", "next")]),
        way(
            "what a loop collects",
            vec![step("each", "flow/each", r#""options": { "collect": "this" }"#, "next")],
        ),
        way(
            "what a loop collects of a variable",
            vec![step(
                "each",
                "flow/each",
                r#""options": { "parallel": 2, "collect": "$item" }, "set": { "item": "each:" }"#,
                "next",
            )],
        ),
        way(
            "turns",
            vec![step("while", "flow/while", r#""options": { "condition": "true", "max": 3 }"#, "each")],
        ),
        way("a try", vec![step("try", "flow/try", "", "try")]),
        way("after a try", vec![step("try", "flow/try", "", "next")]),
        way(
            "an input",
            vec![step("in", "op/set", r#""in": { "default": "{a: this}" }"#, "default"), recipe("a")],
        ),
        way("a variable", vec![keep(), recipe("null"), get()]),
        way(
            "a variable through a loop",
            vec![keep(), step("each", "flow/each", r#""in": { "default": "[1]" }"#, "each"), get()],
        ),
        way("a log", vec![step("say", "action/log", r#""options": { "message": "$$" }"#, "default")]),
        way("joined text", vec![recipe("'it is ' + this")]),
        way("an f-string", vec![recipe("f'it is {this}'")]),
        way("a method", vec![recipe("this.upper()")]),
        way("a lambda", vec![recipe("[1, 2].map(n => this)")]),
        way("a lambda over it", vec![recipe("this.map(one => {say: one.name})")]),
        way("a filter", vec![recipe("this.filter(one => one.good).first()")]),
        way("a reduction", vec![recipe("this.reduce((all, one) => all # one, '')")]),
        way("a choice", vec![recipe("1 > 2 ? 'x' : this")]),
        way("a match", vec![recipe("match (1) { 1: this }")]),
        way("a fallback", vec![recipe("null ?? this")]),
        way(
            "an object",
            vec![
                recipe("{a: {b: this}}"),
                step("part", "op/get", r#""options": { "path": "a.b" }"#, "default"),
            ],
        ),
        way("an error's message", vec![recipe("invalid(this)"), recipe("message").renamed("said")]),
        way(
            "op/set values",
            vec![step("set", "op/set", r#""options": { "values": { "a": "${this}" } }"#, "default")],
        ),
        way(
            "op/set recipes",
            vec![
                step("set", "op/set", r#""options": { "recipes": { "a.b": "this" } }"#, "default"),
                recipe("a.b"),
            ],
        ),
        way(
            "op/set copy",
            vec![
                keep(),
                step(
                    "set",
                    "op/set",
                    r#""in": { "default": "null" }, "options": { "copy": "$kept" }"#,
                    "default",
                ),
            ],
        ),
        way(
            "op/strReplace",
            vec![step("text", "op/strReplace", r#""options": { "search": "a", "replace": "b" }"#, "default")],
        ),
        way(
            "what replaces",
            vec![step(
                "text",
                "op/strReplace",
                r#""options": { "text": "a", "search": "a", "replace": "${this}" }"#,
                "default",
            )],
        ),
        way(
            "op/selector",
            vec![step("select", "op/selector", r#""options": { "selector": "a.b" }"#, "default")],
        ),
        way(
            "op/addListItem",
            vec![step(
                "add",
                "op/addListItem",
                r#""options": { "list": "rows", "values": { "n": 1 } }"#,
                "default",
            )],
        ),
        way("op/push", vec![keep(), step("push", "op/push", r#""in": { "item": "$kept" }"#, "default")]),
        way("op/concat", vec![keep(), step("concat", "op/concat", r#""in": { "b": "$kept" }"#, "default")]),
        way(
            "op/merge",
            vec![
                keep(),
                step("merge", "op/merge", r#""in": { "a": "{x: 1}", "b": "{y: $kept}" }"#, "default"),
            ],
        ),
        way(
            "a list that op/pick leaves whole",
            vec![
                recipe("{rows: this}"),
                step("pick", "op/pick", r#""options": { "schema": { "rows": "list" } }"#, "default"),
            ],
        ),
        (
            "a workflow run at once",
            vec![run(r#""async": false, "input": { "given": "${this}" }"#)],
            vec![pass("$given")],
        ),
        (
            "its input's value",
            vec![run(r#""async": false, "input": { "given": "${this}" }"#)],
            vec![pass("$inner.given")],
        ),
        (
            "an input that is an expression",
            vec![run(r#""async": false, "input": "${this}""#)],
            vec![pass("$anything")],
        ),
        ("a shared variable", vec![keep(), run(r#""async": false, "scope": false"#)], vec![pass("$kept")]),
        (
            "a variable that a shared workflow leaves",
            vec![
                keep(),
                run(r#""async": false, "scope": false, "input": { "given": "$kept" }"#),
                step("take", "op/recipe", r#""options": { "recipe": "$inner" }"#, "default"),
            ],
            vec![pass("x")],
        ),
        (
            "a run in the background that is awaited",
            vec![
                run(r#""async": true, "input": { "given": "${this}" }"#),
                step("await", "flow/await", "", "default"),
                recipe("this[0].result"),
            ],
            vec![worker("$given")],
        ),
        (
            "one with a copy of the variables",
            vec![
                keep(),
                run(r#""async": true, "scope": false"#),
                step("await", "flow/await", r#""options": { "mode": "any" }"#, "default"),
                recipe("result"),
            ],
            vec![worker("$kept")],
        ),
    ]
}

impl Step {
    pub(super) fn renamed(self, name: &str) -> Step {
        let named = |name: &str| format!("\"name\": \"{name}\"");
        Step {
            element: self.element.replacen(&named(&self.name), &named(name), 1),
            name: name.to_owned(),
            ..self
        }
    }

    /// With other words in it.
    pub(super) fn with(self, words: &str, others: &str) -> Step {
        Step { element: self.element.replace(words, others), ..self }
    }

    fn into(&self) -> &'static str {
        let is = |kind: &str| self.element.contains(kind);
        match () {
            () if is("op/push") => "array",
            () if is("op/concat") || is("op/merge") => "a",
            () => "default",
        }
    }
}

/// Where people see it: the element, and the words that the finding points at (nothing: its name).
fn sinks() -> Vec<(&'static str, Step)> {
    let sink = |kind: &str, rest: &str| step("sink", kind, rest, "default");
    vec![
        ("an answer", sink("action/response", r#""options": { "body": { "it": "${this}" } }"#)),
        ("an answer's input", sink("action/response", "")),
        (
            "a header",
            sink("action/response", r#""options": { "body": "x", "headers": { "X-It": "${this}" } }"#),
        ),
        (
            "a notification",
            sink(
                "action/notify",
                r#""options": { "notification": { "title": "x", "message": "it is ${this}" } }"#,
            ),
        ),
        (
            "its link",
            sink(
                "action/notify",
                r#""options": { "notification": { "title": "x", "link": { ".recipe": "this" } } }"#,
            ),
        ),
        ("a toast", sink("action/notify", r#""options": { "toast": "${this}" }"#)),
        ("a bar's message", sink("cast/progress", r#""options": { "statusMessage": "${this}" }"#)),
        ("a bar's title", sink("cast/progress", r#""options": { "title": "${this}" }"#)),
        ("a message", sink("cast/event", r#""options": { "event": "said", "data": { "it": ["${this}"] } }"#)),
        ("a redirect", sink("action/redirect", r#""options": { "url": "/x/${this}" }"#)),
        ("a filled view", sink("action/redirect", r#""options": { "module": "x", "fill": true }"#)),
        ("a form", sink("action/set", r#""options": { "recipes": { "it": "this" } }"#)),
        ("a file", sink("action/downloadFile", "")),
        ("a modal", sink("action/modal", r#""options": { "title": "x" }"#)),
        ("a question", sink("flow/await", r#""options": { "signal": "s", "question": "${this}?" }"#)),
        (
            "what is said of a field",
            sink("action/validate", r#""options": { "recipes": { "x": "invalid(this)" } }"#),
        ),
        // What stands behind it is never come to.
        ("a result", sink("flow/stop", r#""options": { "message": "${this}" }"#)),
    ]
}

pub(super) fn begin() -> Step {
    step("begin", "event/webhook", "", "default")
}

const HEAD: &str = r#""async": true, "events": [{ "identifier": "begin", "type": "webhook" }],"#;

pub(super) fn files(steps: &[Step], ends: &[Step], others: &[String]) -> Vec<String> {
    let mut files = vec![workflow("Main", HEAD, &chain(steps, ends))];
    files.extend_from_slice(others);
    files
}

fn clean() -> Step {
    step("clean", "op/recipe", r#""options": { "recipe": "text(string(this), 20)" }"#, "default")
}

#[test]
fn words_are_followed_from_every_source_over_every_way_to_every_sink() {
    let ends: Vec<Step> =
        sinks().into_iter().enumerate().map(|(at, (_, step))| step.renamed(&format!("sink{at}"))).collect();
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for (source, from) in sources() {
        for (way, steps, others) in ways() {
            let steps = |cleaned: Option<Step>| [&[begin()], &*from, cleaned.as_slice(), &*steps].concat();
            let found = of("HF027", &files(&steps(None), &ends, &others));
            for (at, (sink, _)) in sinks().into_iter().enumerate() {
                let here = found.iter().filter(|line| line.starts_with(&format!("HF027 sink{at}: ")));
                if here.count() != 1 {
                    wrong.push(format!("{source}, {way}, {sink}: {found:?}"));
                }
                cases += 1;
            }
            let found = of("HF027", &files(&steps(Some(clean())), &ends, &others));
            if !found.is_empty() {
                wrong.push(format!("{source}, cleaned, {way}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    assert!(cases > 4_000, "{cases}");
}

#[test]
fn every_way_and_every_sink_is_a_file_that_loads() {
    let ends: Vec<Step> =
        sinks().into_iter().enumerate().map(|(at, (_, step))| step.renamed(&format!("sink{at}"))).collect();
    for (way, steps, others) in ways() {
        let found = crate::findings(&files(&[vec![begin()], steps].concat(), &ends, &others));
        let errors: Vec<_> =
            found.iter().filter(|finding| finding.severity == workflow::Severity::Error).collect();
        assert!(errors.is_empty(), "{way}: {errors:?}");
    }
}

/// Main calls a provider; what becomes of it is written by each test.
fn calling(rest: &[&str]) -> String {
    let mut elements = vec![
        r#"{ "name": "begin", "type": "event/webhook", "to": { "default": { "call": ["default"] } } }"#.to_owned(),
        r#"{ "name": "call", "type": "api/http", "options": { "uri": "https://api.example.com" }, "set": { "raw": "default:" },
  "to": { "default": { "next": ["default"] }, "error": { "failed": ["default"] } } }"#.to_owned(),
    ];
    elements.extend(rest.iter().map(|line| (*line).to_owned()));
    workflow("Main", HEAD, &elements)
}

const TELL_FAILED: &str = r#"{ "name": "failed", "type": "action/notify", "options": { "notification": { "title": "No", "message": "${message} (${status})" } } }"#;

#[test]
fn of_a_text_the_value_is_shown_that_it_is_about() {
    let next = r#"{ "name": "next", "type": "action/notify", "options": { "notification": { "title": "It is ${count($raw)}, $raw.a, ${upper($raw.b)}" } } }"#;
    assert_eq!(of("HF027", &[calling(&[next, TELL_FAILED])]), ["HF027 next: $raw.a"]);
    let next = next.replace("$raw.a, ", "");
    assert_eq!(of("HF027", &[calling(&[&next, TELL_FAILED])]), ["HF027 next: upper($raw.b)"]);
}

#[test]
fn an_error_value_is_neutral() {
    let next = r#"{ "name": "next", "type": "action/log" }"#;
    assert_eq!(of("HF027", &[calling(&[next, TELL_FAILED])]), [""; 0]);
}

#[test]
fn what_rules_say_travels_with_error_values() {
    let part = workflow("Part", "\"entry\": \"rule\",", &[
        r#"{ "name": "rule", "type": "action/validate", "options": { "recipes": { "it": "invalid($given)" } } }"#.to_owned(),
    ]);
    let run = |rest: &str| {
        format!(
            r#"{{ "name": "next", "type": "action/run", "options": {{ "workflow": "Part", "async": false, "input": {{ "given": "$raw" }} }}, {rest} }}"#
        )
    };
    let tell = r#"{ "name": "tell", "type": "action/notify", "options": { "notification": { "title": "No", "message": "${errors.it}" } } }"#;
    let over_port = run(r#""to": { "error": { "tell": ["default"] } }"#);
    assert_eq!(
        of("HF027", &[calling(&[&over_port, tell, TELL_FAILED]), part.clone()]),
        ["HF027 tell: \"${errors.it}\""]
    );
    let bound = run(r#""set": { "error": "error:" }, "to": { "error": { "tell": ["default"] } }"#);
    let of_variable = tell.replace("${errors.it}", "${$error.errors.it} of ${$error.message}");
    assert_eq!(of("HF027", &[calling(&[&bound, &of_variable, TELL_FAILED]), part.clone()]).len(), 1);
    let tries = r#"{ "name": "next", "type": "flow/try", "to": { "try": { "run": ["default"] }, "catch": { "tell": ["default"] } } }"#;
    let inner = run(r#""to": {}"#).replacen("next", "run", 1);
    assert_eq!(of("HF027", &[calling(&[tries, &inner, tell, TELL_FAILED]), part]).len(), 1);
}

#[test]
fn a_variable_that_is_set_anew_holds_no_words() {
    let pick = r#"{ "name": "next", "type": "op/pick", "options": { "schema": { "name": "text", "rest": "object" } }, "set": { "raw": "default:" }, "to": { "default": { "tell": ["default"] } } }"#;
    let tell = |words: &str| {
        format!(
            r#"{{ "name": "tell", "type": "action/notify", "options": {{ "notification": {{ "title": "Yes", "message": "{words}" }} }} }}"#
        )
    };
    assert_eq!(of("HF027", &[calling(&[pick, &tell("$raw.name"), TELL_FAILED])]), [""; 0]);
    assert_eq!(
        of("HF027", &[calling(&[pick, &tell("$raw.rest.x"), TELL_FAILED])]),
        ["HF027 tell: \"$raw.rest.x\""]
    );
}

#[test]
fn what_one_target_cleans_is_clean_for_the_next() {
    let next = r#"{ "name": "next", "type": "flow/if", "options": { "condition": "true" }, "to": { "default": { "CLEAN": ["default"], "tell": ["default"] } } }"#;
    let clean = r#"{ "name": "clean", "type": "op/recipe", "options": { "recipe": "1" }, "set": { "raw": "default:" } }"#;
    let tell = r#"{ "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Yes", "message": "$raw" } } }"#;
    assert_eq!(
        of("HF027", &[calling(&[&next.replace("CLEAN", "clean"), clean, tell, TELL_FAILED])]),
        [""; 0]
    );
    // A parallel loop cleans its own copy alone.
    let each = r#"{ "name": "next", "type": "flow/each", "options": { "parallel": 2 }, "to": { "each": { "clean": ["default"] }, "next": { "tell": ["default"] } } }"#;
    assert_eq!(of("HF027", &[calling(&[each, clean, tell, TELL_FAILED])]).len(), 1);
    // And a loop may have no turn.
    let each = each.replace("\"options\": { \"parallel\": 2 }, ", "");
    assert_eq!(of("HF027", &[calling(&[&each, clean, tell, TELL_FAILED])]).len(), 1);
}

#[test]
fn what_a_workflow_answers_to_its_caller_alone_reaches_nobody_yet() {
    let part = workflow("Part", "\"entry\": \"call\",", &[
        r#"{ "name": "call", "type": "api/http", "options": { "uri": "https://api.example.com" }, "to": { "default": { "end": ["default"] } } }"#.to_owned(),
        r#"{ "name": "end", "type": "action/response" }"#.to_owned(),
    ]);
    let main = |body: &str| {
        workflow("Main", HEAD, &[
            r#"{ "name": "begin", "type": "event/webhook", "to": { "default": { "run": ["default"] } } }"#.to_owned(),
            r#"{ "name": "run", "type": "action/run", "options": { "workflow": "Part", "async": false }, "to": { "default": { "answer": ["default"] }, "error": { "answer": ["default"] } } }"#.to_owned(),
            format!(r#"{{ "name": "answer", "type": "action/response", "options": {{ "body": "{body}" }} }}"#),
        ])
    };
    assert_eq!(of("HF027", &[main("${count(this)}"), part.clone()]), [""; 0]);
    let found = crate::findings(&[main("${this}"), part.clone()]);
    let found: Vec<_> = found.iter().filter(|finding| finding.code == "HF027").collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].says.contains("`call` of `Part`"), "{}", found[0].says);
    // Alone it can be started by its name, and gives its result to whoever did.
    assert_eq!(of("HF027", &[part]), ["HF027 end: \"end\""]);
}

#[test]
fn what_grows_round_by_round_is_followed_to_an_end() {
    let grow = r#"{ "name": "next", "type": "op/set", "options": { "recipes": { "inner": "this", "raw": "$raw", "n": "$n" } }, "set": { "raw": "default:", "n": "default:n" }, "to": { "default": { "more": ["default"] } } }"#;
    let more = r#"{ "name": "more", "type": "flow/if", "options": { "condition": "$n < 9" }, "to": { "default": { "tell": ["default"], "next": ["default"] } } }"#;
    let tell = r#"{ "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Yes", "message": "${inner.inner.inner.raw}" } } }"#;
    assert_eq!(
        of("HF027", &[calling(&[grow, more, tell, TELL_FAILED])]),
        ["HF027 tell: \"${inner.inner.inner.raw}\""]
    );
}
