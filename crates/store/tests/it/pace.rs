//! How good the guess of the time left is, on simulated time: seeded items whose pace, steps and pauses vary, written at
//! most ten times a second as a worker does.

use std::cmp::Ordering;

use store::{Contribution, Item, Past, Share, Took, Usual};

use crate::conformance::{run, said};

/// A small generator, so that a seed is an item for ever.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.part()
    }
}

/// How an item moves.
#[derive(Clone, Copy)]
struct Kind {
    total: f64,
    /// Milliseconds a unit at first, and after a part of it.
    ms: f64,
    then: Option<(f64, f64)>,
    /// How much the time of each step varies.
    jitter: f64,
    /// Units in one step, at most.
    step: f64,
    /// Every so many milliseconds it lies still for so many.
    rests: Option<(f64, f64)>,
}

const STEADY: Kind = Kind { total: 1_000.0, ms: 200.0, then: None, jitter: 0.2, step: 5.0, rests: None };

/// (milliseconds, units done) of every step.
fn moves(kind: Kind, seed: u64) -> Vec<(f64, f64)> {
    let mut random = Random(seed.wrapping_mul(2_654_435_761) + 1);
    let (mut at, mut done, mut worked) = (0.0, 0.0, 0.0);
    let mut moves = vec![(0.0, 0.0)];
    while done < kind.total {
        let step = random.between(1.0, kind.step).round().min(kind.total - done);
        let pace = kind.then.filter(|(part, _)| done >= part * kind.total).map_or(kind.ms, |(_, ms)| ms);
        let took = step * pace * random.between(1.0 - kind.jitter, 1.0 + kind.jitter);
        worked += took;
        at += took;
        if let Some((every, still)) = kind.rests
            && worked >= every
        {
            worked = 0.0;
            at += still * random.between(1.0 - kind.jitter, 1.0 + kind.jitter);
        }
        done += step;
        moves.push((at, done));
    }
    moves
}

/// The states that are written: the newest of each tenth of a second.
fn written(moves: &[(f64, f64)]) -> Vec<(i64, f64)> {
    let mut written: Vec<(i64, f64)> = Vec::new();
    for (at, done) in moves {
        let tick = (at / 100.0).ceil() as i64 * 100;
        match written.last_mut() {
            Some(last) if last.0 == tick => last.1 = *done,
            _ => written.push((tick, *done)),
        }
    }
    written
}

/// An item as it stood after each write.
fn states(kind: Kind, seed: u64, usual: Option<Usual>) -> (Vec<Item>, i64) {
    let moves = moves(kind, seed);
    let mut share = Share::default();
    let first = Contribution { at_ms: 0, total: Some(kind.total), ..said(&run(1), run(1).id, "p") };
    let mut item = Item::new(&first, usual);
    let mut states = Vec::new();
    for (n, (at_ms, subtotal)) in written(&moves).into_iter().enumerate() {
        item.merge(&mut share, &Contribution { updates: n as u64 + 1, at_ms, subtotal, ..first.clone() });
        states.push(item.clone());
    }
    (states, moves.last().unwrap().0 as i64)
}

/// By how much of the real time left each guess was off, and how many states had none.
fn errors(kind: Kind, usual: Option<Usual>, wanted: impl Fn(&Item) -> bool) -> (Vec<f64>, usize) {
    let (mut errors, mut none) = (Vec::new(), 0);
    for seed in 0..40 {
        let (states, end_ms) = states(kind, seed, usual);
        for item in states.iter().filter(|item| item.updated_at_ms < end_ms && wanted(item)) {
            let left = (end_ms - item.updated_at_ms) as f64 / 1e3;
            match item.eta_seconds {
                Some(guess) => errors.push((guess - left).abs() / left),
                None => none += 1,
            }
        }
    }
    errors.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    (errors, none)
}

fn median(errors: &[f64]) -> f64 {
    errors[errors.len() / 2]
}

#[test]
fn a_steady_item_s_guess_is_off_by_less_than_a_fifth() {
    let bursts = Some((1_000.0, 3_000.0));
    let parks = Some((5_000.0, 10_000.0));
    for (name, kind) in [
        ("steady", STEADY),
        ("even", Kind { jitter: 0.1, step: 1.0, ..STEADY }),
        ("uneven", Kind { jitter: 0.3, step: 40.0, ..STEADY }),
        ("fast", Kind { total: 20_000.0, ms: 5.0, jitter: 0.3, ..STEADY }),
        ("short", Kind { total: 100.0, ms: 100.0, jitter: 0.3, step: 3.0, ..STEADY }),
        ("slow", Kind { total: 60.0, ms: 100_000.0, jitter: 0.3, step: 1.0, ..STEADY }),
        ("in bursts", Kind { rests: bursts, ..STEADY }),
        ("with parks", Kind { rests: parks, ..STEADY }),
        ("fast in bursts", Kind { total: 20_000.0, ms: 5.0, jitter: 0.3, rests: bursts, ..STEADY }),
    ] {
        let (errors, none) = errors(kind, None, |_| true);
        let middle = median(&errors);
        assert!(middle < 0.2, "{name}: the median error is {middle}");
        assert!(none * 2 < errors.len(), "{name}: {none} states without a guess, {} with one", errors.len());
    }
}

#[test]
fn before_there_is_a_window_the_guess_is_what_the_last_ones_took() {
    for (name, kind) in [
        ("steady", STEADY),
        ("with parks", Kind { rests: Some((5_000.0, 10_000.0)), jitter: 0.3, ..STEADY }),
        ("short", Kind { total: 100.0, ms: 100.0, jitter: 0.3, step: 3.0, ..STEADY }),
    ] {
        let mut past = Past::default();
        for seed in 100..150 {
            let ms = states(kind, seed, None).1 as u64;
            past.note(Took { item: run(u128::from(seed)).id, ms, total: Some(kind.total) });
        }
        let (errors, none) = errors(kind, past.usual(), |item| item.rate.is_none());
        assert!(median(&errors) < 0.2, "{name}: the median error is {}", median(&errors));
        assert_eq!(none, 0, "{name}");
    }
}

#[test]
fn a_change_of_pace_is_followed_within_half_a_minute() {
    for (name, ms) in [("faster", 60.0), ("slower", 700.0)] {
        let kind = Kind { total: 2_000.0, then: Some((0.5, ms)), ..STEADY };
        let changed_ms =
            |states: &[Item]| states.iter().find(|item| item.progress >= 1_000.0).unwrap().updated_at_ms;
        let mut late = Vec::new();
        for seed in 0..20 {
            let (states, end_ms) = states(kind, seed, None);
            let from_ms = changed_ms(&states) + 30_000;
            for item in
                states.iter().filter(|item| item.updated_at_ms > from_ms && item.updated_at_ms < end_ms)
            {
                let left = (end_ms - item.updated_at_ms) as f64 / 1e3;
                late.push((item.eta_seconds.unwrap_or(f64::INFINITY) - left).abs() / left);
            }
        }
        late.sort_by(f64::total_cmp);
        assert!(median(&late) < 0.2, "{name}: {}", median(&late));
    }
}

#[test]
fn the_window_spans_a_minute_however_often_an_item_is_written() {
    let first = Contribution { at_ms: 0, total: Some(1e6), ..said(&run(1), run(1).id, "p") };
    let (mut item, mut share) = (Item::new(&first, None), Share::default());
    let mut subtotal = 0.0;
    // Ten times a second for five minutes; three seconds at three units, three at one: twenty a second.
    for n in 0..3_000_u64 {
        subtotal += if n / 30 % 2 == 0 { 3.0 } else { 1.0 };
        item.merge(
            &mut share,
            &Contribution { updates: n + 1, at_ms: n as i64 * 100, subtotal, ..first.clone() },
        );
        let rate = item.rate.unwrap_or(20.0);
        assert!(n < 600 || (18.5..21.5).contains(&rate), "{rate} after {n} updates");
    }
}

#[test]
fn a_stalled_item_s_guess_does_not_stand() {
    let (states, _) = states(STEADY, 3, None);
    let item = &states[states.len() / 2];
    let good_ms = item.eta_until_ms.unwrap() - item.updated_at_ms;
    assert!(
        (10_000..=15_000).contains(&good_ms),
        "{good_ms}: it is known to be bad soon, as updates come every second"
    );
    // The next update after a long silence says more, not less.
    let mut later = item.clone();
    let mut share = Share { updates: 1, subtotal: item.progress, ..Share::default() };
    let at_ms = item.updated_at_ms + 50_000;
    let first = said(&run(1), run(1).id, "p");
    let (total, subtotal) = (Some(STEADY.total), item.progress + 1.0);
    later.merge(&mut share, &Contribution { updates: 2, at_ms, subtotal, total, ..first });
    assert!(later.eta_seconds.unwrap() > item.eta_seconds.unwrap() * 1.5, "{:?}", later.eta_seconds);
}

#[test]
fn an_item_that_was_opened_again_or_set_back_starts_its_window_anew() {
    let (states, _) = states(STEADY, 5, None);
    let mut item = states[states.len() / 2].clone();
    item.end(store::ItemStatus::Failed, item.updated_at_ms + 1);
    assert!(item.eta_seconds.is_none() && item.reopen(item.updated_at_ms + 3_600_000));
    assert!((item.rate, item.eta_seconds) == (None, None));
    let mut item = states[states.len() / 2].clone();
    let mut share = Share { updates: 1, subtotal: item.progress, ..Share::default() };
    let at_ms = item.updated_at_ms + 100;
    let set = Contribution { updates: 2, at_ms, set: Some((1, 0.0)), ..said(&run(1), run(1).id, "p") };
    item.merge(&mut share, &Contribution { total: Some(STEADY.total), before: item.progress, ..set });
    assert!((item.progress, item.rate, item.eta_seconds) == (0.0, None, None), "{item:?}");
}

#[test]
fn the_usual_time_is_that_of_the_last_fifty_and_none_where_they_differ_too_much() {
    let took = |n: u128, ms: u64, total: f64| Took { item: run(n).id, ms, total: Some(total) };
    let of = |all: &[Took]| {
        let mut past = Past::default();
        all.iter().for_each(|took| past.note(*took));
        past.usual()
    };
    // Twice as much takes twice as long.
    let by_unit = of(&[took(1, 1_000, 10.0), took(2, 2_000, 20.0), took(3, 9_000, 90.0)]);
    assert_eq!(by_unit, Some(Usual::Unit(100.0)));
    // However much it is, it takes a second.
    let whole = of(&[took(1, 1_000, 10.0), took(2, 1_000, 20.0), took(3, 1_100, 90.0)]);
    assert_eq!(whole, Some(Usual::Whole(1_000.0)));
    assert_eq!(
        of(&[took(1, 1_000, 10.0), took(2, 60_000, 10.0), took(3, 400_000, 10.0), took(4, 5, 10.0)]),
        None
    );
    assert_eq!(of(&[took(1, 1_000, 10.0); 5]), None, "one that ended five times is one");
    let many: Vec<Took> = (0..100).map(|n| took(n, if n < 50 { 1_000 } else { 5_000 }, 10.0)).collect();
    assert_eq!(of(&many), Some(Usual::Unit(500.0)));
}
