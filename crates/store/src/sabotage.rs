//! Ways to break the product on purpose, so that its proofs can be seen to fail. Without the feature `sabotage` none of
//! this is in the binary.

/// What `HEFE_SABOTAGE` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The database does not wait for the disk.
    NoFsync,
    /// A submission is answered before it is committed.
    AnswerBeforeCommit,
    /// A repetition of a call carries another key.
    FreshKeys,
    /// What a run keeps and starts is written twice, under another id too.
    DoubleAppend,
    /// The end of a progress item is not written.
    DropEnd,
}

impl Sabotage {
    /// Whether this one is asked for.
    #[cfg(feature = "sabotage")]
    pub fn on(self) -> bool {
        let name = match self {
            Sabotage::NoFsync => "no-fsync",
            Sabotage::AnswerBeforeCommit => "answer-before-commit",
            Sabotage::FreshKeys => "fresh-keys",
            Sabotage::DoubleAppend => "double-append",
            Sabotage::DropEnd => "drop-end",
        };
        static ASKED: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var("HEFE_SABOTAGE").ok());
        ASKED.as_deref() == Some(name)
    }

    /// Never.
    #[cfg(not(feature = "sabotage"))]
    pub const fn on(self) -> bool {
        false
    }
}
