//! `cargo run -p e2e --bin order`: nothing is answered before it is on disk. See `e2e::order`.

fn main() -> std::process::ExitCode {
    e2e::proof::main(e2e::order::check)
}
