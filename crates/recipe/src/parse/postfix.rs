//! What stands alone (names, literals, brackets, calls), and what follows it: fields, indices, methods.

use std::sync::Arc;

use super::{Parser, RESERVED};
use crate::{
    Error, Value,
    ast::{Kind, Node, Parsed},
    functions::{self, Function},
    lex::{Span, Token},
};

impl Parser<'_> {
    pub(super) fn postfix(&mut self) -> Parsed {
        let mut node = self.primary()?;
        loop {
            node = match self.token {
                Token::Sign(".") => self.member(node)?,
                Token::Sign("[") => self.index(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn member(&mut self, of: Box<Node>) -> Parsed {
        self.advance()?;
        let (name, span) = (self.token, self.span);
        let Token::Name(name) = name else {
            let help = match name {
                Token::Int(_) => "an item of a list is written `list[0]`",
                _ => "a field whose name is no plain one is written `[\"the name\"]`",
            };
            return Err(self.expected("the name of a field or a method").with_help(help).into());
        };
        if RESERVED.contains(&name) {
            let error = Error::new(format!("`{name}` is no field name after a dot"), span.into());
            return Err(error.with_help(format!("write `[\"{name}\"]`")).into());
        }
        self.advance()?;
        let start = of.span;
        if self.at("(") {
            let kind = match functions::find(name) {
                Some(function) => Kind::Method(function, self.arguments(function, span, Some(of))?),
                None if self.any => Kind::Unknown(name.into(), Some(of), self.any_arguments()?),
                None => return Err(unknown("method", name, span)),
            };
            return Node::new(kind, self.since(start));
        }
        Node::new(Kind::Member(of, name.into()), self.since(start))
    }

    fn index(&mut self, of: Box<Node>) -> Parsed {
        self.advance()?;
        let start = of.span;
        let kind = if self.eat("*")? { Kind::Wildcard(of) } else { Kind::Index(of, self.expression()?) };
        self.expect("]")?;
        Node::new(kind, self.since(start))
    }

    /// The arguments in brackets, `of` before them, as the function takes them.
    fn arguments(
        &mut self,
        function: &'static Function,
        span: Span,
        of: Option<Box<Node>>,
    ) -> Parsed<Vec<Node>> {
        let is_method = of.is_some();
        let mut args = if self.any {
            self.any_arguments()?
        } else {
            self.advance()?;
            self.nodes(")")?
        };
        if let Some(of) = of {
            args.insert(0, *of);
        }
        if !self.any {
            check(function, &args, is_method, span)?;
        }
        Ok(args)
    }

    /// Whatever stands in brackets.
    fn any_arguments(&mut self) -> Parsed<Vec<Node>> {
        self.advance()?;
        self.items(")", |parser| {
            let item = if parser.at("...") { parser.spread() } else { parser.expression() };
            item.map(|item| *item)
        })
    }

    /// Expressions up to `end`.
    pub(super) fn nodes(&mut self, end: &str) -> Parsed<Vec<Node>> {
        self.items(end, |parser| parser.expression().map(|node| *node))
    }

    fn primary(&mut self) -> Parsed {
        match self.token {
            Token::Name(name) => self.name(name),
            Token::Sign("(") => self.parenthesis(),
            Token::Sign("[") => self.list(),
            Token::Sign("{") => self.object(),
            Token::Template(quote) => self.template(quote),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Parsed {
        let start = self.span;
        let kind = match self.token {
            Token::Int(digits) => {
                let value = match digits.parse() {
                    Ok(n) => Value::Int(n),
                    Err(_) => self.double(digits)?,
                };
                self.take(Kind::Literal(value))?
            }
            Token::Decimal(digits) => {
                let value = self.double(digits)?;
                self.take(Kind::Literal(value))?
            }
            Token::Var(name) => self.take(Kind::Var(name.into()))?,
            Token::Text(quote) => self.text(quote)?,
            Token::Sign("...") => {
                let error = self.expected("an expression").with_help("`...` stands in a list or an object");
                return Err(error.into());
            }
            _ => return Err(self.expected("an expression").into()),
        };
        Node::new(kind, self.since(start))
    }

    fn double(&self, digits: &str) -> Parsed<Value> {
        match Value::from(digits.parse::<f64>().ok()) {
            Value::Null => Err(Error::new("the number is too large for a double", self.span.into()).into()),
            value => Ok(value),
        }
    }

    fn take(&mut self, kind: Kind) -> Parsed<Kind> {
        self.advance()?;
        Ok(kind)
    }

    fn name(&mut self, name: &str) -> Parsed {
        let start = self.span;
        let kind = match name {
            "null" => Kind::Literal(Value::Null),
            "true" => Kind::Literal(true.into()),
            "false" => Kind::Literal(false.into()),
            "this" => Kind::This,
            "match" => return self.matching(),
            "default" => {
                let error = self.expected("an expression").with_help("`default` stands in a match");
                return Err(error.into());
            }
            name => return self.named(name, start),
        };
        self.advance()?;
        Node::new(kind, start)
    }

    fn named(&mut self, name: &str, start: Span) -> Parsed {
        self.advance()?;
        if self.at("=>") {
            return self.lambda(start, vec![name.into()]);
        }
        if !self.at("(") {
            return Node::new(Kind::Name(name.into()), start);
        }
        let kind = match functions::find(name) {
            Some(function) => Kind::Call(function, self.arguments(function, start, None)?),
            None if self.any => Kind::Unknown(name.into(), None, self.any_arguments()?),
            None => return Err(unknown("function", name, start)),
        };
        Node::new(kind, self.since(start))
    }

    /// `(e)`, or the parameters of a lambda.
    fn parenthesis(&mut self) -> Parsed {
        let start = self.span;
        if let Some(params) = self.params()? {
            return self.lambda(start, params);
        }
        self.advance()?;
        let inside = self.expression()?;
        self.expect(")")?;
        Ok(inside)
    }

    /// `(a, b)` if `=>` follows, which then is next.
    fn params(&mut self) -> Parsed<Option<Vec<Arc<str>>>> {
        let mut ahead = self.lexer;
        let mut params = Vec::new();
        loop {
            let next = ahead.next().map(|(token, _)| token);
            match next {
                Ok(Token::Name(name)) => params.push(name.into()),
                Ok(Token::Sign(")")) if params.is_empty() => {}
                _ => return Ok(None),
            }
            let end = if params.is_empty() { next } else { ahead.next().map(|(token, _)| token) };
            match end {
                Ok(Token::Sign(",")) => {}
                Ok(Token::Sign(")")) => {
                    let behind = ahead;
                    if !matches!(ahead.next(), Ok((Token::Sign("=>"), _))) {
                        return Ok(None);
                    }
                    self.lexer = behind;
                    self.advance()?;
                    return Ok(Some(params));
                }
                _ => return Ok(None),
            }
        }
    }

    fn lambda(&mut self, start: Span, params: Vec<Arc<str>>) -> Parsed {
        check_params(&params, start)?;
        self.advance()?;
        let body = self.expression()?;
        Node::new(Kind::Lambda(params, body), self.since(start))
    }
}

/// Whether the function takes such arguments.
fn check(function: &Function, args: &[Node], is_method: bool, span: Span) -> Parsed<()> {
    let wrong = |says: String, span: Span| {
        let help = format!("it is written `{}`", function.usage);
        Err(Box::new(Error::new(says, span.into()).with_help(help)))
    };
    let (least, most) = function.takes;
    if args.len() < least.into() || args.len() > most.into() {
        return wrong(function.arity_says(args.len(), is_method), span);
    }
    let lambda =
        |(at, arg): &(usize, &Node)| matches!(arg.kind, Kind::Lambda(..)) && function.lambda != Some(*at);
    match args.iter().enumerate().find(lambda) {
        Some((_, arg)) => wrong(format!("`{}` takes no lambda here", function.name), arg.span),
        None => Ok(()),
    }
}

/// More arguments than any function gives a lambda.
const PARAMS_MAX: usize = 8;

fn check_params(params: &[Arc<str>], span: Span) -> Parsed<()> {
    let wrong = |says: String| Err(Box::new(Error::new(says, span.into())));
    if params.len() > PARAMS_MAX {
        return wrong(format!("a lambda takes at most {PARAMS_MAX} parameters, not {}", params.len()));
    }
    for (at, name) in params.iter().enumerate() {
        if RESERVED.contains(&&**name) || &**name == "this" {
            return wrong(format!("`{name}` is no name of a parameter"));
        }
        if params[..at].contains(name) {
            return wrong(format!("the parameter `{name}` stands twice"));
        }
    }
    Ok(())
}

#[cold]
fn unknown(what: &str, name: &str, span: Span) -> Box<Error> {
    let error = Error::new(format!("there is no {what} `{name}`"), span.into());
    Box::new(match functions::nearest(name) {
        Some(near) => error.with_help(format!("is `{near}` meant?")),
        None => error,
    })
}
