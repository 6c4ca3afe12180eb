//! What pages load: embedded, so that one binary is the whole product.

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};

pub(super) const STYLE: &str = include_str!("../../assets/hefe.css");
pub(super) const SCRIPT: &str = include_str!("../../assets/ui.js");
pub(super) const ELEMENT: &str = include_str!("../../assets/hefe.js");
pub(super) const BARS: &str = include_str!("../../assets/hefe-progress.css");
pub(super) const LOGO: &str = include_str!("../../assets/logo.svg");

/// Changes with every content, so that a new binary's pages never meet an old file.
pub(super) const fn mark() -> u64 {
    const fn hash(text: &str, from: u64) -> u64 {
        let (bytes, mut sum, mut at) = (text.as_bytes(), from, 0);
        while at < bytes.len() {
            sum = (sum ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        sum
    }
    hash(BARS, hash(ELEMENT, hash(SCRIPT, hash(STYLE, 0xcbf2_9ce4_8422_2325))))
}

fn file(kind: &'static str, age: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, age),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content)
}

const FOREVER: &str = "public, max-age=31536000, immutable";

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", FOREVER, STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", FOREVER, SCRIPT)
}

/// Other sites name it without a mark, so it is kept briefly.
pub(super) async fn element() -> impl IntoResponse {
    static SENT: LazyLock<String> = LazyLock::new(|| squeezed(ELEMENT));
    file("text/javascript; charset=utf-8", "public, max-age=300", &SENT)
}

pub(super) async fn bars() -> impl IntoResponse {
    file("text/css; charset=utf-8", "public, max-age=300", BARS)
}

/// A script without what only its readers need: indentation, lines that are comments, spaces beside what is no word, and
/// ends of lines behind what cannot end a statement. Texts stay as they are, and end on the line that they begin on.
fn squeezed(script: &str) -> String {
    let mut sent = String::with_capacity(script.len());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        squeeze(line, &mut sent);
        if !sent.ends_with([';', '{', ',']) {
            sent.push('\n');
        }
    }
    sent
}

fn squeeze(line: &str, sent: &mut String) {
    let is_word = |char: &char| char.is_alphanumeric() || "_$".contains(*char);
    let mut chars = line.chars().peekable();
    let mut text = None;
    while let Some(char) = chars.next() {
        match (text, char) {
            (None, ' ') if !(sent.ends_with(|last| is_word(&last)) && chars.peek().is_some_and(is_word)) => {
                continue;
            }
            (None, '\'' | '"' | '`') => text = Some(char),
            (Some(_), '\\') => {
                sent.push(char);
                sent.extend(chars.next());
                continue;
            }
            (Some(end), _) if end == char => text = None,
            _ => {}
        }
        sent.push(char);
    }
}

pub(super) async fn logo() -> impl IntoResponse {
    file("image/svg+xml", "public, max-age=86400", LOGO)
}
