//! Tokens to a syntax tree: recursion for what is inside brackets, a stack of operators for what is beside each other.

mod literal;
mod postfix;

use crate::{
    Error, Value,
    ast::{BINARY, Binary, DEPTH_MAX, Kind, Node, Parsed, Unary, too_deep},
    lex::{Lexer, Span, Token},
};

/// How long a recipe may be.
const BYTES_MAX: usize = 1 << 20;

/// What the smallest whole number is without its sign.
const LEAST: &str = "9223372036854775808";

/// What no field after a dot and no bare name may be.
const RESERVED: &[&str] = &["null", "true", "false", "match", "default"];

/// A whole recipe.
pub(crate) fn parse(text: &str) -> Parsed {
    whole(Parser::new(text)?)
}

/// A whole recipe that calls what it likes with what it likes.
pub(crate) fn parse_any(text: &str) -> Parsed {
    whole(Parser { any: true, ..Parser::new(text)? })
}

fn whole(mut parser: Parser<'_>) -> Parsed {
    let node = parser.expression()?;
    match parser.token {
        Token::End => Ok(node),
        Token::Sign("(") => Err(parser
            .expected("the end of the recipe")
            .with_help("what is called is a plain name or a method: `f(a)` or `x.f(a)`")
            .into()),
        Token::Sign(sign @ ("=" | "===" | "!==")) => {
            let help = format!("to compare, write `{}`", if sign == "!==" { "!=" } else { "==" });
            Err(parser.expected("an operator or the end of the recipe").with_help(help).into())
        }
        _ => Err(parser.expected("an operator or the end of the recipe").into()),
    }
}

/// The recipe before an unmatched `}`, and the place of that.
pub(crate) fn parse_embedded(text: &str) -> Parsed<(Box<Node>, usize)> {
    let mut parser = Parser::new(text)?;
    let node = parser.expression()?;
    match parser.token {
        Token::Sign("}") => Ok((node, parser.span.start as usize)),
        _ => Err(parser.expected("an operator or `}`").into()),
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
    /// Only the syntax is wanted: any name and any arguments will do.
    any: bool,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str) -> Parsed<Parser<'s>> {
        if text.len() > BYTES_MAX {
            return Err(Error::new("the recipe is longer than 1 MiB", 0..0).into());
        }
        let mut lexer = Lexer { text, at: 0 };
        let (token, span) = lexer.next()?;
        Ok(Parser { lexer, token, span, before: 0, depth: 0, any: false })
    }

    fn advance(&mut self) -> Parsed<()> {
        self.before = self.span.end;
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    /// Takes the sign if it is next.
    fn eat(&mut self, sign: &str) -> Parsed<bool> {
        let is_next = self.at(sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn at(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(next) if next == sign)
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.eat(sign)? { Ok(()) } else { Err(self.expected(&format!("`{sign}`")).into()) }
    }

    #[cold]
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

    /// An expression, a level down.
    fn expression(&mut self) -> Parsed {
        if self.depth == DEPTH_MAX {
            return Err(too_deep(self.span));
        }
        self.depth += 1;
        let start = self.span;
        let node = self.binary()?;
        let node = if self.at("?") { self.choice(start, node)? } else { node };
        self.depth -= 1;
        Ok(node)
    }

    fn choice(&mut self, start: Span, condition: Box<Node>) -> Parsed {
        self.advance()?;
        let then = self.expression()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        Node::new(Kind::Choice(condition, then, otherwise), self.since(start))
    }

    fn binary(&mut self) -> Parsed {
        let first = self.unary()?;
        let Some(op) = self.operator() else { return Ok(first) };
        self.operators(vec![*first], op)
    }

    /// Operands and operators that wait for a looser one.
    fn operators(&mut self, mut operands: Vec<Node>, mut op: Binary) -> Parsed {
        let mut waiting: Vec<Binary> = Vec::new();
        loop {
            let level = op.level();
            let binds = |top: &Binary| top.level() > level || top.level() == level && op != Binary::Power;
            while let Some(top) = waiting.pop_if(|top| binds(top)) {
                join(&mut operands, top)?;
            }
            waiting.push(op);
            self.advance()?;
            operands.push(*self.unary()?);
            match self.operator() {
                Some(next) => op = next,
                None => break,
            }
        }
        while let Some(top) = waiting.pop() {
            join(&mut operands, top)?;
        }
        operands.pop().map(Box::new).ok_or_else(|| self.expected("an expression").into())
    }

    fn operator(&self) -> Option<Binary> {
        let Token::Sign(sign) = self.token else { return None };
        BINARY.iter().find(|row| row.0 == sign).map(|row| row.1)
    }

    fn unary(&mut self) -> Parsed {
        let Some(first) = self.sign() else { return self.postfix() };
        let mut signs = Vec::new();
        let mut next = Some(first);
        while let Some(op) = next {
            signs.push((op, self.span));
            self.advance()?;
            next = self.sign();
        }
        let mut node = match (signs.last(), self.token) {
            // The smallest whole number is written as a minus and one that is too large.
            (Some((Unary::Minus, minus)), Token::Int(digits)) if digits.trim_start_matches('0') == LEAST => {
                let (minus, node) = (*minus, self.postfix()?);
                if matches!(node.kind, Kind::Literal(_)) {
                    signs.pop();
                    Node::new(Kind::Literal(Value::Int(i64::MIN)), minus.to(node.span))?
                } else {
                    node
                }
            }
            _ => self.postfix()?,
        };
        while let Some((op, span)) = signs.pop() {
            let span = span.to(node.span);
            node = Node::new(Kind::Unary(op, node), span)?;
        }
        Ok(node)
    }

    fn sign(&self) -> Option<Unary> {
        match self.token {
            Token::Sign("!") => Some(Unary::Not),
            Token::Sign("-") => Some(Unary::Minus),
            Token::Sign("+") => Some(Unary::Plus),
            _ => None,
        }
    }

    /// Items up to `end`, which is taken. No comma may stand at the end.
    fn items<T>(&mut self, end: &str, item: fn(&mut Parser<'s>) -> Parsed<T>) -> Parsed<Vec<T>> {
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
                return Err(self.expected(&format!("`,` or `{end}`")).into());
            }
            if self.at(end) {
                return Err(self.expected("an expression").with_help("take the comma before it away").into());
            }
        }
    }
}

/// The two last operands become one. A row of operators of one level becomes one node.
fn join(operands: &mut Vec<Node>, op: Binary) -> Parsed<()> {
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
