//! Who may what, after delivery.md (Sign-in): the other copy of what the product's table of routes says.
//!
//! 401 who is not signed in, or shows a key that is none; 404 who has no role in the system, and whoever asks for a thing that is
//! not theirs to know of; 403 who has a role that is too low; else what the call comes to.

use super::people::{Level, Person};

/// A route, whom it is for in the words of /openapi.json, and how it is asked.
pub(crate) struct Rule {
    pub(crate) call: &'static str,
    pub(crate) who: &'static str,
    pub(crate) asks: &'static [Ask],
}

/// A request, who may send it, and what it then comes to.
pub(crate) struct Ask {
    pub(crate) path: &'static str,
    pub(crate) body: &'static str,
    pub(crate) may: May,
    pub(crate) comes_to: &'static [u16],
}

/// Who may.
#[derive(Debug, Clone, Copy)]
pub(crate) enum May {
    /// Whoever asks, whatever is shown.
    World,
    /// Anyone but who shows a key that is none.
    Anyone,
    /// Anyone, where there is such a system.
    Public,
    /// Who has any role there.
    SignedIn,
    /// Who has that role or a higher one.
    From(Level),
    /// The same, also where there is no such system yet.
    FromNew(Level),
    /// The thing's person, and from that role on; others do not know that it is there.
    OwnOr(Level),
    /// The same; from `viewer` on others know that it is there, and may not.
    OwnOrTold(Level),
    /// The thing's person alone.
    OwnOnly,
    /// The same; others are told that they may not.
    OwnOnlyTold,
    /// From that role on; others do not know that it is there.
    KnownFrom(Level),
    /// A ticket opens its own system.
    Ticket,
}

/// Who sees what, of those who have a role.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen {
    Nobody,
    SignedIn,
    OwnOnly,
    OwnOrViewers,
    Viewers,
    Operators,
}

use Level::{Admin, Operator, Viewer};
use May::{
    Anyone, From, FromNew, KnownFrom, OwnOnly, OwnOnlyTold, OwnOr, OwnOrTold, Public, SignedIn, Ticket, World,
};

const fn ask(path: &'static str, may: May, comes_to: &'static [u16]) -> Ask {
    Ask { path, body: "", may, comes_to }
}

const fn send(path: &'static str, body: &'static str, may: May, comes_to: &'static [u16]) -> Ask {
    Ask { path, body, may, comes_to }
}

const fn rule(call: &'static str, who: &'static str, asks: &'static [Ask]) -> Rule {
    Rule { call, who, asks }
}

const OF_EVENT: &str = "as the event says";

#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    rule("post /{system}/webhook/{identifier}", OF_EVENT, &[
        ask("/{system}/webhook/open", Public, &[200]),
        ask("/{system}/webhook/any", SignedIn, &[200]),
        ask("/{system}/webhook/staff", From(Admin), &[200]),
    ]),
    rule("post /{system}/webhook/{identifier}/{module}", OF_EVENT, &[ask("/{system}/webhook/moduled/wares", SignedIn, &[200])]),
    rule("post /{system}/webhook/{identifier}/{module}/{record}", OF_EVENT, &[ask("/{system}/webhook/moduled/wares/1", SignedIn, &[200])]),
    rule("post /{system}/workflows/{identifier}/run", OF_EVENT, &[
        ask("/{system}/workflows/Any/run", SignedIn, &[200]),
        ask("/{system}/workflows/Staff/run", From(Operator), &[200]),
    ]),
    rule("get /{system}/workflows", "viewer", &[ask("/{system}/workflows", From(Viewer), &[200])]),
    rule("get /{system}/versions", "admin", &[ask("/{system}/versions", From(Admin), &[200])]),
    rule("post /{system}/versions", "admin", &[
        send("/{system}/versions", r#"{"files": {"views/a.txt": "a"}, "preview": true}"#, FromNew(Admin), &[200]),
    ]),
    rule("post /{system}/versions/{version}/current", "admin", &[
        send("/{system}/versions/{version}/current", r#"{"preview": true}"#, From(Admin), &[200]),
    ]),
    rule("get /{system}/runs", "own or viewer", &[ask("/{system}/runs", SignedIn, &[200])]),
    rule("get /{system}/runs/{run}", "own or viewer", &[
        ask("/{system}/runs/{mine}", OwnOr(Viewer), &[200]),
        ask("/{system}/runs/{theirs}", KnownFrom(Viewer), &[200]),
    ]),
    rule("post /{system}/runs/{run}/cancel", "own or operator", &[
        ask("/{system}/runs/{mine}/cancel", OwnOrTold(Operator), &[409]),
    ]),
    rule("post /{system}/runs/{run}/retry", "operator", &[ask("/{system}/runs/{mine}/retry", From(Operator), &[409])]),
    rule("post /{system}/runs/{run}/signal/{name}", "operator", &[ask("/{system}/runs/{mine}/signal/go", From(Operator), &[409])]),
    rule("get /{system}/queues", "viewer", &[ask("/{system}/queues", From(Viewer), &[200])]),
    rule("post /{system}/queues/{queue}/pause", "operator", &[send("/{system}/queues/mail/pause", "", From(Operator), &[200])]),
    rule("post /{system}/queues/{queue}/resume", "operator", &[send("/{system}/queues/mail/resume", "", From(Operator), &[200])]),
    rule("get /{system}/runs/bulk", "operator", &[ask("/{system}/runs/bulk", From(Operator), &[200])]),
    rule("post /{system}/runs/bulk", "operator", &[
        send("/{system}/runs/bulk", r#"{"action": "cancel", "preview": true}"#, From(Operator), &[200]),
    ]),
    rule("get /{system}/runs/bulk/{action}", "operator", &[ask("/{system}/runs/bulk/{action}", From(Operator), &[200])]),
    rule("post /{system}/runs/bulk/{action}/cancel", "operator", &[ask("/{system}/runs/bulk/{action}/cancel", From(Operator), &[202, 409])]),
    rule("get /{system}/schedules", "viewer", &[ask("/{system}/schedules", From(Viewer), &[200])]),
    rule("get /{system}/schedules/{schedule}/ledger", "viewer", &[ask("/{system}/schedules/{schedule}/ledger", From(Viewer), &[200])]),
    rule("post /{system}/schedules/{schedule}/pause", "operator", &[ask("/{system}/schedules/{schedule}/pause", From(Operator), &[200])]),
    rule("post /{system}/schedules/{schedule}/resume", "operator", &[ask("/{system}/schedules/{schedule}/resume", From(Operator), &[200])]),
    rule("post /{system}/schedules/{schedule}/run", "operator", &[ask("/{system}/schedules/{schedule}/run", From(Operator), &[202])]),
    rule("get /{system}/progress", "own or user", &[ask("/{system}/progress", SignedIn, &[200])]),
    rule("get /{system}/progress/{item}", "own or user", &[
        ask("/{system}/progress/{own}", OwnOnly, &[200]),
        ask("/{system}/progress/{public}", SignedIn, &[200]),
        ask("/{system}/progress/{orphan}", KnownFrom(Operator), &[200]),
    ]),
    rule("get /{system}/mine", "signed in", &[ask("/{system}/mine", SignedIn, &[200])]),
    rule("get /{system}/notifications", "signed in", &[ask("/{system}/notifications", SignedIn, &[200])]),
    rule("post /{system}/notification/{id}/unread", "signed in", &[ask("/{system}/notification/{note}/unread", OwnOnly, &[200])]),
    rule("post /{system}/notification/{id}/read", "signed in", &[ask("/{system}/notification/{note}/read", OwnOnly, &[200])]),
    rule("post /{system}/notification/{id}/action/{name}", "signed in", &[
        ask("/{system}/notification/{note}/action/act", OwnOnly, &[200]),
    ]),
    rule("patch /{system}/notifications/read", "signed in", &[
        send("/{system}/notifications/read", r#"{"notifications": ["{note}"]}"#, SignedIn, &[200]),
    ]),
    rule("delete /{system}/notifications/delete", "signed in", &[
        send("/{system}/notifications/delete", r#"{"notifications": ["{note}"]}"#, SignedIn, &[200]),
    ]),
    rule("patch /{system}/notifications/deleteAll", "signed in", &[ask("/{system}/notifications/deleteAll", SignedIn, &[200])]),
    rule("get /{system}/events", "signed in", &[
        ask("/{system}/events", SignedIn, &[200]),
        ask("/{system}/events?ticket={ticket}", Ticket, &[200]),
        ask("/{system}/events?ticket=none", Ticket, &[401]),
    ]),
    rule("post /{system}/events/ticket", "signed in", &[ask("/{system}/events/ticket", SignedIn, &[200])]),
    rule("get /{system}/broadcasting", "signed in", &[ask("/{system}/broadcasting", SignedIn, &[200])]),
    rule("post /{system}/broadcasting/auth", "signed in", &[
        send("/{system}/broadcasting/auth", r#"{"socket_id": "1.2", "channel_name": "private-system.{system}"}"#, SignedIn, &[200]),
        send("/{system}/broadcasting/auth", r#"{"socket_id": "1.2", "channel_name": "private-user.owner"}"#, OwnOnlyTold, &[200]),
        send("/{system}/broadcasting/auth", r#"{"socket_id": "1.2", "channel_name": "private-system.elsewhere"}"#, SignedIn, &[403]),
    ]),
    rule("get /app/{key}", "anyone", &[ask("/app/none", Anyone, &[426])]),
    rule("get /{system}/audit", "admin", &[ask("/{system}/audit", From(Admin), &[200])]),
    rule("get /audit", "admin", &[ask("/audit", From(Admin), &[200])]),
    rule("get /users", "admin", &[ask("/users", From(Admin), &[200])]),
    rule("post /users", "admin", &[send("/users", r#"{"name": "made", "roles": ["user"], "systems": ["shop"]}"#, From(Admin), &[201])]),
    rule("delete /users/{name}", "admin", &[ask("/users/made", From(Admin), &[200, 404])]),
    rule("delete /users/{name}/keys/{key}", "admin", &[ask("/users/made/keys/none", From(Admin), &[404])]),
    rule("delete /users/{name}/roles/{role}", "admin", &[ask("/users/made/roles/none", From(Admin), &[404])]),
    rule("get /account", "operator", &[ask("/account", From(Operator), &[200])]),
    rule("get /metrics", "operator", &[ask("/metrics", From(Operator), &[200])]),
    rule("get /healthz", "anyone", &[ask("/healthz", Anyone, &[200])]),
    rule("get /readyz", "anyone", &[ask("/readyz", Anyone, &[200])]),
    rule("get /openapi.json", "anyone", &[ask("/openapi.json", Anyone, &[200])]),
    rule("get /docs", "anyone", &[ask("/docs", Anyone, &[200])]),
    rule("get /", "anyone", &[ask("/", Anyone, &[307])]),
    rule("get /hefe.js", "anyone", &[ask("/hefe.js", World, &[200])]),
    rule("get /hefe-progress.css", "anyone", &[ask("/hefe-progress.css", World, &[200])]),
    rule("get /favicon.svg", "anyone", &[ask("/favicon.svg", World, &[200])]),
    rule("get /ui/assets/hefe.css", "anyone", &[ask("/ui/assets/hefe.css", World, &[200])]),
    rule("get /ui/assets/ui.js", "anyone", &[ask("/ui/assets/ui.js", World, &[200])]),
    rule("get /ui/signin", "anyone", &[ask("/ui/signin", World, &[200])]),
    rule("post /ui/signin", "anyone", &[send("/ui/signin", "key=none", World, &[401])]),
    rule("post /ui/signout", "anyone", &[ask("/ui/signout", Anyone, &[303])]),
    rule("get /{system}/signal/{run}/{name}", "anyone", &[ask("/{system}/signal/{mine}/go?sig=none", World, &[404])]),
    rule("post /{system}/signal/{run}/{name}", "anyone", &[ask("/{system}/signal/{mine}/go?sig=none", World, &[404])]),
    rule("get /ui", "signed in", &[ask("/ui", SignedIn, &[200, 307])]),
    rule("get /ui/{system}", "signed in", &[ask("/ui/{system}", SignedIn, &[307])]),
    rule("get /ui/{system}/mine", "signed in", &[ask("/ui/{system}/mine", SignedIn, &[200])]),
    rule("get /ui/{system}/runs", "own or viewer", &[ask("/ui/{system}/runs", SignedIn, &[200])]),
    rule("get /ui/{system}/runs/{run}", "own or viewer", &[
        ask("/ui/{system}/runs/{mine}", OwnOr(Viewer), &[200]),
        ask("/ui/{system}/runs/{theirs}", KnownFrom(Viewer), &[200]),
    ]),
    rule("get /ui/{system}/runs/bulk", "operator", &[ask("/ui/{system}/runs/bulk?action=cancel", From(Operator), &[200])]),
    rule("post /ui/{system}/runs/bulk", "operator", &[
        send("/ui/{system}/runs/bulk?action=cancel&workflow=None", "how=start", From(Operator), &[303, 400]),
    ]),
    rule("get /ui/{system}/runs/bulk/{action}", "operator", &[ask("/ui/{system}/runs/bulk/{action}", From(Operator), &[200])]),
    rule("post /ui/{system}/runs/bulk/{action}/cancel", "operator", &[ask("/ui/{system}/runs/bulk/{action}/cancel", From(Operator), &[303])]),
    rule("get /ui/{system}/progress", "own or user", &[ask("/ui/{system}/progress", SignedIn, &[200])]),
    rule("get /ui/{system}/workflows", "viewer", &[ask("/ui/{system}/workflows", From(Viewer), &[200])]),
];

/// What stands in which answer, and who sees it there.
#[rustfmt::skip]
pub(crate) const SHOWN: &[(&str, &str, Seen)] = &[
    ("/shop/runs?workflow=Private", "{mine}", Seen::OwnOrViewers),
    ("/shop/runs?workflow=Orphan", "{theirs}", Seen::Viewers),
    ("/shop/runs?user=owner&workflow=Private", "{mine}", Seen::OwnOrViewers),
    ("/shop/runs/{mine}", "\"Private\"", Seen::OwnOrViewers),
    ("/shop/runs/{mine}", "a secret input", Seen::Operators),
    ("/shop/runs/{mine}", "\"journal\"", Seen::Operators),
    ("/shop/mine", "{mine}", Seen::OwnOnly),
    ("/shop/notifications", "private note", Seen::OwnOnly),
    ("/shop/progress", "private bar", Seen::OwnOnly),
    ("/shop/progress", "public bar", Seen::SignedIn),
    ("/shop/progress", "orphan bar", Seen::Operators),
    ("/ui/shop/mine", "{mine}", Seen::OwnOnly),
    ("/ui/shop/runs?workflow=Private", "{mine}", Seen::OwnOrViewers),
    ("/ui/shop/runs?workflow=Orphan", "{theirs}", Seen::Viewers),
    ("/ui/shop/runs/{mine}", "a secret input", Seen::Operators),
    ("/ui/shop/progress", "heldprivate bar", Seen::OwnOnly),
    ("/ui/shop/progress", "heldpublic bar", Seen::SignedIn),
    ("/ui/shop/progress", "heldorphan bar", Seen::Operators),
];

impl Rule {
    pub(crate) fn verb(&self) -> &'static str {
        self.call.split(' ').next().unwrap_or_default()
    }

    /// Whether it stands under /ui, where who is not signed in is led to the sign-in.
    pub(crate) fn is_page(&self) -> bool {
        self.call.contains(" /ui")
    }
}

/// What that person's request may be answered with.
pub(crate) fn expected(rule: &Rule, ask: &Ask, person: &Person, system: &str) -> Vec<u16> {
    let there = system != "nowhere";
    let in_system = rule.call.contains("{system}");
    let not_signed_in = if rule.is_page() && rule.verb() == "get" { 303 } else { 401 };
    let comes_to = ask.comes_to.to_vec();
    match ask.may {
        World => return comes_to,
        _ if person.is_impostor() => return vec![not_signed_in],
        Anyone => return comes_to,
        // Whoever shows one is not asked for anything else.
        Ticket if system == "shop" => return comes_to,
        Ticket => return vec![401],
        Public if there => return comes_to,
        _ => {}
    }
    let Some(level) = person.level(system) else { return vec![not_signed_in] };
    let may_be_new = matches!(ask.may, FromNew(_));
    if in_system && !((there || may_be_new) && level.has_role()) {
        return vec![404];
    }
    // What there is in `shop` is not there in `other`.
    let mine = person.name == "owner" && system == "shop";
    let a_thing = [
        "{mine}",
        "{theirs}",
        "{own}",
        "{public}",
        "{orphan}",
        "{action}",
        "{note}",
        "{schedule}",
        "{version}",
    ];
    let elsewhere = in_system && system != "shop" && a_thing.iter().any(|thing| ask.path.contains(thing));
    let answer = match ask.may {
        From(least) | FromNew(least) if level < least => 403,
        _ if elsewhere => 404,
        OwnOr(least) if level < least && !mine => 404,
        OwnOrTold(least) if level < least && !mine => {
            if level >= Viewer {
                403
            } else {
                404
            }
        }
        OwnOnly if !mine => 404,
        OwnOnlyTold if !mine => 403,
        KnownFrom(least) if level < least => 404,
        _ => return comes_to,
    };
    vec![answer]
}

/// Whether that person, who has a role in `shop`, sees what `owner` (or, for `Viewers` and `Operators`, nobody) started.
pub(crate) fn sees(who: Seen, person: &Person) -> bool {
    let mine = person.name == "owner";
    let from = |least: Level| person.level("shop").is_some_and(|level| level >= least);
    match who {
        Seen::Nobody => false,
        Seen::SignedIn => true,
        Seen::OwnOnly => mine,
        Seen::OwnOrViewers => mine || from(Viewer),
        Seen::Viewers => from(Viewer),
        Seen::Operators => from(Operator),
    }
}
