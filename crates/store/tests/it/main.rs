//! The contract of a store: every promise is a case, and each case runs on every store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod by_hand;
mod conformance;
mod damage;
mod log;
mod many;
mod pace;
mod sums;
mod tls;

use std::{path::Path, sync::Arc, time::Duration};

use conformance::{
    claim, close, end,
    keep::{is_there, look_for_work},
    run, start,
};

use store::{Commit, Entries, NewRun, Status, Store, postgres::Postgres, sqlite::Sqlite};

/// Opens, or opens again, the database in that folder.
fn sqlite(folder: &Path) -> Arc<dyn Store> {
    let settings = store::sqlite::Settings { clock: conformance::clock(), ..Default::default() };
    Arc::new(Sqlite::open(&folder.join(".hefe/hefe.db"), settings).unwrap())
}

/// Opens, or opens again, the database of that address.
fn postgres(url: &str) -> Arc<dyn Store> {
    let settings = store::postgres::Settings {
        clock: Some(conformance::clock()),
        name: "a test".into(),
        ..Default::default()
    };
    Arc::new(Postgres::open(url, settings).unwrap())
}

/// The same, taken for dead when it has said nothing for so long.
fn postgres_for(url: &str, lease: Duration) -> Arc<dyn Store> {
    Arc::new(Postgres::open(url, store::postgres::Settings { lease, ..Default::default() }).unwrap())
}

macro_rules! cases {
    ($($module:ident: $($case:ident),*;)*) => {
        mod on_sqlite {
            use super::{conformance, sqlite};

            $($(
                #[tokio::test]
                async fn $case() {
                    let folder = tempfile::tempdir().unwrap();
                    conformance::$module::$case(&|| sqlite(folder.path())).await;
                }
            )*)*
        }

        mod on_postgres {
            use super::{conformance, postgres};

            $($(
                #[tokio::test]
                async fn $case() {
                    let database = testkit::postgres::shared().database();
                    let url = database.url();
                    conformance::$module::$case(&|| postgres(&url)).await;
                }
            )*)*
        }
    };
}

cases! {
    runs: what_was_answered_is_there_after_a_restart, a_run_is_claimed_once_and_by_priority,
        a_run_that_is_put_off_has_not_begun, a_run_that_nobody_had_before_a_restart_has_not_begun,
        lanes_take_turns, an_old_epoch_is_refused, who_held_a_run_before_its_end_is_refused_after_it, what_was_worked_is_known_to_whoever_claims_next, a_queued_run_ends_when_cancelled,
        a_refused_submission_harms_no_other, lanes_say_what_is_ready_and_systems_what_is_queued, the_account_balances, the_account_balances_at_any_time, a_start_is_kept_once, a_start_that_is_repeated_finds_its_own_run, a_start_whose_key_is_taken_is_none,
        what_runs_is_found_behind_all_that_waits, what_is_long_is_kept_as_what_is_short, a_ready_run_knows_how_many_come_before_it, pages_go_on_at_their_cursor;
    journal: what_is_resumed_is_what_was_written, the_last_entries_come_with_the_end_and_stay_when_it_is_taken_back, the_oldest_of_a_journal_goes_when_it_is_over_its_size,
        a_large_value_is_kept_once_over_many_checkpoints, a_large_value_goes_with_the_last_checkpoint_that_needs_it,
        large_values_go_with_their_run_and_with_a_state_that_is_replaced;
    keep: what_ended_goes_when_its_time_is_over, what_went_is_counted_and_leaves_nothing,
        what_is_tried_again_does_not_go, a_child_stays_while_its_tree_lives,
        a_version_goes_when_no_run_needs_it;
    progress: increments_of_many_runs_add_up, a_repetition_changes_nothing, no_spinner_is_left_behind,
        who_saw_an_item_before_it_was_private_is_known,
        a_bar_does_not_run_backwards, a_bar_fails_with_a_run_that_had_not_touched_it,
        a_bar_moves_again_with_what_is_tried_again_from_the_start, a_repetition_after_a_resume_takes_nothing_back,
        a_bar_ends_when_nobody_is_left_to_move_it, a_bar_ends_so_after_a_restart_too,
        updates_after_an_end_by_hand_are_counted, a_retry_opens_the_same_bar_again,
        the_next_attempt_is_told_until_the_run_speaks_again, the_first_guess_is_what_the_last_ones_took,
        what_is_no_number_is_not_taken, a_bar_that_many_move_one_after_another_does_not_end_between_them;
    parks: a_parked_run_is_woken_when_its_time_has_come, what_is_parked_stays_so_over_a_restart,
        a_run_that_awaits_is_woken_by_the_last_end, a_run_that_awaits_any_is_woken_by_the_first_end,
        an_end_before_the_park_is_not_missed, a_signal_is_kept_until_it_is_taken, an_answer_is_the_first_signal_of_its_name, so_many_signals_are_kept_for_a_run,
        a_parked_run_ends_when_cancelled, a_run_inside_a_request_may_park, a_bar_goes_on_while_a_run_that_touched_it_is_parked;
    cancel: what_a_cancelled_run_started_ends_too, what_a_run_started_may_be_kept,
        a_run_that_parks_after_it_was_asked_ends, many_children_end_a_page_at_a_time,
        one_that_parks_or_starts_in_the_same_moment_ends;
    inbox: notifications_come_a_page_at_a_time_newest_first, what_its_person_does_to_a_notification_is_kept_and_told, a_message_goes_out_with_its_commit_and_with_none_that_is_refused;
    actions: a_page_of_an_action_is_done_once_with_its_cursor, an_action_that_is_stopped_does_nothing_more,
        runs_are_found_by_how_they_stand_and_when_they_came,
        with_an_old_action_its_bar_goes_and_all_that_was_put_into_it;
    once: what_has_a_key_is_started_once, an_answer_to_a_modal_takes_its_key_for_its_run, a_key_without_an_answer_is_taken_over, an_answer_that_is_not_kept_frees_its_key,
        what_the_store_refuses_takes_no_key, another_runs_id_is_not_kept_as_an_answer, an_answer_is_kept_for_a_day;
    schedules: a_due_time_is_settled_once_with_its_run, what_is_new_changed_or_back_has_nothing_due_before, who_is_behind_changes_no_schedules,
        a_paused_schedule_skips_and_says_by_whom, while_a_run_lives_a_due_time_is_skipped_or_beside_it,
        a_due_time_may_begin_when_those_before_have_ended, a_due_time_whose_key_is_taken_is_skipped, a_line_is_kept_for_ninety_days;
    versions: the_same_content_is_the_same_version, history_says_what_was_current_since_when_and_by_whom,
        an_earlier_version_becomes_current_again, what_becomes_current_is_told, a_first_version_leaves_what_is_there,
        the_folder_that_is_settled_is_known, live_runs_are_counted_by_version_and_workflow, versions_stay_for_a_rollback,
        a_secret_is_made_once;
    queues: nothing_of_a_paused_queue_is_claimed_until_it_is_resumed;
    hosts: a_second_takes_so_many_and_who_comes_early_is_told_when, so_many_are_under_way_at_once_and_no_more,
        a_host_that_is_blocked_is_so_for_everybody, a_run_that_waits_for_its_turn_says_where, a_place_that_is_free_is_the_oldest_ones_who_stands,
        who_stands_and_is_not_there_holds_up_nobody_for_long, those_who_left_are_called_in_their_order_as_places_are_free,
        a_run_that_is_called_before_it_has_left_does_not_leave, one_that_was_cancelled_keeps_its_place_from_nobody, who_waits_at_a_host_is_called_after_a_restart;
    people: users_gather_grants_and_keys_and_lose_them, a_session_is_kept_until_it_is_closed_or_old,
        the_trail_is_read_from_its_newest_end;
}

#[test]
fn a_second_owner_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = sqlite(folder.path());
    let second = Sqlite::open(&folder.path().join(".hefe/hefe.db"), Default::default());
    assert!(
        matches!(second, Err(store::Error::Owned { process: Some(process), .. }) if process == std::process::id())
    );
}

#[test]
fn a_file_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hefe.db");
    std::fs::write(&path, "no database at all, but long enough to look like one".repeat(40)).unwrap();
    assert!(matches!(Sqlite::open(&path, Default::default()), Err(store::Error::Corrupt(_))));
}

#[tokio::test]
async fn a_long_journal_goes_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    start(&*store, NewRun { keep_ms: Some(0), ..run(1) }).await;
    let claimed = claim(&*store).await;
    let mut last = None;
    for at in 0..9_000 {
        let entries = Some(Entries { at, count: 1, bytes: vec![1] });
        let (run, epoch) = (claimed.start.id, claimed.epoch);
        last = Some(store.commit(Commit { run, epoch, entries, ..Commit::default() }));
    }
    last.unwrap().await.unwrap().unwrap();
    store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
    let mut left = vec![];
    while is_there(&*store, 1).await {
        look_for_work(&*store).await;
        left.push(store.stored_bytes(run(1).id).await.unwrap());
    }
    assert!(left.len() > 2 && left.is_sorted_by(|a, b| a > b) && left.last() == Some(&0), "{left:?}");
    close(store).await;
}
