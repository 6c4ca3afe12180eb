//! `cargo run --release -p e2e --bin attack -- --json`: what a stranger tries, all of it refused. See `e2e::attack`.

fn main() -> std::process::ExitCode {
    e2e::proof::main(e2e::attack::check)
}
