//! What holds between processes on one PostgreSQL: here they are two stores.

use std::{collections::BTreeSet, time::Duration};

use store::{Commit, Deed, Did, Hash, Key, NewRun, Once, Status, Write};

use testkit::postgres::Server;

use crate::{
    conformance::{claim, close, end, run, start},
    postgres, postgres_for,
};

fn key() -> Key {
    Key { name: Hash::of(b"name"), body: Hash::of(b"body"), at_ms: 9 }
}

#[tokio::test]
async fn a_key_is_under_way_as_long_as_its_process_lives() {
    let database = testkit::postgres::shared().database();
    let (first, second) = (postgres(&database.url()), postgres(&database.url()));
    let taken = first.once(key(), Deed::Take(run(1).id), None).await.unwrap();
    assert_eq!(taken, Once::Did(Did::Taken(run(1).id)));
    assert_eq!(second.answered(key()).await.unwrap(), Some(Once::UnderWay));
    assert_eq!(second.once(key(), Deed::Take(run(2).id), None).await.unwrap(), Once::UnderWay);
    assert_eq!(first.answered(key()).await.unwrap(), None, "it may try again itself");
    let other = Key { body: Hash::of(b"another"), ..key() };
    assert_eq!(second.answered(other).await.unwrap(), Some(Once::Other));
    close(first).await;
    assert_eq!(second.answered(key()).await.unwrap(), None);
    let taken = second.once(key(), Deed::Take(run(2).id), None).await.unwrap();
    assert_eq!(taken, Once::Did(Did::Taken(run(1).id)), "for the run that it was taken for");
    close(second).await;
}

#[tokio::test]
async fn what_one_starts_the_other_claims_and_each_run_is_claimed_once() {
    let database = testkit::postgres::shared().database();
    let (first, second) = (postgres(&database.url()), postgres(&database.url()));
    for n in 1..=40 {
        start(&*first, run(n)).await;
    }
    let (a, b) = tokio::join!(first.claim(30), second.claim(30));
    let (mut a, b) = (a.unwrap(), b.unwrap());
    let mut ids: Vec<_> = a.iter().chain(&b).map(|claimed| claimed.start.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), a.is_empty(), b.is_empty()), (a.len() + b.len(), false, false));
    // The second claims under a number of its own: what the first holds is refused to it.
    let stale = second.commit(end(&a[0], Status::Succeeded)).await.unwrap();
    assert_eq!(stale, Err(store::Error::LeaseLost));
    first.commit(end(&a.remove(0), Status::Succeeded)).await.unwrap().unwrap();
    start(&*first, run(50)).await;
    close(first).await;
    // What a process held that goes in order is there for the others at once.
    let next = claim(&*second).await;
    assert!(!b.iter().any(|held| held.start.id == next.start.id));
    close(second).await;
}

#[tokio::test]
async fn what_a_process_held_that_is_gone_without_a_word_goes_on_elsewhere() {
    let database = testkit::postgres::shared().database();
    let open = || postgres_for(&database.url(), Duration::from_secs(1));
    let (first, second) = (open(), open());
    start(&*first, run(1)).await;
    let held = claim(&*first).await;
    drop(first);
    let next = claim(&*second).await;
    assert_eq!((next.start.id, next.epoch > held.epoch), (held.start.id, true));
    close(second).await;
}

#[tokio::test]
async fn what_was_claimed_before_a_claim_that_fails_is_begun() {
    let database = testkit::postgres::shared().database();
    let store = postgres(&database.url());
    // Several lanes are asked for some each, and those with more to give once more: then it fails, once.
    database.psql(
        "CREATE SEQUENCE claims; CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF nextval('claims') = 4 THEN RAISE 'not now'; END IF; RETURN new; END $$; \
         CREATE TRIGGER fails BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION fails()",
    );
    let lane = |n: u128| if n == 1 { "one" } else { "many" };
    let writes = (1..=7).map(|n| Write::Start(NewRun { queue: lane(n).into(), ..run(n) })).collect();
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap().unwrap();
    let mut claimed = BTreeSet::new();
    while claimed.len() < 7 {
        claimed.extend(store.claim(4).await.unwrap().into_iter().map(|one| one.start.id));
    }
    close(store).await;
}

#[tokio::test]
async fn what_is_claimed_while_its_process_signs_off_goes_on_elsewhere() {
    let database = testkit::postgres::shared().database();
    let (first, second) = (postgres(&database.url()), postgres(&database.url()));
    database.psql(
        "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN new; END $$; \
         CREATE TRIGGER waits BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION waits()",
    );
    start(&*first, run(1)).await;
    let mut claims = tokio::task::JoinSet::new();
    claims.spawn({
        let first = first.clone();
        async move { first.claim(1).await.map(drop) }
    });
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    testkit::until("it is being claimed", async || database.psql(waits) == "1").await;
    close(first).await;
    let _ = claims.join_next().await;
    assert_eq!(claim(&*second).await.start.id, run(1).id);
    close(second).await;
}

#[tokio::test]
async fn a_process_that_was_taken_for_dead_calls_nobody_for_what_it_held() {
    let database = testkit::postgres::shared().database();
    let store = postgres_for(&database.url(), Duration::from_secs(2));
    start(&*store, run(1)).await;
    let held = claim(&*store).await;
    let (run, epoch) = (held.start.id, held.epoch);
    testkit::until("it may act", async || store.may_act(run, epoch)).await;
    database.psql("DELETE FROM workers");
    testkit::until("it may act for others alone", async || {
        store.may_act(run, 0) && !store.may_act(run, epoch)
    })
    .await;
    close(store).await;
}

#[tokio::test]
async fn a_run_goes_back_though_a_word_of_an_earlier_claim_comes_with_it() {
    let database = Server::start();
    database.create("hefe");
    let store = postgres(&database.url("hefe"));
    start(&*store, run(1)).await;
    let first = claim(&*store).await;
    store.release(first.start.id, first.epoch);
    let second = claim(&*store).await;
    assert_ne!(first.epoch, second.epoch);
    // What comes while the database stands still goes into one transaction.
    database.pause();
    let before = store.commit(store::Commit { run: run(2).id, ..Default::default() });
    store.release(second.start.id, second.epoch);
    store.release(first.start.id, first.epoch);
    database.resume();
    before.await.unwrap().unwrap();
    assert_eq!(claim(&*store).await.start.id, second.start.id);
    close(store).await;
}

#[tokio::test]
async fn the_last_transaction_of_a_process_that_was_taken_for_dead_is_still_known() {
    let database = testkit::postgres::shared().database();
    let url = database.url();
    close(postgres(&url)).await;
    let marks = || database.psql("SELECT string_agg(n::text, ',' ORDER BY n) FROM marks WHERE worker = 99");
    let counted = || database.psql("SELECT accepted FROM counters");
    database.psql("INSERT INTO marks (worker, n, accepted, succeeded, failed, cancelled) SELECT 99, n, 1, 0, 0, 0 FROM generate_series(1, 3) AS n");
    close(postgres(&url)).await;
    assert_eq!((&*marks(), &*counted()), ("3", "2"));
    database.psql("UPDATE marks SET at = at - interval '2 hours'");
    close(postgres(&url)).await;
    assert_eq!((&*marks(), &*counted()), ("", "3"));
}
