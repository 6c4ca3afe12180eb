//! What stands alone (names, literals, brackets, calls), and what follows it: fields, indices, methods.

use std::sync::Arc;

use super::{Parser, RESERVED};
use crate::{
    Error, Value,
    ast::{Kind, Node},
    functions::{self, Function},
    lex::{Span, Token},
};

impl Parser<'_> {
    pub(super) fn postfix(&mut self) -> Result<Node, Error> {
        let mut node = self.primary()?;
        loop {
            node = match self.token {
                Token::Sign(".") => self.member(node)?,
                Token::Sign("[") => self.index(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn member(&mut self, of: Node) -> Result<Node, Error> {
        self.advance()?;
        let (name, span) = (self.token, self.span);
        let Token::Name(name) = name else {
            let help = match name {
                Token::Int(_) => "an item of a list is written `list[0]`",
                _ => "a field whose name is no plain one is written `[\"the name\"]`",
            };
            return Err(self.expected("the name of a field or a method").with_help(help));
        };
        if RESERVED.contains(&name) {
            let error = Error::new(format!("`{name}` is no field name after a dot"), span.into());
            return Err(error.with_help(format!("write `[\"{name}\"]`")));
        }
        self.advance()?;
        let start = of.span;
        if self.at("(") {
            let function = functions::find(name).ok_or_else(|| unknown("method", name, span))?;
            let args = self.arguments(function, span, Some(of))?;
            return Node::new(Kind::Method(function, args), self.since(start));
        }
        Node::new(Kind::Member(Box::new(of), name.into()), self.since(start))
    }

    fn index(&mut self, of: Node) -> Result<Node, Error> {
        self.advance()?;
        let start = of.span;
        let kind = if self.eat("*")? {
            Kind::Wildcard(Box::new(of))
        } else {
            Kind::Index(Box::new([of, self.expression()?]))
        };
        self.expect("]")?;
        Node::new(kind, self.since(start))
    }

    /// The arguments in brackets, `of` before them, as the function takes them.
    fn arguments(
        &mut self,
        function: &'static Function,
        span: Span,
        of: Option<Node>,
    ) -> Result<Vec<Node>, Error> {
        self.advance()?;
        let is_method = of.is_some();
        let rest = self.items(")", Parser::expression)?;
        let args: Vec<Node> = of.into_iter().chain(rest).collect();
        let (least, most) = function.takes;
        if args.len() < least.into() || args.len() > most.into() {
            let error = Error::new(function.arity_says(args.len(), is_method), span.into());
            return Err(error.with_help(format!("it is written `{}`", function.usage)));
        }
        let lambda =
            |(at, arg): &(usize, &Node)| matches!(arg.kind, Kind::Lambda(..)) && function.lambda != Some(*at);
        match args.iter().enumerate().find(lambda) {
            Some((_, arg)) => {
                let says = format!("`{}` takes no lambda here", function.name);
                let help = format!("it is written `{}`", function.usage);
                Err(Error::new(says, arg.span.into()).with_help(help))
            }
            None => Ok(args),
        }
    }

    fn primary(&mut self) -> Result<Node, Error> {
        let start = self.span;
        let kind = match self.token {
            Token::Int(digits) => self.take(Kind::Literal(
                digits.parse().map_or_else(|_| Value::from(digits.parse::<f64>().ok()), Value::Int),
            ))?,
            Token::Decimal(digits) => self.take(Kind::Literal(digits.parse::<f64>().ok().into()))?,
            Token::Var(name) => self.take(Kind::Var(name.into()))?,
            Token::Name(name) => return self.name(name),
            Token::Text(quote) => self.text(quote)?,
            Token::Template(quote) => return self.template(quote),
            Token::Sign("(") => return self.parenthesis(),
            Token::Sign("[") => return self.list(),
            Token::Sign("{") => return self.object(),
            Token::Sign("...") => {
                return Err(self.expected("an expression").with_help("`...` stands in a list or an object"));
            }
            _ => return Err(self.expected("an expression")),
        };
        Node::new(kind, self.since(start))
    }

    pub(super) fn take(&mut self, kind: Kind) -> Result<Kind, Error> {
        self.advance()?;
        Ok(kind)
    }

    fn name(&mut self, name: &str) -> Result<Node, Error> {
        let start = self.span;
        let kind = match name {
            "null" => Kind::Literal(Value::Null),
            "true" => Kind::Literal(true.into()),
            "false" => Kind::Literal(false.into()),
            "this" => Kind::This,
            "match" => return self.matching(),
            "default" => {
                return Err(self.expected("an expression").with_help("`default` stands in a match"));
            }
            name => {
                self.advance()?;
                if self.at("=>") {
                    return self.lambda(start, vec![name.into()]);
                }
                if self.at("(") && name != "this" {
                    let function = functions::find(name).ok_or_else(|| unknown("function", name, start))?;
                    let args = self.arguments(function, start, None)?;
                    return Node::new(Kind::Call(function, args), self.since(start));
                }
                return Node::new(Kind::Name(name.into()), start);
            }
        };
        let kind = self.take(kind)?;
        Node::new(kind, start)
    }

    /// `(e)`, or the parameters of a lambda.
    fn parenthesis(&mut self) -> Result<Node, Error> {
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
    fn params(&mut self) -> Result<Option<Vec<Arc<str>>>, Error> {
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

    fn lambda(&mut self, start: Span, params: Vec<Arc<str>>) -> Result<Node, Error> {
        let wrong = |says: String| Err(Error::new(says, start.into()));
        for (at, name) in params.iter().enumerate() {
            if RESERVED.contains(&&**name) || &**name == "this" {
                return wrong(format!("`{name}` is no name of a parameter"));
            }
            if params[..at].contains(name) {
                return wrong(format!("the parameter `{name}` stands twice"));
            }
        }
        self.advance()?;
        let body = self.expression()?;
        Node::new(Kind::Lambda(params, Box::new(body)), self.since(start))
    }
}

fn unknown(what: &str, name: &str, span: Span) -> Error {
    let error = Error::new(format!("there is no {what} `{name}`"), span.into());
    match functions::nearest(name) {
        Some(near) => error.with_help(format!("is `{near}` meant?")),
        None => error,
    }
}
