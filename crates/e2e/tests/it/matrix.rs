//! Who may call what, and what reaches whom. That a product with a check less is noticed is shown by the gate, with a build of its
//! own: `cargo run -p e2e --features sabotage --bin matrix -- --sabotage no-rank`.

use e2e::{matrix::Asked, proof::Sabotage};

#[tokio::test]
async fn everyone_gets_what_is_theirs_and_nothing_else() {
    let report = e2e::matrix::check(Asked {}, Sabotage::default()).await;
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
    assert!(report.figures["cells"].as_u64().unwrap() > 4_000, "{:?}", report.figures);
}
