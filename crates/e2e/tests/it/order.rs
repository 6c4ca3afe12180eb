//! Nothing is answered before it is on disk. That a broken product is noticed is shown by the gate, with a build of its own:
//! `cargo run -p e2e --features sabotage --bin order -- --sabotage no-fsync`.

use e2e::{order::Asked, proof::Sabotage};

#[tokio::test]
async fn the_log_is_synced_before_the_answer_leaves() {
    if !std::path::Path::new("/usr/bin/strace").exists() {
        assert!(std::env::var_os("CI").is_none(), "strace is not there");
        eprintln!("skipped: strace is not there (`.ci/browser` installs it)");
        return;
    }
    let report = e2e::order::check(Asked { launches: 10 }, Sabotage::default()).await;
    assert!(report.broken.is_empty(), "{:?}", report.broken);
}
