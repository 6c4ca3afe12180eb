//! A year of due times, and two servers with schedules that are killed and set; `cargo run --release -p e2e --bin clock` goes through more. Broken on purpose it is a program of its
//! own: `cargo run -p e2e --features sabotage --bin clock -- --years 1 --sabotage no-gap`.

use e2e::clock;

#[test]
fn every_due_time_comes_and_none_besides() {
    let report = clock::check(&clock::Asked { years: 1, lives: Some(2), seed: None });
    assert!(report.broken.is_empty(), "{}", report.broken.join("\n"));
    assert!(
        report.figures["due"].as_u64() > Some(1_000_000) && report.figures["kills"].as_u64() > Some(10),
        "hardly anything was due: {:?}",
        report.figures
    );
}
