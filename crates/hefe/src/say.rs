//! Words on the terminal: results on standard output, everything else on standard error.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
};

use store::sabotage::Sabotage;

/// Exit code of a command that could not start.
pub(crate) const COULD_NOT_START: u8 = 2;

/// A line of a result. A reader that has gone away (a closed pipe) is no failure.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout(), "{}", lines(text));
    let _ = stdout().flush();
}

/// A finding in colours: what it is, and where it points. Whatever else moves a terminal stays a sequence of letters.
pub(crate) fn painted(text: &str, colour: &str) -> String {
    let (plain, dim) = ("\u{1b}[0m", "\u{1b}[2m");
    let line = |(at, line): (usize, &str)| {
        let line = inline(line);
        let only = |signs: &str| line.trim().trim_start_matches('|').chars().all(|sign| signs.contains(sign));
        match line.split_once(": ") {
            Some((what, says)) if at == 0 => format!("{colour}{what}{plain}: {says}"),
            Some(("help", says)) => format!("{dim}help{plain}: {says}"),
            _ if line.contains('^') && only(" \t^") => format!("{colour}{line}{plain}"),
            _ if line.trim_start().starts_with("-->") => format!("{dim}{line}{plain}"),
            _ => line.into_owned(),
        }
    };
    text.split('\n').enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// A line of a result that is painted already.
pub(crate) fn painted_line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
    let _ = stdout().flush();
}

/// A line beside the result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(stderr(), "{}", lines(text));
}

/// What others wrote, on one line: names and messages that hold line breaks or sequences of a terminal's make no line of their
/// own and move no cursor.
pub(crate) fn inline(text: &str) -> Cow<'_, str> {
    let moves = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if !text.contains(moves) || Sabotage::RawLog.on() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        // Writing to a string does not fail.
        let _ = if moves(letter) {
            write!(plain, "{}", letter.escape_default())
        } else {
            plain.write_char(letter)
        };
    }
    Cow::Owned(plain)
}

/// The same with line breaks of our own, or of what is shown whole.
fn lines(text: &str) -> String {
    text.split('\n').map(inline).collect::<Vec<_>>().join("\n")
}

/// What went wrong and what to do; exit code 2.
pub(crate) fn error(says: &str, help: &str) -> ExitCode {
    let (red, plain) = if stderr().is_terminal() { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
    let _ = writeln!(stderr(), "{red}error{plain}: {}", lines(says));
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
