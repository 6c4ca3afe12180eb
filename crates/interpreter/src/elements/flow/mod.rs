//! Elements that decide where a run goes.

pub(super) mod r#await;
pub(super) mod each;
pub(super) mod empty;
pub(super) mod r#if;
pub(super) mod stop;
pub(super) mod switch;
pub(super) mod r#try;
pub(super) mod wait;
pub(super) mod r#while;
