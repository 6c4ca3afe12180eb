//! What outlives a process: time, what people did and were told, what the provider saw, and what is still to befall.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::RetryFrom;
use store::{Id, Run};

use crate::dice::Dice;

/// Lives of a seed that are cut off, at most: fewer than make a run suspicious.
const FATES_MAX: u64 = 4;

/// What the plans of seeds are drawn from.
pub(crate) struct Range {
    /// When they begin, milliseconds since 1970.
    pub(crate) began_ms: i64,
    pub(crate) kinds: Vec<&'static str>,
    /// Launches at most.
    pub(crate) launches: u64,
    /// Of which lives come to one, each as often as it is named.
    pub(crate) fates: &'static [Fate],
    /// How many points are passed before that, at most: near a start as well as far from it.
    pub(crate) points: [u64; 5],
    /// How long more than deaths befalls, milliseconds: at least, and what is random of it.
    pub(crate) rough_ms: (u64, u64),
}

/// What ends a life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is gone.
    Dies,
    /// It is asked to end, and effects under way may finish.
    Soon,
    /// It is asked to end at once.
    Now,
    /// It stands still for longer than its lease, and goes on.
    HeldUp,
    /// All its connections break.
    CutOff,
    /// Everybody's do, and for a while there are no others.
    Outage,
}

/// A run that is kept for a moment, and has ended: from then on it may be gone.
#[derive(Debug, Clone)]
pub(crate) struct Brief {
    pub(crate) run: Run,
    pub(crate) expires_at_ms: i64,
}

/// (path, launch, item)
pub(crate) type Firing = (String, u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) keys: BTreeSet<String>,
    /// When each arrived, in the order of all.
    pub(crate) arrivals: Vec<u64>,
    /// How often it was answered well.
    pub(crate) answered: u64,
}

/// How far a launch has come, as its person knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Planned,
    /// The process may have died with it.
    Sent,
    /// It is there; whether it was answered for.
    There(Id, bool),
    /// It was sent and is not there: it must not come later.
    Gone,
}

#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) n: u64,
    pub(crate) kind: &'static str,
    /// Through the launcher, which tells its person as well.
    pub(crate) through: bool,
    pub(crate) at_ms: i64,
    pub(crate) stage: Stage,
    /// After the launch, milliseconds.
    pub(crate) cancel_ms: Option<u64>,
    /// Its end was asked for, whatever came of that.
    pub(crate) cut: bool,
    /// That was answered: nothing is to be called after it.
    pub(crate) cancelled: bool,
    /// Which of its runs is tried again by hand, and from where; cancelled or not, it goes on since.
    pub(crate) again: Option<(Id, RetryFrom)>,
    /// How long its person waits before the next thing they do, milliseconds.
    pub(crate) patience_ms: u64,
    /// What its person decides where there is a choice.
    pub(crate) choice: u64,
    /// Its start carries an `Idempotency-Key`, and is repeated.
    pub(crate) keyed: bool,
    /// What was done to many at once.
    pub(crate) action: Option<Id>,
    /// Its person has done what was to be done.
    pub(crate) done: bool,
}

impl Launch {
    /// Its end was asked for, and not all of it goes on since.
    pub(crate) fn is_cut(&self) -> bool {
        let top = match self.stage {
            Stage::There(run, _) => Some(run),
            _ => None,
        };
        self.cut && self.again.is_none_or(|(run, _)| Some(run) != top)
    }
}

/// How rough a seed is: one in so many calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) late: u64,
    pub(crate) error: u64,
    pub(crate) refusal: u64,
    /// How long the disk takes at most, milliseconds.
    pub(crate) disk_ms: u64,
    /// How long the provider usually takes at most, milliseconds.
    pub(crate) provider_ms: u64,
    /// Several calls are answered at the same instant, where there are servers enough for that.
    pub(crate) in_step: bool,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) dice: Dice,
    pub(crate) began_ms: i64,
    pub(crate) now_ms: i64,
    /// From then on nothing but deaths befalls.
    pub(crate) calm_at_ms: i64,
    pub(crate) weather: Weather,
    /// After how many points each of the next lives ends, and how.
    pub(crate) fates: Vec<(u64, Fate)>,
    /// Lives that have begun.
    pub(crate) lives: u64,
    pub(crate) launches: Vec<Launch>,
    pub(crate) calls: BTreeMap<Firing, Calls>,
    pub(crate) beat: u64,
    /// Launches whose provider was mended.
    pub(crate) mended: BTreeSet<u64>,
    /// How far each bar had come, by the numbers of its states.
    pub(crate) bars: HashMap<Id, BTreeMap<u64, f64>>,
    /// Runs that were seen to be over.
    pub(crate) over: BTreeSet<Id>,
    /// When each run was first told of, milliseconds since 1970.
    pub(crate) seen_ms: BTreeMap<Id, i64>,
    /// Runs that a worker has had.
    pub(crate) begun: BTreeSet<Id>,
    /// Runs that people have asked to go on.
    pub(crate) reopened: BTreeSet<Id>,
    /// Runs that were cancelled with all that they started, and when that was seen, milliseconds since 1970.
    pub(crate) felled: BTreeMap<Id, i64>,
    /// Those that may be gone.
    pub(crate) brief: BTreeMap<Id, Brief>,
    /// How often an attempt of each run has failed, as far as was submitted.
    pub(crate) failures: BTreeMap<Id, u32>,
    /// How long workers held each run, over all lives, and as of its last end, milliseconds.
    pub(crate) held_ms: BTreeMap<Id, (i64, i64)>,
    pub(crate) figures: BTreeMap<&'static str, u64>,
    pub(crate) log: Vec<String>,
    pub(crate) broken: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64, range: &Range) -> World {
        let mut dice = Dice::new(seed);
        let weather = Weather {
            late: dice.pick(&[3, 10, 40, u64::MAX]),
            error: dice.pick(&[30, 100, u64::MAX, u64::MAX]),
            refusal: dice.pick(&[8, 30, u64::MAX, u64::MAX]),
            disk_ms: dice.pick(&[1, 3, 20, 200]),
            provider_ms: dice.pick(&[5, 60, 400]),
            in_step: seed.is_multiple_of(2),
        };
        let many = dice.below(FATES_MAX + 1);
        let fates = (0..many)
            .map(|_| {
                let at_most = dice.pick(&range.points);
                let fate = dice.pick(range.fates);
                (1 + dice.below(at_most), fate)
            })
            .collect();
        let many = 1 + dice.below(range.launches);
        let launches = (0..many).map(|n| launch(n, range, &mut dice)).collect();
        World {
            seed,
            began_ms: range.began_ms,
            now_ms: range.began_ms,
            calm_at_ms: range.began_ms + (range.rough_ms.0 + dice.below(range.rough_ms.1)) as i64,
            weather,
            fates,
            lives: 0,
            launches,
            calls: BTreeMap::new(),
            beat: 0,
            mended: BTreeSet::new(),
            bars: HashMap::new(),
            over: BTreeSet::new(),
            seen_ms: BTreeMap::new(),
            begun: BTreeSet::new(),
            reopened: BTreeSet::new(),
            felled: BTreeMap::new(),
            brief: BTreeMap::new(),
            failures: BTreeMap::new(),
            held_ms: BTreeMap::new(),
            figures: BTreeMap::new(),
            log: Vec::new(),
            broken: Vec::new(),
            dice,
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.figures.entry(what).or_default() += 1;
    }
}

fn launch(n: u64, range: &Range, dice: &mut Dice) -> Launch {
    let through = dice.once_in(3);
    Launch {
        n,
        kind: dice.pick(&range.kinds),
        through,
        at_ms: range.began_ms + {
            let spread = dice.pick(&[1, 50, 3_000]);
            dice.below(spread)
        } as i64,
        stage: Stage::Planned,
        cancel_ms: dice.once_in(5).then(|| {
            let spread = dice.pick(&[20, 200, 3_000]);
            dice.below(spread)
        }),
        cut: false,
        cancelled: false,
        again: None,
        patience_ms: {
            let spread = dice.pick(&[10, 500, 4_000]);
            dice.below(spread)
        },
        choice: dice.roll(),
        keyed: dice.once_in(3) && !through,
        action: None,
        done: false,
    }
}
