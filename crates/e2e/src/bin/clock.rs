//! `cargo run --release -p e2e --bin clock -- --years 10 --json`: every due time comes, and none besides. See `e2e::clock`.

fn main() -> std::process::ExitCode {
    e2e::proof::main_inside(e2e::clock::check)
}
