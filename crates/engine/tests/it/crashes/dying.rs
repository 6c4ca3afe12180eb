//! A store whose process dies at a submission: that one is kept and nobody is told, or it never arrives; nor does any after it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use store::{Commit, Id, Store, Ticket};
use testkit::faulty::{Befalls, Faults, Faulty, Side};
use tokio::sync::{oneshot, watch};

use crate::scene::Scene;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

#[derive(Clone)]
pub(crate) struct Dying(Arc<Plan>);

struct Plan {
    when: When,
    nth: usize,
    count: AtomicUsize,
    /// How often a journal was read.
    reads: AtomicUsize,
    dead: watch::Sender<bool>,
    /// Tickets that are never answered.
    untold: std::sync::Mutex<Vec<oneshot::Sender<Result<(), store::Error>>>>,
}

impl Dying {
    pub(crate) fn new(when: When, nth: usize) -> Dying {
        let (count, dead) = (AtomicUsize::new(0), watch::Sender::new(false));
        Dying(Arc::new(Plan {
            when,
            nth,
            count,
            reads: AtomicUsize::new(0),
            dead,
            untold: Default::default(),
        }))
    }

    /// It lives on.
    pub(crate) fn never() -> Dying {
        Dying::new(When::After, usize::MAX)
    }

    pub(crate) fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn over(&self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Faulty { inner, faults: self.0.clone() })
    }

    /// True once it has died.
    pub(crate) fn death(&self) -> watch::Receiver<bool> {
        self.0.dead.subscribe()
    }

    /// Awaits the death, or the end of that run; whether it was the death.
    pub(crate) async fn dies_before(&self, scene: &Scene, run: Id) -> bool {
        let mut dead = self.0.dead.subscribe();
        tokio::select! {
            _ = dead.wait_for(|dead| *dead) => {}
            _ = scene.end(run) => {}
        }
        self.0.count.load(Ordering::SeqCst) >= self.0.nth
    }
}

impl Plan {
    /// Never answered.
    fn never(&self) -> Ticket {
        let (tell, told) = oneshot::channel();
        self.untold.lock().unwrap().push(tell);
        told
    }
}

impl Faults for Plan {
    fn befalls(&self, call: &'static str, side: Side, _: bool) -> Befalls<'_> {
        if (call, side) == ("resume", Side::Before) {
            self.reads.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn lives(&self, _: &'static str) -> bool {
        true
    }

    fn commit(&self, inner: &dyn Store, commit: Commit) -> Ticket {
        let nth = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if nth < self.nth {
            return inner.commit(commit);
        }
        let dies = nth == self.nth;
        match self.when {
            When::After if dies => {
                let (kept, dead) = (inner.commit(commit), self.dead.clone());
                tokio::spawn(async move {
                    kept.await.unwrap().unwrap();
                    dead.send_replace(true);
                });
            }
            _ if dies => drop(self.dead.send_replace(true)),
            _ => {}
        }
        self.never()
    }
}
