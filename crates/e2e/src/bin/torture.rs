//! `cargo run --release -p e2e --bin torture -- --kills 200 --json`: nothing that was answered is lost. See `e2e::torture`.

fn main() -> std::process::ExitCode {
    e2e::proof::main(e2e::torture::check)
}
