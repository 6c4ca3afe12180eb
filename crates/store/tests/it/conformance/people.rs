use std::sync::Arc;

use store::{Change, Grant, Hash, Id, Noted, Session, Store, User, UserEdit, UserKey};

use super::{Open, close};

fn grant(system: Option<&str>, role: &str) -> Grant {
    Grant { system: system.map(Into::into), role: role.into() }
}

fn user_key(id: &str) -> UserKey {
    UserKey { id: id.into(), hash: Hash::of(id.as_bytes()), created_at_ms: 5 }
}

async fn add(store: &dyn Store, name: &str, grants: Vec<Grant>, key: Option<UserKey>) -> Option<User> {
    store.edit_user(UserEdit::Add { name: name.into(), grants, key, at_ms: 7 }).await.unwrap()
}

pub(crate) async fn users_gather_grants_and_keys_and_lose_them(open: &Open<'_>) {
    let store = open();
    let mut changes = store.changes();
    add(&*store, "ada", vec![grant(Some("shop"), "viewer")], Some(user_key("a"))).await.unwrap();
    assert!(changes.recv().await.unwrap().iter().any(|(_, change)| matches!(change, Change::Users)));
    let more = vec![grant(Some("shop"), "viewer"), grant(None, "admin")];
    let ada = add(&*store, "ada", more, Some(user_key("b"))).await.unwrap();
    assert_eq!(ada.grants, [grant(None, "admin"), grant(Some("shop"), "viewer")]);
    assert_eq!(ada.keys, [user_key("a"), user_key("b")]);
    add(&*store, "bob", vec![grant(Some("shop"), "operator")], None).await.unwrap();
    close(store).await;
    let store = open();
    let names = |users: Vec<User>| users.iter().map(|user| user.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(store.users().await.unwrap()), ["ada", "bob"]);
    let revoke = |key: &str| UserEdit::Revoke { name: "ada".into(), key: key.into() };
    let ada = store.edit_user(revoke("a")).await.unwrap().unwrap();
    assert_eq!(ada.keys, [user_key("b")]);
    assert_eq!(store.edit_user(revoke("a")).await.unwrap(), None, "it is gone already");
    let withdraw = |system, role| UserEdit::Withdraw { name: "ada".into(), grant: grant(system, role) };
    assert_eq!(store.edit_user(withdraw(None, "viewer")).await.unwrap(), None, "it is had in one system");
    let ada = store.edit_user(withdraw(Some("shop"), "viewer")).await.unwrap().unwrap();
    assert_eq!(ada.grants, [grant(None, "admin")]);
    let remove = || UserEdit::Remove { name: "ada".into() };
    assert!(store.edit_user(remove()).await.unwrap().is_some());
    assert_eq!(store.edit_user(remove()).await.unwrap(), None);
    assert_eq!(names(store.users().await.unwrap()), ["bob"]);
    close(store).await;
}

pub(crate) async fn a_session_is_kept_until_it_is_closed_or_old(open: &Open<'_>) {
    let store = open();
    let session =
        |name: &str, until_ms: i64| Session { name: Hash::of(name.as_bytes()), body: name.into(), until_ms };
    let mut changes = store.changes();
    store.open_session(session("a", 100), 0).await.unwrap();
    store.open_session(session("b", 900), 0).await.unwrap();
    close(store).await;
    let store = open();
    let named = |name: &str| Hash::of(name.as_bytes());
    assert_eq!(store.session(named("a")).await.unwrap(), Some(session("a", 100)));
    store.open_session(session("c", 900), 500).await.unwrap();
    assert_eq!(store.session(named("a")).await.unwrap(), None, "it was over when another came");
    store.close_session(named("b")).await.unwrap();
    assert_eq!(store.session(named("b")).await.unwrap(), None);
    assert_eq!(store.session(named("c")).await.unwrap(), Some(session("c", 900)));
    drop(changes.try_recv());
    close(store).await;
}

pub(crate) async fn the_trail_is_read_from_its_newest_end(open: &Open<'_>) {
    let store = open();
    let line = |n: u128, system: Option<&str>| Noted {
        id: Id::at(n as i64, n),
        system: system.map(Into::into),
        user: Some("ada".into()),
        what: "cancelled".into(),
        run: Some(Id(n)),
        detail: "".into(),
    };
    for n in 0..60 {
        store.note(line(n, Some("shop"))).await.unwrap();
    }
    store.note(line(99, Some("other"))).await.unwrap();
    store.note(line(100, None)).await.unwrap();
    close(store).await;
    let store = open();
    let shop: Option<Arc<str>> = Some("shop".into());
    let newest = store.trail(shop.clone(), None).await.unwrap();
    assert_eq!(
        (newest.len(), &newest[0], &newest[49]),
        (50, &line(59, Some("shop")), &line(10, Some("shop")))
    );
    let rest = store.trail(shop, Some(newest[49].id)).await.unwrap();
    assert_eq!((rest.len(), &rest[9]), (10, &line(0, Some("shop"))));
    assert_eq!(store.trail(None, None).await.unwrap(), [line(100, None)]);
    close(store).await;
}
