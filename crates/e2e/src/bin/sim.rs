//! `cargo run --release -p e2e --bin sim -- --seeds 20000 --json`: what must be true is, whatever fails and whenever the
//! process dies. See `e2e::sim`.

fn main() -> std::process::ExitCode {
    e2e::proof::main_inside(e2e::sim::check)
}
