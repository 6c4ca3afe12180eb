//! What every page has around it.

use std::sync::Arc;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{assets, parts::At};
use crate::{door::Viewer, live::Mark};

/// The pages of a system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Mine,
    Runs,
    Progress,
    Workflows,
}

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Mine, "mine", "My work"),
    (Tab::Runs, "runs", "Runs"),
    (Tab::Progress, "progress", "Progress"),
    (Tab::Workflows, "workflows", "Workflows"),
];

/// What is around a page of a system.
pub(super) struct Inside<'a> {
    pub(super) tab: Tab,
    pub(super) viewer: &'a Viewer,
    /// Where the live stream stood before the page was read.
    pub(super) head: Mark,
}

/// What makes a document look as ours do; `root` stands before the paths.
pub(super) fn looks(root: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        link rel="icon" href={ (root) "/favicon.svg" } type="image/svg+xml";
        link rel="stylesheet" href={ (root) "/ui/assets/hefe.css?" (assets::mark()) };
    }
}

/// A whole document. Outside a system `inside` is None.
pub(super) fn shell(
    at: At<'_>,
    systems: &[Arc<str>],
    inside: Option<Inside<'_>>,
    title: &str,
    body: &Markup,
) -> Markup {
    let At { base, system } = at;
    let inside = inside.as_ref();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (looks(base))
                title { (title) @if !system.is_empty() { " · " (system) } " · Hefe" }
                @if inside.is_some() {
                    link rel="preload" href={ (base) "/hefe-progress.css?" (assets::mark()) } as="style";
                    script src={ (base) "/hefe.js?" (assets::mark()) } defer {}
                    script src={ (base) "/ui/assets/ui.js?" (assets::mark()) } defer {}
                }
            }
            body data-system=[inside.map(|_| system)] data-user=[inside.map(|inside| &*inside.viewer.person.id)]
                data-head=[inside.map(|inside| inside.head)] {
                a class="skip" href="#main" { "Skip to content" }
                header class="top" {
                    a class="brand" href={ (base) "/ui" } { (PreEscaped(assets::LOGO)) span { "Hefe" } }
                    @if let Some(inside) = inside {
                        @if systems.len() > 1 {
                            details class="systems" {
                                summary { (system) }
                                ul { @for name in systems { li { a href={ (At { base, system: name }.pages()) "/mine" } { (name) } } } }
                            }
                        } @else { span class="system" { (system) } }
                        nav aria-label="Pages" {
                            @for (known, path, words) in TABS {
                                a href={ (at.pages()) "/" (path) } aria-current=[(known == inside.tab).then_some("page")] { (words) }
                            }
                        }
                        @if inside.viewer.signed_in() {
                            form method="post" action={ (base) "/ui/signout" } class="who" {
                                span { (inside.viewer.person.id) } " " button type="submit" class="quiet-button" { "Sign out" }
                            }
                        }
                        span class="link" data-link title="Connecting to live updates" { span class="dot" {} span class="words" { "connecting" } }
                    }
                }
                main id="main" tabindex="-1" { (body) }
                div id="toasts" role="status" aria-live="polite" {}
            }
        }
    }
}
