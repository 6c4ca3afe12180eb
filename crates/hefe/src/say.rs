//! Words on the terminal: results on standard output, everything else on standard error.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
};

/// Exit code of a command that could not start.
pub(crate) const COULD_NOT_START: u8 = 2;

/// A line of a result. A reader that has gone away (a closed pipe) is no failure.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
    let _ = stdout().flush();
}

/// A line beside the result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// What went wrong and what to do; exit code 2.
pub(crate) fn error(says: &str, help: &str) -> ExitCode {
    let (red, plain) = if stderr().is_terminal() { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
    note(&format!("{red}error{plain}: {says}"));
    if !help.is_empty() {
        note(&format!("help: {help}"));
    }
    ExitCode::from(COULD_NOT_START)
}

/// Something that a command could not do, with what to do about it.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) says: String,
    pub(crate) help: String,
}

impl Trouble {
    pub(crate) fn new(says: impl Into<String>, help: impl Into<String>) -> Trouble {
        Trouble { says: says.into(), help: help.into() }
    }

    /// Says it; exit code 2.
    pub(crate) fn exit(&self) -> ExitCode {
        error(&self.says, &self.help)
    }
}
