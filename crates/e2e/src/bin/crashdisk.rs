//! `cargo run --release -p e2e --bin crashdisk -- --json`: nothing that was answered is lost in a power cut. See `e2e::crashdisk`.

fn main() -> std::process::ExitCode {
    e2e::proof::main(e2e::crashdisk::check)
}
