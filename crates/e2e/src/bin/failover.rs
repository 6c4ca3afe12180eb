//! `cargo run --release -p e2e --bin failover -- --json`: the database moves to another machine, and nothing is lost. See `e2e::failover`.

fn main() -> std::process::ExitCode {
    e2e::proof::main(e2e::failover::check)
}
