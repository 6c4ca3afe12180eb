//! A few seeds of the simulation; `.ci/proofs` and `cargo run -p e2e --bin sim` run more.

use e2e::sim;

#[test]
fn seeds_end_as_they_should_and_twice_the_same() {
    let report = sim::check(&sim::Asked { seeds: Some(100), ..Default::default() });
    assert!(report.broken.is_empty(), "{}", report.broken.join("\n"));
    let crashes = report.figures["crashes"].as_u64();
    assert!(crashes > Some(50), "hardly anything befell them: {:?}", report.figures);
}

#[test]
fn seeds_of_several_servers_on_one_database_end_as_they_should() {
    let report = sim::check(&sim::Asked { seeds: Some(3), servers: Some(3), ..Default::default() });
    assert!(report.broken.is_empty(), "{}", report.broken.join("\n"));
    assert!(report.figures["runs"].as_u64() > Some(10), "hardly anything was done: {:?}", report.figures);
}
