//! Channels of the Pusher protocol: what each carries, and for whom.

use std::sync::Arc;

use super::frame::Audience;
use crate::door::{Rank, Viewer};

/// A channel of one system.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// As clients write it.
    pub(crate) name: Arc<str>,
    carries: Carries,
}

#[derive(Debug, Clone)]
enum Carries {
    /// `private-user.ID`: what is that person's alone, and that person's runs.
    Own(Arc<str>),
    /// `private-system.NAME`: what everyone may see, all runs for viewers, items of nobody for operators.
    System,
    /// `private-system.NAME.C`: what cast/event sends to C.
    Part(Arc<str>),
}

impl Channel {
    /// The channel of that name in a system; None: there is none.
    pub(crate) fn of(name: &str, system: &str) -> Option<Channel> {
        let user = name.strip_prefix("private-user.").map(|user| Carries::Own(user.into()));
        let of_system = || match name.strip_prefix("private-system.")?.strip_prefix(system)? {
            "" => Some(Carries::System),
            rest => {
                rest.strip_prefix('.').filter(|part| !part.is_empty()).map(|part| Carries::Part(part.into()))
            }
        };
        let carries = user.or_else(of_system)?;
        Some(Channel { name: name.into(), carries })
    }

    /// What comes over it to someone in its system; None: nothing, it is another person's.
    pub(crate) fn audiences(&self, viewer: &Viewer) -> Option<Vec<Audience>> {
        match &self.carries {
            Carries::Own(user) if *user != viewer.person.id => None,
            Carries::Own(user) => Some(vec![Audience::Person(user.clone()), Audience::RunsOf(user.clone())]),
            Carries::System => {
                let all = [
                    (Rank::SignedIn, Audience::Everyone),
                    (Rank::Viewer, Audience::Runs),
                    (Rank::Operator, Audience::Operators),
                ];
                Some(
                    all.into_iter()
                        .filter(|(rank, _)| viewer.is(*rank))
                        .map(|(_, audience)| audience)
                        .collect(),
                )
            }
            Carries::Part(part) => Some(vec![Audience::Channel(part.clone())]),
        }
    }

    /// Whether it is one person's: a state goes over one channel of its person's at most, and over one of its system's.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.carries, Carries::Own(_))
    }
}
