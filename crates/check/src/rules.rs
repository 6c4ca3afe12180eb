//! Every rule, in the order of its code. Adding one is a file in `rules/` and a line of each list.

use crate::Rule;

mod browser_only;
mod clock_gap;
mod computed_key;
mod cron_silent;
mod cron_sync;
mod cron_unguarded;
mod cycle_not_last;
mod element_name;
mod endless_calls;
mod lost_failure;
mod missing_target;
mod never_due;
mod no_start;
mod not_there;
mod own_failures;
mod raw_words;
mod recipe_syntax;
mod reserved_word;
mod same_identifier;
mod secret;
mod slow_request;
mod two_titles;
mod unbounded_loop;
mod unfinished;
mod unknown_key;
mod unknown_option;
mod unknown_port;
mod unknown_type;
mod unreached;
mod unreadable;
mod unseen;
mod unset_variable;
mod wrong_event;
mod wrong_schedule;
mod wrong_type;

static RULES: &[&Rule] = &[
    &unreadable::RULE,
    &unknown_type::RULE,
    &element_name::RULE,
    &same_identifier::RULE,
    &recipe_syntax::RULE,
    &no_start::RULE,
    &wrong_event::RULE,
    &wrong_type::RULE,
    &unknown_option::RULE,
    &unknown_key::RULE,
    &not_there::RULE,
    &unknown_port::RULE,
    &missing_target::RULE,
    &reserved_word::RULE,
    &wrong_schedule::RULE,
    &never_due::RULE,
    &own_failures::RULE,
    &unset_variable::RULE,
    &unreached::RULE,
    &computed_key::RULE,
    &slow_request::RULE,
    &browser_only::RULE,
    &unseen::RULE,
    &unfinished::RULE,
    &two_titles::RULE,
    &lost_failure::RULE,
    &raw_words::RULE,
    &cron_sync::RULE,
    &cron_unguarded::RULE,
    &cron_silent::RULE,
    &clock_gap::RULE,
    &unbounded_loop::RULE,
    &cycle_not_last::RULE,
    &endless_calls::RULE,
    &secret::RULE,
];

/// Every rule there is.
pub fn rules() -> &'static [&'static Rule] {
    RULES
}
