//! Ways to break due times on purpose, as `store::sabotage` breaks the rest, which this crate does not know; and to be an older one.

/// Whether this one is asked for.
#[cfg(feature = "sabotage")]
pub(crate) fn is(name: &str) -> bool {
    static ASKED: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("HEFE_SABOTAGE").ok());
    ASKED.as_deref() == Some(name)
}

/// Never.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn is(_: &str) -> bool {
    false
}
