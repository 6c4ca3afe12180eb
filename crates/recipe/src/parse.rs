//! Tokens to a syntax tree: recursion for what is inside brackets, a stack of operators for what is beside each other.

mod literal;
mod postfix;

use crate::{
    Error,
    ast::{BINARY, Binary, DEPTH_MAX, Kind, Node, Unary, too_deep},
    lex::{Lexer, Span, Token},
};

/// How long a recipe may be.
const BYTES_MAX: usize = 1 << 20;

/// What no field after a dot and no bare name may be.
const RESERVED: &[&str] = &["null", "true", "false", "match", "default"];

/// A whole recipe.
pub(crate) fn parse(text: &str) -> Result<Node, Error> {
    let mut parser = Parser::new(text)?;
    let node = parser.expression()?;
    match parser.token {
        Token::End => Ok(node),
        Token::Sign("(") => Err(parser
            .expected("the end of the recipe")
            .with_help("what is called is a plain name or a method: `f(a)` or `x.f(a)`")),
        Token::Sign(sign @ ("=" | "===" | "!==")) => {
            let help = format!("to compare, write `{}`", if sign == "!==" { "!=" } else { "==" });
            Err(parser.expected("an operator or the end of the recipe").with_help(help))
        }
        _ => Err(parser.expected("an operator or the end of the recipe")),
    }
}

/// The recipe before an unmatched `}`, and the place of that.
pub(crate) fn parse_embedded(text: &str) -> Result<(Node, usize), Error> {
    let mut parser = Parser::new(text)?;
    let node = parser.expression()?;
    match parser.token {
        Token::Sign("}") => Ok((node, parser.span.start as usize)),
        _ => Err(parser.expected("an operator or `}`")),
    }
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    /// The token that is looked at, and where it stands.
    token: Token<'s>,
    span: Span,
    /// Where the token before ended.
    before: u32,
    depth: u16,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str) -> Result<Parser<'s>, Error> {
        if text.len() > BYTES_MAX {
            return Err(Error::new("the recipe is longer than 1 MiB", 0..0));
        }
        let mut lexer = Lexer { text, at: 0 };
        let (token, span) = lexer.next()?;
        Ok(Parser { lexer, token, span, before: 0, depth: 0 })
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.before = self.span.end;
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    /// Takes the sign if it is next.
    fn eat(&mut self, sign: &str) -> Result<bool, Error> {
        let is_next = self.at(sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn at(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(next) if next == sign)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.eat(sign)? { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.token {
            Token::End => "the end of the recipe".to_owned(),
            Token::Text(_) | Token::Template(_) => "a text".to_owned(),
            Token::Int(number) | Token::Decimal(number) => format!("`{number}`"),
            Token::Name(name) => format!("`{name}`"),
            Token::Var(name) => format!("`${name}`"),
            Token::Sign(sign) => format!("`{sign}`"),
        };
        Error::new(format!("expected {what}, found {found}"), self.span.into())
    }

    /// From `start` to what was taken last.
    fn since(&self, start: Span) -> Span {
        Span { start: start.start, end: self.before }
    }

    /// Goes a level down.
    fn nested<T>(&mut self, inside: fn(&mut Parser<'s>) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == DEPTH_MAX {
            return Err(too_deep(self.span));
        }
        self.depth += 1;
        let done = inside(self);
        self.depth -= 1;
        done
    }

    fn expression(&mut self) -> Result<Node, Error> {
        self.nested(Parser::choice)
    }

    fn choice(&mut self) -> Result<Node, Error> {
        let start = self.span;
        let condition = self.binary()?;
        if !self.eat("?")? {
            return Ok(condition);
        }
        let then = self.expression()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        Node::new(Kind::Choice(Box::new([condition, then, otherwise])), self.since(start))
    }

    fn binary(&mut self) -> Result<Node, Error> {
        let first = self.unary()?;
        let Some(op) = self.operator() else { return Ok(first) };
        self.operators(first, op)
    }

    /// Operands and operators that wait for a looser one.
    fn operators(&mut self, first: Node, mut op: Binary) -> Result<Node, Error> {
        let mut operands = vec![first];
        let mut waiting: Vec<Binary> = Vec::new();
        loop {
            let level = op.level();
            let binds = |top: &Binary| top.level() > level || top.level() == level && op != Binary::Power;
            while let Some(top) = waiting.pop_if(|top| binds(top)) {
                join(&mut operands, top)?;
            }
            waiting.push(op);
            self.advance()?;
            operands.push(self.unary()?);
            match self.operator() {
                Some(next) => op = next,
                None => break,
            }
        }
        while let Some(top) = waiting.pop() {
            join(&mut operands, top)?;
        }
        operands.pop().ok_or_else(|| self.expected("an expression"))
    }

    fn operator(&self) -> Option<Binary> {
        let Token::Sign(sign) = self.token else { return None };
        BINARY.iter().find(|row| row.0 == sign).map(|row| row.1)
    }

    fn unary(&mut self) -> Result<Node, Error> {
        let mut signs = Vec::new();
        while let Token::Sign(sign @ ("!" | "-" | "+")) = self.token {
            let op = match sign {
                "!" => Unary::Not,
                "-" => Unary::Minus,
                _ => Unary::Plus,
            };
            signs.push((op, self.span));
            self.advance()?;
        }
        let mut node = self.postfix()?;
        while let Some((op, span)) = signs.pop() {
            let span = span.to(node.span);
            node = Node::new(Kind::Unary(op, Box::new(node)), span)?;
        }
        Ok(node)
    }

    /// Items up to `end`, which is taken. No comma may stand at the end.
    fn items<T>(
        &mut self,
        end: &str,
        mut item: impl FnMut(&mut Parser<'s>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        if self.eat(end)? {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(end)? {
                return Ok(items);
            }
            if !self.eat(",")? {
                return Err(self.expected(&format!("`,` or `{end}`")));
            }
            if self.at(end) {
                return Err(self.expected("an expression").with_help("take the comma before it away"));
            }
        }
    }
}

/// The two last operands become one. A row of operators of one level becomes one node.
fn join(operands: &mut Vec<Node>, op: Binary) -> Result<(), Error> {
    let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return Ok(()) };
    let span = left.span.to(right.span);
    let row = |rest: &[(Binary, Node)]| {
        op != Binary::Power && rest.first().is_some_and(|(first, _)| first.level() == op.level())
    };
    let (first, mut rest, height) = match left {
        Node { kind: Kind::Chain(first, rest), height, .. } if row(&rest) => (first, rest, height),
        left => {
            let height = left.height + 1;
            (Box::new(left), Vec::with_capacity(1), height)
        }
    };
    let height = height.max(right.height + 1);
    rest.push((op, right));
    if height > DEPTH_MAX {
        return Err(too_deep(span));
    }
    operands.push(Node { kind: Kind::Chain(first, rest), span, height });
    Ok(())
}
