//! Text to tokens, one at a time: a template's text stands between tokens, and only the parser knows where.

use crate::{Error, ast::Parsed};

/// Bytes in the recipe's text; a recipe is shorter than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    pub(crate) fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }
}

impl From<Span> for std::ops::Range<usize> {
    fn from(span: Span) -> Self {
        span.start as usize..span.end as usize
    }
}

/// A token; names and numbers are parts of the recipe's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'s> {
    /// Digits.
    Int(&'s str),
    /// Digits, a point, digits.
    Decimal(&'s str),
    /// A name, reserved or not.
    Name(&'s str),
    /// `$` and a name.
    Var(&'s str),
    /// The opening quote of a text.
    Text(char),
    /// `f` and the opening quote of a template.
    Template(char),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end of the recipe.
    End,
}

/// Operators and brackets, longer ones before their beginnings.
const SIGNS: &[&str] = &[
    "===", "!==", "...", "**", "??", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "=>", "?", "<", ">",
    "!", "=", "&", "|", "^", "+", "-", "*", "/", "%", "#", ":", ",", ".", "(", ")", "[", "]", "{", "}",
];

/// What is left of the recipe's text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexer<'s> {
    pub(crate) text: &'s str,
    /// Where the next token begins, white space not yet skipped.
    pub(crate) at: usize,
}

impl<'s> Lexer<'s> {
    /// The next token and where it stands. Behind the opening quote of a text only [`Lexer::words`] can go on.
    pub(crate) fn next(&mut self) -> Parsed<(Token<'s>, Span)> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            self.at = start;
            return Ok((Token::End, Span::new(start, start)));
        };
        let (token, length) = match first {
            '0'..='9' => number(rest),
            '$' => match name(&rest[1..]) {
                "" => {
                    return Err(Error::new("expected a name after `$`", start..start + 1)
                        .with_help("a variable is written `$name`, a dollar sign in a text")
                        .into());
                }
                name => (Token::Var(name), 1 + name.len()),
            },
            '"' | '\'' => (Token::Text(first), 1),
            'f' if rest[1..].starts_with(['"', '\'']) => {
                (Token::Template(if rest[1..].starts_with('"') { '"' } else { '\'' }), 2)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let name = name(rest);
                (Token::Name(name), name.len())
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => {
                    let says = format!("`{first}` means nothing in a recipe");
                    return Err(Error::new(says, start..start + first.len_utf8())
                        .with_help("names are made of ASCII letters, digits and _")
                        .into());
                }
            },
        };
        self.at = start + length;
        Ok((token, Span::new(start, self.at)))
    }

    /// The words of a text up to `quote`, or in a template up to `{`; whichever it is, it is taken. Escapes are undone.
    pub(crate) fn words(&mut self, quote: char, template: bool) -> Parsed<(String, char)> {
        let begin = self.at;
        let mut words = String::new();
        while let Some(next) = self.char() {
            match next {
                _ if next == quote => return Ok((words, quote)),
                '{' if template => return Ok((words, '{')),
                '\\' => words.push(self.escape()?),
                other => words.push(other),
            }
        }
        Err(Error::new(format!("expected `{quote}` at the end of the text"), begin.saturating_sub(1)..begin)
            .with_help("the text that begins here is never closed")
            .into())
    }

    fn char(&mut self) -> Option<char> {
        let next = self.text[self.at..].chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn escape(&mut self) -> Parsed<char> {
        let start = self.at - 1;
        match self.char() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('v') => Ok('\u{b}'),
            Some('0') => Ok('\0'),
            Some('u') => self.code_point(start),
            Some(other) => Ok(other),
            None => Err(Error::new("expected a character after the backslash", start..self.at).into()),
        }
    }

    /// `XXXX`, `{X...}`, or two halves of a surrogate pair.
    fn code_point(&mut self, start: usize) -> Parsed<char> {
        let unit = match self.unit() {
            Some(high @ 0xd800..0xdc00) if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                let low = self.unit().filter(|low| (0xdc00..0xe000).contains(low));
                low.map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            }
            unit => unit,
        };
        unit.and_then(char::from_u32).ok_or_else(|| {
            Error::new("this is no character", start..self.at)
                .with_help(r"write `\u00e9` or `\u{1f600}`")
                .into()
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let rest = &self.text[self.at..];
        let (hex, length) = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}').map(|(hex, _)| (hex, hex.len() + 2))?,
            None => (rest.get(..4)?, 4),
        };
        let all_hex = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let unit = if all_hex { u32::from_str_radix(hex, 16).ok()? } else { return None };
        self.at += length;
        Some(unit)
    }
}

fn name(text: &str) -> &str {
    let part = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let end = text.bytes().position(|b| !part(b)).unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { "" } else { &text[..end] }
}

fn number(text: &str) -> (Token<'_>, usize) {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(0);
    if text[whole..].starts_with('.') {
        let fraction = digits(whole + 1);
        if fraction > 0 {
            let end = whole + 1 + fraction;
            return (Token::Decimal(&text[..end]), end);
        }
    }
    (Token::Int(&text[..whole]), whole)
}
