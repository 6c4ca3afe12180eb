//! Who asks, and what that one may do in the system that is asked about.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use engine::Person;
use store::{Grant, Item, Run, sabotage::Sabotage};

use super::{Credential, nobody};
use crate::{
    answer::Refused,
    app::App,
    live::{Audience, audience_of},
};

/// Who asks, before it is known about what: the guard puts one into every request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guest(Option<Arc<Credential>>);

/// What the roles of a system amount to. Each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Own runs, own notifications, public progress; starts what its roles allow.
    SignedIn,
    /// All runs, without journals and values.
    Viewer,
    /// Journals, errors, logs, retry, bulk, signals, private items of nobody.
    Operator,
    /// Users, the trail.
    Admin,
}

/// How much of a run someone sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// Where it stands, and the code of its error: no values.
    Standing,
    /// Also its result, and in neutral words what went wrong.
    Own,
    /// Everything.
    All,
}

impl Rank {
    fn of(roles: &[Arc<str>]) -> Rank {
        let named = |role: &Arc<str>| match &**role {
            "admin" => Rank::Admin,
            "operator" => Rank::Operator,
            "viewer" => Rank::Viewer,
            _ => Rank::SignedIn,
        };
        roles.iter().map(named).max().unwrap_or(Rank::SignedIn)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Rank::SignedIn => "user",
            Rank::Viewer => "viewer",
            Rank::Operator => "operator",
            Rank::Admin => "admin",
        }
    }
}

impl Guest {
    pub(crate) fn of(credential: Credential) -> Guest {
        Guest::of_shared(Arc::new(credential))
    }

    pub(crate) fn of_shared(credential: Arc<Credential>) -> Guest {
        Guest(Some(credential))
    }

    pub(crate) fn nobody() -> Guest {
        Guest(None)
    }

    /// What was shown; None: nothing.
    pub(crate) fn credential(&self) -> Option<&Arc<Credential>> {
        self.0.as_ref()
    }

    /// What it may do, by system; None where nobody signed in.
    fn grants(&self, app: &App) -> Option<(Arc<Credential>, Vec<Grant>)> {
        let credential = self.0.clone()?;
        let grants = app.door().grants(&credential, app.engine.clock_ms())?;
        Some((credential, grants))
    }

    /// The viewer of a system.
    ///
    /// # Errors
    /// 401 where nobody signed in; 404 where the guest has nothing to do with the system: whether there is one is not said.
    pub(crate) fn viewer(&self, app: &App, system: &str) -> Result<Viewer, Refused> {
        let (credential, grants) = self.grants(app).ok_or_else(|| nobody("nobody is signed in"))?;
        let roles = roles_in(&grants, system);
        if roles.is_empty() {
            return Err(unknown_system(system));
        }
        Ok(Viewer::new(credential, roles))
    }

    /// The viewer of the installation, with the roles for all systems; those who have none are signed in and no more.
    ///
    /// # Errors
    /// 401 where nobody signed in.
    pub(crate) fn everywhere(&self, app: &App) -> Result<Viewer, Refused> {
        let (credential, grants) = self.grants(app).ok_or_else(|| nobody("nobody is signed in"))?;
        let roles = grants.into_iter().filter(|grant| grant.system.is_none()).map(|grant| grant.role);
        Ok(Viewer::new(credential, roles.collect()))
    }
}

fn roles_in(grants: &[Grant], system: &str) -> Vec<Arc<str>> {
    let here =
        |grant: &&Grant| grant.system.as_deref().is_none_or(|of| of == system || Sabotage::NoSystem.on());
    grants.iter().filter(here).map(|grant| grant.role.clone()).collect()
}

/// 404 for a system that is not there, or not for this guest.
pub(crate) fn unknown_system(name: &str) -> Refused {
    Refused::unknown(
        "system",
        name,
        "the systems are the folders in `systems/`; you see those that you have a role in",
    )
}

impl<S: Sync> FromRequestParts<S> for Guest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Guest, Self::Rejection> {
        Ok(parts.extensions.get::<Guest>().cloned().unwrap_or_else(Guest::nobody))
    }
}

/// Someone signed in, in one system.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) person: Person,
    pub(crate) rank: Rank,
    pub(crate) credential: Arc<Credential>,
}

impl Viewer {
    fn new(credential: Arc<Credential>, roles: Vec<Arc<str>>) -> Viewer {
        let rank = Rank::of(&roles);
        Viewer { person: Person { id: credential.user(), roles, ..Person::local() }, rank, credential }
    }

    /// Whether somebody with these grants would be the same in that system.
    pub(crate) fn would_be_same(&self, system: &str, grants: Option<&[Grant]>) -> bool {
        let roles = grants.map(|grants| roles_in(grants, system)).unwrap_or_default();
        !roles.is_empty() && Rank::of(&roles) == self.rank
    }

    /// Whether a browser has signed in, and can sign out.
    pub(crate) fn signed_in(&self) -> bool {
        matches!(*self.credential, Credential::Session { .. })
    }

    /// Whether it has that rank, or a higher one.
    pub(crate) fn is(&self, rank: Rank) -> bool {
        self.rank >= rank
    }

    /// # Errors
    /// 403 below that rank.
    pub(crate) fn needs(&self, rank: Rank) -> Result<(), Refused> {
        if self.is(rank) {
            return Ok(());
        }
        let says = format!("this takes the role `{}`, and you do not have it here", rank.word());
        Err(Refused::new(StatusCode::FORBIDDEN, says)
            .code("forbidden")
            .help("an admin of the system gives roles: `hefe user add NAME --role ROLE --system SYSTEM`"))
    }

    /// What the viewer may see live.
    pub(crate) fn audiences(&self) -> Vec<Audience> {
        let user = self.person.id.clone();
        let mut audiences = vec![Audience::Everyone, Audience::Person(user.clone())];
        audiences.push(if self.is(Rank::Viewer) { Audience::Runs } else { Audience::RunsOf(user) });
        if self.is(Rank::Operator) {
            audiences.push(Audience::Operators);
        }
        audiences
    }

    /// Whether the viewer may see that item.
    pub(crate) fn sees(&self, item: &Item) -> bool {
        Sabotage::NoOwner.on() || self.audiences().contains(&audience_of(item))
    }

    /// Whether the viewer started that run.
    pub(crate) fn owns(&self, run: &Run) -> bool {
        run.start.user.as_ref() == Some(&self.person.id) || Sabotage::NoOwner.on()
    }

    /// How much of a run that it may know of the viewer sees.
    pub(crate) fn sight(&self, run: &Run) -> Sight {
        match (self.is(Rank::Operator), self.owns(run)) {
            (true, _) => Sight::All,
            (false, true) => Sight::Own,
            (false, false) => Sight::Standing,
        }
    }

    /// Whether the viewer may know of that run.
    pub(crate) fn sees_run(&self, run: &Run) -> bool {
        self.is(Rank::Viewer) || self.owns(run)
    }
}
