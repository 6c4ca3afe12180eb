//! Markup that people typed, on every page that shows it: it stands there as text. That a browser runs none of it is shown by
//! `tests/it/attack.rs`, with the same words.

use serde_json::{Value, json};

use super::{
    Rows,
    scene::Scene,
    wire::{Ask, GET, JSON, POST},
};
use crate::proof::Sabotage;

/// Each with a word of its own; none may stand in a page as it is here.
const PAYLOADS: &[(&str, &str)] = &[
    ("<script>own(1)</script>", "a script"),
    ("\"><img src=x onerror=own(2)>", "an image behind a quotation mark"),
    ("'><svg onload=own(3)>", "a drawing behind an apostrophe"),
    ("</script><script>own(4)</script>", "the end of a script"),
    ("</title><script>own(5)</script>", "the end of a title"),
    ("--><script>own(6)</script>", "the end of a comment"),
    ("</textarea></noscript><iframe srcdoc=own(7)>", "the end of what holds text"),
    ("<a href=javascript:own(8)>x</a>", "an address that is a script"),
    ("<math><mtext><script>own(9)</script>", "a formula"),
    ("<b data-cancel=/own/10>own(10)</b>", "what our own scripts would take for ours"),
    ("]]><script>own(11)</script>", "the end of a section"),
    ("<\u{0}script>own(12)</script>", "a NUL inside"),
];

/// Where a link leads that is none of ours.
const LINKS: &[&str] = &[
    "javascript:own(20)",
    "JaVaScRiPt:own(21)",
    "java\tscript:own(22)",
    " javascript:own(23)",
    "data:text/html,<script>own(24)</script>",
    "vbscript:own(25)",
    "\" onclick=own(26) x=\"",
];

/// Links that seem to lead to a page of ours.
const AWAY: &[&str] = &[
    "//evil.example/own",
    "/\\evil.example/own",
    "/\t/evil.example/own",
    "\\\\evil.example/own",
    "/\n/evil.example",
];

/// A server with everything that was typed, for a browser to look at.
pub struct Laid(Scene, Vec<String>);

impl Laid {
    /// Starts it.
    pub async fn start() -> Laid {
        let scene = Scene::start(&Sabotage::default()).await;
        let pages = lay(&scene).await;
        Laid(scene, pages)
    }

    /// `http://HOST:PORT`.
    pub fn base(&self) -> &str {
        self.0.hefe.base()
    }

    /// The key of who sees all of it.
    pub fn key(&self) -> &str {
        &self.0.keys.ada
    }

    /// The paths of its pages: all that show what is stored, and one of each that shows what it was asked.
    pub fn pages(&self) -> Vec<&String> {
        let asked = |page: &&String| page.contains("%3c");
        let stored = self.1.iter().filter(|page| !asked(page));
        stored.chain(self.1.iter().filter(asked).take(13)).collect()
    }

    /// What says all of it once more, with every link, while a page is open.
    pub fn start_again(&self) -> Vec<Value> {
        let links = LINKS.iter().chain(AWAY);
        links
            .zip(PAYLOADS.iter().cycle())
            .map(|(link, (text, _))| json!({ "text": text, "link": link }))
            .collect()
    }
}

/// Runs that say each of it, one that has failed and one that waits; the pages where that stands.
async fn lay(scene: &Scene) -> Vec<String> {
    let ada = scene.ada();
    let mut pages: Vec<String> =
        ["mine", "runs", "progress", "workflows"].map(|page| format!("/ui/shop/{page}")).into();
    for (n, (payload, _)) in PAYLOADS.iter().enumerate() {
        let input = json!({ "text": payload, "link": LINKS[n % LINKS.len()], (*payload): payload });
        let failed = scene.run(&ada, "lay", &input, &["failed"]).await;
        let mut asks = input;
        asks["asks"] = json!(true);
        let waits = scene.run(&ada, "lay", &asks, &["waiting"]).await;
        pages.push(format!("/ui/shop/runs/{failed}"));
        pages.push(format!("/ui/shop/runs/{waits}"));
        pages.push(scene.signal_of(&waits).await);
        let asked: String = payload.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            "/ui/shop/runs?q=",
            "/ui/shop/runs?status=",
            "/ui/shop/runs?workflow=",
            "/ui/shop/runs?cursor=",
            "/ui/shop/runs?user=",
            "/ui/shop/runs/bulk?action=cancel&workflow=",
            "/ui/shop/runs/bulk?action=",
            "/ui/signin?next=",
            "/ui/shop/runs/",
            "/ui/",
            "/ui/shop/",
        ] {
            pages.push(format!("{path}{asked}"));
        }
        pages.push(format!("/ui/{asked}/mine"));
        pages.push(format!("/ui/shop/runs/bulk/{asked}"));
    }
    pages
}

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let pages = lay(scene).await;
    let cookie = scene.cookie(&scene.keys.ada).await;
    for page in &pages {
        let answer = scene.send(&Ask { target: page, headers: &[("cookie", &cookie)], ..GET }).await;
        let (body, policy) = (answer.body(), answer.header("content-security-policy").unwrap_or_default());
        let moved = answer.header("location").is_some();
        let strict = policy.contains("default-src 'none'")
            && policy.contains("script-src 'self'")
            && !policy.contains("unsafe");
        let plain = answer.header("x-content-type-options").as_deref() == Some("nosniff");
        let html = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        rows.add("a page without a strict policy", page, &policy, !moved && html && !(strict && plain));
        let found = raw(&body);
        let says = found.map_or_else(|| format!("{} as text", answer.status()), str::to_owned);
        rows.add("markup on a page", page, &says, found.is_some() || answer.status() >= 500);
    }
    let texts = ["/ui/shop/mine", "/ui/shop/progress", &pages[4], &pages[6]];
    for page in texts {
        let shown = scene.send(&Ask { target: page, headers: &[("cookie", &cookie)], ..GET }).await;
        rows.control(
            "what was typed stands on the page",
            shown.body().contains("own("),
            &format!("{page}: {}", shown.says()),
        );
    }
    texts_of_calls(scene, &mut rows, &cookie).await;
    answers(scene, &mut rows).await;
    rows
}

/// What stands in a page as markup that was typed; a link that is a script.
fn raw(body: &str) -> Option<&'static str> {
    let typed = PAYLOADS.iter().map(|(payload, _)| *payload).find(|payload| body.contains(*payload));
    let begun = ["<script>own", "<img src=x", "<svg onload", "<iframe srcdoc", "<b data-cancel", "<math>"];
    let links = [
        "href=\"javascript:",
        "href=\"JaVaScRiPt",
        "href=\"java\t",
        "href=\" java",
        "href=\"data:text",
        "href=\"vbscript",
        "\"\" onclick=own",
    ];
    typed.or_else(|| begun.into_iter().chain(links).find(|part| body.contains(part)))
}

/// JSON that a browser is led to must not be taken for a page.
async fn texts_of_calls(scene: &Scene, rows: &mut Rows, cookie: &str) {
    for target in [
        "/shop/runs",
        "/shop/mine",
        "/shop/progress",
        "/shop/notifications",
        "/shop/workflows",
        "/shop/nothing%3Cscript%3E",
        "/openapi.json",
        "/metrics",
        "/%3Cscript%3Eown(1)%3C%2Fscript%3E/runs",
    ] {
        let answer = scene.send(&Ask { target, headers: &[("cookie", cookie)], ..GET }).await;
        let kind = answer.header("content-type").unwrap_or_default();
        let plain = answer.header("x-content-type-options").as_deref() == Some("nosniff")
            || kind.starts_with("text/plain");
        rows.add("JSON taken for a page", target, &kind, kind.contains("html") || !plain);
    }
}

/// An answer that a workflow makes of what was typed, and calls a page.
async fn answers(scene: &Scene, rows: &mut Rows) {
    for kind in [
        "text/html",
        "text/html; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/javascript",
        "",
    ] {
        let body: Value = json!({ "headers": { "content-type": kind }, "text": "<script>own(1)</script>" });
        let headers = [("x-api-key", scene.keys.ada.as_str()), JSON];
        let answer = scene
            .send(&Ask {
                target: "/shop/webhook/respond",
                headers: &headers,
                body: body.to_string().as_bytes(),
                ..POST
            })
            .await;
        let policy = answer.header("content-security-policy").unwrap_or_default();
        let caged =
            policy == "sandbox" || answer.header("content-type").as_deref() == Some("application/json");
        rows.add(
            "an answer that is a page",
            kind,
            &format!("{} {policy}", answer.status()),
            !answer.is_good() || !caged,
        );
    }
}
