//! What is wrong, where, and what to do about it.

use std::{fmt, sync::Arc};

/// Errors keep a file from loading; warnings do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot work.
    Error,
    /// Likely a mistake.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// The word in JSON and text output.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// Where something stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Path within the system's folder.
    pub path: Arc<str>,
    /// From 1; 0 where the whole file is meant.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// How many characters are meant.
    pub width: u32,
    /// How many characters of that line stand before `source`: of a long line only a part is kept.
    pub cut: u32,
    /// That line of the file.
    pub source: Arc<str>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, such as `HF003`; `hefe explain CODE` has a page for it.
    pub code: &'static str,
    /// Whether it keeps the file from loading.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// The element, if it is about one.
    pub element: Option<Arc<str>>,
    /// A sentence that says what is wrong.
    pub says: String,
    /// A sentence that says what to do.
    pub help: String,
}

impl fmt::Display for Diagnostic {
    /// `error[HF003]: ...`, the place, the source line with a caret, and the help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { path, line, column, width, cut, source } = &self.place;
        writeln!(f, "{}[{}]: {}", self.severity.word(), self.code, self.says)?;
        if *line == 0 {
            writeln!(f, "  --> {path}")?;
        } else {
            let margin = " ".repeat(line.to_string().len());
            let before = column.saturating_sub(1 + cut) as usize;
            let shown = source.chars().count().saturating_sub(before);
            let carets = (*width as usize).min(shown).max(1);
            // A tab stays a tab, so that the caret stands under what it means.
            let indent: String =
                source.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            writeln!(f, "  --> {path}:{line}:{column}")?;
            writeln!(f, "{margin} |\n{line} | {source}")?;
            writeln!(f, "{margin} | {indent}{}", "^".repeat(carets))?;
        }
        write!(f, "help: {}", self.help)
    }
}
