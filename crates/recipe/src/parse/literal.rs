//! Texts, templates, lists, objects and match.

use super::Parser;
use crate::{
    Error, Value,
    ast::{Arm, Entry, Kind, Node, Parsed, Part},
    lex::Token,
};

impl Parser<'_> {
    pub(super) fn text(&mut self, quote: char) -> Parsed<Kind> {
        let (words, _) = self.lexer.words(quote, false)?;
        self.take_words()?;
        Ok(Kind::Literal(words.into()))
    }

    /// Goes on behind words that the lexer read for us.
    fn take_words(&mut self) -> Parsed<()> {
        self.span.end = self.lexer.at as u32;
        self.advance()
    }

    pub(super) fn template(&mut self, quote: char) -> Parsed {
        let start = self.span;
        let mut parts = Vec::new();
        loop {
            let (words, end) = self.lexer.words(quote, true)?;
            if !words.is_empty() {
                parts.push(Part::Words(words.into()));
            }
            self.take_words()?;
            if end == quote {
                return Node::new(Kind::Template(parts), self.since(start));
            }
            parts.push(Part::Of(*self.expression()?));
            if !self.at("}") {
                return Err(self.expected("`}` at the end of what the text holds").into());
            }
            // The words go on right behind the bracket, which is the last token that was read.
            self.lexer.at = self.span.end as usize;
        }
    }

    pub(super) fn list(&mut self) -> Parsed {
        let start = self.span;
        self.advance()?;
        let items = self.items("]", |parser| {
            let item = if parser.at("...") { parser.spread() } else { parser.expression() };
            item.map(|item| *item)
        })?;
        Node::new(Kind::List(items), self.since(start))
    }

    pub(super) fn spread(&mut self) -> Parsed {
        let start = self.span;
        self.advance()?;
        let of = self.expression()?;
        Node::new(Kind::Spread(of), self.since(start))
    }

    pub(super) fn object(&mut self) -> Parsed {
        let start = self.span;
        self.advance()?;
        let entries = self.items("}", Parser::entry)?;
        Node::new(Kind::Object(entries), self.since(start))
    }

    fn entry(&mut self) -> Parsed<Entry> {
        if self.at("...") {
            return Ok(Entry::Spread(*self.spread()?));
        }
        // A bare name is that name; in brackets it is the field of that name.
        let in_brackets = self.at("(");
        let key = self.expression()?;
        self.expect(":")?;
        let value = self.expression()?;
        Ok(entry(*key, *value, in_brackets))
    }

    pub(super) fn matching(&mut self) -> Parsed {
        let start = self.span;
        self.advance()?;
        self.expect("(")?;
        let of = self.expression()?;
        self.expect(")")?;
        self.expect("{")?;
        let arms = self.items("}", Parser::arm)?;
        if arms.iter().filter(|arm| arm.when.is_none()).count() > 1 {
            return Err(Error::new("the match has two defaults", self.since(start).into()).into());
        }
        Node::new(Kind::Match(of, arms), self.since(start))
    }

    fn arm(&mut self) -> Parsed<Arm> {
        if self.at(":") {
            return Err(self.expected("a value or `default`").into());
        }
        let when = if self.token == Token::Name("default") {
            self.advance()?;
            self.expect(":")?;
            None
        } else {
            Some(self.nodes(":")?)
        };
        Ok(Arm { when, then: *self.expression()? })
    }
}

fn entry(key: Node, value: Node, in_brackets: bool) -> Entry {
    match key.kind {
        Kind::Name(name) if !in_brackets => Entry::Field(name, value),
        Kind::Literal(Value::Text(name)) => Entry::Field(name.shared().clone(), value),
        _ => Entry::Computed(key, value),
    }
}
