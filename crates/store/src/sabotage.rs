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
    /// A start that is put off begins at once.
    IgnoreDelay,
    /// More runs are worked at once than their limit says.
    OverLimit,
    /// More calls of a host are under way at once than its limit says.
    OverHost,
    /// Of runs that are ready the least urgent comes first.
    LeastUrgent,
    /// A second start under a unique key is a second run.
    TwoUnique,
    /// What ended goes though its tree lives.
    PruneLive,
    /// What a cancelled run started goes on.
    Orphans,
    /// A request's key is not kept.
    ForgetKeys,
    /// An effect is waited for as long as it takes.
    NoTimeout,
    /// The next attempt does not wait.
    NoBackoff,
    /// A stale owner of a run writes on.
    NoEpoch,
    /// A stopping process keeps its runs.
    KeepHeld,
    /// A due time that is settled is settled again.
    DueTwice,
    /// A route takes whoever is signed in, whatever its line says.
    NoRank,
    /// A run and a progress item are everyone's own.
    NoOwner,
    /// A role in one system is one in all.
    NoSystem,
    /// A live stream carries what others may see.
    NoAudience,
    /// A call goes to whatever address a name or a number stands for.
    NoAddressRule,
    /// A page of any origin writes.
    NoOrigin,
    /// A token is taken whoever issued it.
    NoIssuer,
    /// What people typed stands in pages as markup.
    NoEscape,
    /// A body may be of any size.
    NoBodyLimit,
    /// A body may take any time.
    Patient,
    /// What others wrote stands in the log and on the terminal as it is.
    RawLog,
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
            Sabotage::IgnoreDelay => "ignore-delay",
            Sabotage::OverLimit => "over-limit",
            Sabotage::OverHost => "over-host",
            Sabotage::LeastUrgent => "least-urgent",
            Sabotage::TwoUnique => "two-unique",
            Sabotage::PruneLive => "prune-live",
            Sabotage::Orphans => "orphans",
            Sabotage::ForgetKeys => "forget-keys",
            Sabotage::NoTimeout => "no-timeout",
            Sabotage::NoBackoff => "no-backoff",
            Sabotage::NoEpoch => "no-epoch",
            Sabotage::KeepHeld => "keep-held",
            Sabotage::DueTwice => "due-twice",
            Sabotage::NoRank => "no-rank",
            Sabotage::NoOwner => "no-owner",
            Sabotage::NoSystem => "no-system",
            Sabotage::NoAudience => "no-audience",
            Sabotage::NoAddressRule => "no-address-rule",
            Sabotage::NoOrigin => "no-origin",
            Sabotage::NoIssuer => "no-issuer",
            Sabotage::NoEscape => "no-escape",
            Sabotage::NoBodyLimit => "no-body-limit",
            Sabotage::Patient => "patient",
            Sabotage::RawLog => "raw-log",
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
