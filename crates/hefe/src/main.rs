//! The binary `hefe`.

fn main() -> std::process::ExitCode {
    hefe::main()
}
