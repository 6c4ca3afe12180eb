//! What goes to the browser with which answer: a request is answered where nothing is left but to wait and a modal is among
//! it, with what came since the answer before; who answers the modal waits for the next one.
//!
//! Effects are objects, so that what stands between them is none: null behind what went out with an answer, true where a
//! modal was answered.

use recipe::Value;

use super::Machine;
use crate::{
    effect::{Asked, Wait},
    state::Flying,
};

impl Machine {
    /// Nothing moves any more. Live and at a replay this is called at the same places of the journal.
    pub(super) fn hand_over(&mut self) {
        let flights = &self.state.flights;
        let asks = flights.iter().any(Flying::asks) && flights.iter().all(Flying::parked);
        if asks && self.handed_over().is_none() {
            self.state.page.push(Value::Null);
        }
    }

    /// A modal was answered by a request, which waits now.
    pub(super) fn answered(&mut self) {
        self.state.page.push(Value::Bool(true));
    }

    /// What the newest request was answered with; None while one waits. Only after [`super::Then::Await`].
    pub fn handed_over(&self) -> Option<Vec<Value>> {
        let page = &self.state.page;
        let last = page.iter().rposition(is_mark).filter(|at| page[*at].is_null())?;
        let before = page[..last].iter().rposition(Value::is_null).map_or(0, |at| at + 1);
        Some(effects(&page[before..last]))
    }

    /// All effects, and how many of them went out with earlier answers.
    pub(super) fn page(&mut self) -> (Vec<Value>, usize) {
        let mut page = std::mem::take(&mut self.state.page);
        let last = page.iter().rposition(Value::is_null).unwrap_or(0);
        let handed = page[..last].iter().filter(|effect| !is_mark(effect)).count();
        page.retain(|effect| !is_mark(effect));
        (page, handed)
    }
}

fn is_mark(effect: &Value) -> bool {
    matches!(effect, Value::Null | Value::Bool(_))
}

fn effects(page: &[Value]) -> Vec<Value> {
    page.iter().filter(|effect| !is_mark(effect)).cloned().collect()
}

impl Flying {
    /// Whether it waits for an answer from the browser.
    pub(super) fn asks(&self) -> bool {
        matches!(self.asked, Asked::Wait(Wait::Modal { .. }))
    }
}
