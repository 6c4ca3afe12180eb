//! A shared text and where its words came from.

use std::{fmt, ops, sync::Arc};

/// Where a text's words came from (check.md): what is not clean must not reach users as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u64)]
pub enum Taint {
    /// Our own words, or words that somebody here has looked at.
    #[default]
    Clean,
    /// From a provider's answer.
    External,
}

impl ops::BitOr for Taint {
    type Output = Taint;

    fn bitor(self, other: Taint) -> Taint {
        if self == Taint::Clean { other } else { self }
    }
}

/// A shared, immutable text. Two texts are equal when their words are, whatever their marks.
#[derive(Clone)]
pub struct Text {
    words: Arc<str>,
    taint: Taint,
}

impl Text {
    /// A clean text.
    pub fn new(words: impl Into<Arc<str>>) -> Text {
        Text { words: words.into(), taint: Taint::Clean }
    }

    /// Its mark.
    pub fn taint(&self) -> Taint {
        self.taint
    }

    /// The same words under that mark.
    #[must_use]
    pub fn with_taint(self, taint: Taint) -> Text {
        Text { taint, ..self }
    }

    /// The words, shared.
    pub fn shared(&self) -> &Arc<str> {
        &self.words
    }
}

impl ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.words
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::new("")
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.words == other.words
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.words, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Text {
        Text::new(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Text {
        Text::new(words)
    }
}

impl From<Arc<str>> for Text {
    fn from(words: Arc<str>) -> Text {
        Text::new(words)
    }
}
