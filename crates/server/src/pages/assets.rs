//! What pages load: embedded, so that one binary is the whole product.

use axum::{http::header, response::IntoResponse};

pub(super) const STYLE: &str = include_str!("../../assets/hefe.css");
pub(super) const SCRIPT: &str = include_str!("../../assets/ui.js");
pub(super) const ELEMENT: &str = include_str!("../../assets/hefe.js");
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
    hash(ELEMENT, hash(SCRIPT, hash(STYLE, 0xcbf2_9ce4_8422_2325)))
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
    file("text/javascript; charset=utf-8", "public, max-age=300", ELEMENT)
}

pub(super) async fn logo() -> impl IntoResponse {
    file("image/svg+xml", "public, max-age=86400", LOGO)
}
