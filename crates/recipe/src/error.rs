//! What is wrong with a recipe, and where.

use std::{fmt, ops::Range};

/// A recipe that cannot be compiled, or that stopped while it was evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, as a sentence without capital and full stop.
    pub says: String,
    /// What to do.
    pub help: Option<String>,
    /// Where: bytes in the recipe's text.
    pub span: Range<usize>,
}

impl Error {
    /// An error without help.
    pub(crate) fn new(says: impl Into<String>, span: Range<usize>) -> Error {
        Error { says: says.into(), help: None, span }
    }

    /// The same error with help.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Error {
        self.help = Some(help.into());
        self
    }

    /// Line and column, both from 1, of the error's place in the recipe's text; columns count characters.
    pub fn line_column(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The error with the source line and a caret under its place; of a long line the part around it.
    pub fn render(&self, text: &str) -> String {
        let (line, column) = self.line_column(text);
        let source = text.lines().nth(line - 1).unwrap_or_default();
        let inside = text.get(self.span.clone()).unwrap_or_default();
        let wide = inside.lines().next().map_or(0, |first| first.chars().count()).max(1);
        let skip = if column > SHOWN { column - SHOWN / 2 } else { 0 };
        let mut shown: String = if skip > 0 { "…".to_owned() } else { String::new() };
        shown.extend(source.chars().skip(skip).take(SHOWN));
        // Tabs are kept, so that the caret stands under its character whatever a tab's width is.
        let before = column - 1 - skip + usize::from(skip > 0);
        let indent: String = shown.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let wide = wide.min(shown.chars().count().saturating_sub(before).max(1));
        if source.chars().nth(skip + SHOWN).is_some() {
            shown.push('…');
        }
        let margin = " ".repeat(line.to_string().len());
        let mut out = format!("{}\n{margin} |\n{line} | {shown}\n{margin} | {indent}", self.says);
        out.push_str(&"^".repeat(wide));
        if let Some(help) = &self.help {
            out.push_str(&format!("\n{margin} = help: {help}"));
        }
        out
    }
}

/// How many characters of a line are shown.
const SHOWN: usize = 160;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for Error {}
