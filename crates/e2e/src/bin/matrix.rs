//! `cargo run --release -p e2e --bin matrix -- --json`: who may call what, and what reaches whom. See `e2e::matrix`.

fn main() -> std::process::ExitCode {
    e2e::proof::main(e2e::matrix::check)
}
