//! A few seeds of the simulation; `.ci/proofs` and `cargo run -p e2e --bin sim` run more.

use e2e::sim;

#[test]
fn seeds_end_as_they_should_and_twice_the_same() {
    let report = sim::check(&sim::Asked { seeds: 100, seed: None });
    assert!(report.broken.is_empty(), "{}", report.broken.join("\n"));
    let crashes = report.figures["crashes"].as_u64();
    assert!(crashes > Some(50), "hardly anything befell them: {:?}", report.figures);
}
