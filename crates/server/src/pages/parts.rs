//! Pieces that several pages share.

use std::sync::Arc;

use maud::{Markup, PreEscaped, html};
use store::{Item, ItemStatus, Run, Status, sabotage::Sabotage};

use crate::{
    border::Shown as Words,
    time::{iso, span},
    view::{ItemView, percent},
};

/// A name as one segment of an address.
pub(super) fn segment(name: &str) -> String {
    interpreter::escaped(name).to_string()
}

/// Where the addresses of a system begin.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// The path under which everything is served; empty: there is none.
    pub(super) base: &'a str,
    pub(super) system: &'a str,
}

impl At<'_> {
    /// Before its pages.
    pub(super) fn pages(&self) -> String {
        format!("{}/ui/{}", self.base, segment(self.system))
    }

    /// Before its calls.
    pub(super) fn calls(&self) -> String {
        format!("{}/{}", self.base, segment(self.system))
    }
}

/// A status, in words and colour.
pub(super) fn badge(status: Status) -> Markup {
    html! { span class={ "badge " (status.word()) } data-status { (status.word()) } }
}

/// A moment; the script makes it relative to now.
pub(super) fn moment(ms: i64) -> Markup {
    let text = iso(ms);
    let plain = text.get(..19).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) title={ (plain) " UTC" } data-ago { (plain) } }
}

/// How long a run took, or a clock that goes on while it runs.
pub(super) fn took(run: &Run) -> Markup {
    match (&run.end, run.started_at_ms) {
        (Some(end), _) => {
            html! { span class="took" data-took { (span(end.ended_at_ms - end.started_at_ms)) } }
        }
        (None, Some(since)) => html! { span class="took" data-took data-since=(iso(since)) { "…" } },
        (None, None) => html! { span class="took" data-took { "–" } },
    }
}

/// The first part of an id, which is enough to tell runs apart.
pub(super) fn short(run: &Run) -> String {
    let id = run.start.id.to_string();
    id.get(id.len() - 12..).unwrap_or(&id).to_owned()
}

/// A link to a run.
pub(super) fn link(at: At<'_>, run: &Run) -> Markup {
    html! { a class="id" href={ (at.pages()) "/runs/" (run.start.id) } title=(run.start.id) { (short(run)) } }
}

/// Asks for the end of a run; the script asks once more, and sends it.
pub(super) fn cancel(run: &Run) -> Markup {
    let (words, asked) =
        if run.cancel_at_ms.is_some() { ("Cancelling…", "true") } else { ("Cancel", "false") };
    html! {
        @if !run.status.ended() {
            button type="button" class="quiet-button" data-cancel=(run.start.id) aria-label={ (words) " " (run.start.workflow) }
                aria-disabled=(asked) { (words) }
        }
    }
}

/// What an `hefe-progress` shows.
pub(super) enum Bars {
    /// Whatever moves.
    Moving,
    /// Those of one tree of runs, ended ones too.
    Of(store::Id),
}

/// Bars that go on by themselves. They begin with `items`, so the first picture needs no further request; without
/// scripts the same states stand there as plain bars.
pub(super) fn bars(at: At<'_>, which: &Bars, items: &[Arc<Item>], empty: Option<&str>) -> Markup {
    let views: Vec<ItemView<'_>> = items.iter().map(|item| ItemView::from(&**item)).collect();
    // Inside a script element only `<` could end it early.
    let json = serde_json::to_string(&views).unwrap_or_else(|_| "[]".to_owned());
    let json = if Sabotage::NoEscape.on() { json } else { json.replace('<', "\\u003c") };
    let run = match which {
        Bars::Moving => None,
        Bars::Of(root) => Some(root),
    };
    html! {
        hefe-progress system=(at.system) run=[run] empty=[empty] {
            script type="application/json" { (PreEscaped(json)) }
            noscript {
                @for item in items {
                    p { @if item.title.is_null() { (item.process) } @else { (Words::of(&item.title).words()) } " "
                        progress max="100" value=[percent(item)] {}
                        " " (Words::of(&item.message()).words())
                        @if item.status != ItemStatus::Running { " (" (format!("{:?}", item.status).to_lowercase()) ")" } }
                }
            }
        }
    }
}

/// A link to the page after this one.
pub(super) fn more(cursor: Option<&str>, query: &str) -> Markup {
    html! {
        @if let Some(cursor) = cursor {
            nav class="more" aria-label="Further pages" {
                a rel="next" href={ "?" (query) "cursor=" (segment(cursor)) } { "Older runs" }
            }
        }
    }
}
