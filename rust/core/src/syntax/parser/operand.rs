//! Operands: literals, names, variables, calls, and what stands in brackets.

use super::{Parsed, Parser, Reported, advice, is_foreign_word};
use crate::bytecode::Scope;
use crate::bytecode::target::is_identifier;
use crate::error::Code;
use crate::span::Span;
use crate::suggest::nearest;
use crate::syntax::ast::{Argument, Expr, ExprKind, Literal, Name};
use crate::syntax::literal::{self, BadLiteral};
use crate::syntax::token::{Token, TokenKind};

/// What to write instead of a tuple.
const TUPLE_HELP: &str =
    "captured values are fields: `capture(a, b);`; `in` takes a list in square brackets";

impl Parser<'_> {
    /// Passes a dict or a set in braces and reports it. Where the braces are those of a body nothing is passed.
    fn braces(&mut self) -> Parsed<Expr> {
        let open = self.token().span;
        let rest = &self.tokens[self.next + 1..];
        let length = rest
            .iter()
            .take_while(|token| {
                !matches!(
                    token.kind,
                    TokenKind::RightBrace
                        | TokenKind::Semicolon
                        | TokenKind::Target
                        | TokenKind::End
                )
            })
            .count();
        let begins_body = rest[0].kind == TokenKind::Variable
            || matches!(self.text(rest[0].span), "capture" | "send");
        if begins_body || rest[length].kind != TokenKind::RightBrace {
            return Err(self.unexpected("an expression"));
        }
        self.foreign_syntax(
            "a dict or set in braces",
            "captured values are fields: `capture(name=…);`; `in` takes a list in square brackets",
        );
        self.next += length + 2;
        Ok(Expr::new(ExprKind::Wrong, open.to(self.last_span()), 0))
    }

    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let token = self.token();
        let span = token.span;
        let leaf = |literal| Ok(Expr::new(ExprKind::Literal(literal), span, 0));
        match token.kind {
            TokenKind::Name => self.name(token),
            TokenKind::Variable => self.variable(token),
            TokenKind::None => {
                self.advance();
                leaf(Literal::None)
            }
            TokenKind::True | TokenKind::False => {
                self.advance();
                leaf(Literal::Bool(token.kind == TokenKind::True))
            }
            TokenKind::Number => {
                self.advance();
                match literal::number(self.text(span)) {
                    Ok(literal) => leaf(literal),
                    Err(bad) => Ok(self.bad_literal(span, vec![bad])),
                }
            }
            TokenKind::String => {
                self.advance();
                let next = self.token();
                if next.kind == TokenKind::String && next.span.start == span.end {
                    return Ok(self.adjacent_strings(span));
                }
                match literal::string(self.text(span)) {
                    Ok(text) => leaf(Literal::Str(text)),
                    Err(bad) => Ok(self.bad_literal(span, bad)),
                }
            }
            TokenKind::LeftParenthesis => {
                self.advance();
                self.nested(|parser| parser.grouped(token))
            }
            TokenKind::LeftBracket => {
                self.advance();
                self.nested(|parser| parser.list(token))
            }
            TokenKind::LeftBrace if self.last_kind() == Some(TokenKind::DoubleSlash) => {
                self.reporter.error_with_help(
                    Code::UnclosedPredicate,
                    self.last_span(),
                    "`//` divides and does not close the predicate",
                    "a predicate ends in one `/` before the `{` of the body",
                );
                Err(Reported)
            }
            TokenKind::LeftBrace => self.braces(),
            _ => Err(self.unexpected("an expression")),
        }
    }

    /// Reports strings that touch: those in triple quotes look like that.
    fn adjacent_strings(&mut self, start: Span) -> Expr {
        while self.kind() == TokenKind::String && self.token().span.start == self.last_span().end {
            self.advance();
        }
        let span = start.to(self.last_span());
        self.reporter.error_with_help(
            Code::StringForm,
            span,
            "a string stands in one quote on either side",
            "write `\\n` for the end of a line",
        );
        Expr::new(ExprKind::Wrong, span, 0)
    }

    /// Reports what is wrong with a literal; the expression around it is still read.
    pub(super) fn bad_literal(&mut self, span: Span, bad: Vec<BadLiteral>) -> Expr {
        for BadLiteral {
            code,
            range,
            message,
            help,
        } in bad
        {
            let start = span.start as usize;
            let span = Span::new(&(start + range.start..start + range.end));
            match help {
                Some(help) => self.reporter.error_with_help(code, span, message, help),
                None => self.reporter.error(code, span, message),
            }
        }
        Expr::new(ExprKind::Wrong, span, 0)
    }

    /// The rest of `(…)`, of which the tree keeps the place alone.
    fn grouped(&mut self, open: Token) -> Parsed<Expr> {
        if self.kind() == TokenKind::RightParenthesis {
            return Err(self.foreign_syntax("an empty tuple", TUPLE_HELP));
        }
        let mut inner = self.expression()?;
        if self.kind() == TokenKind::Comma {
            return Err(self.foreign_syntax("a tuple", TUPLE_HELP));
        }
        let end = self.close(open, TokenKind::RightParenthesis, "`)` or an operator")?;
        inner.outer = open.span.to(end);
        Ok(inner)
    }

    /// The rest of `[…]`.
    fn list(&mut self, open: Token) -> Parsed<Expr> {
        let mut items = Vec::new();
        let mut height = 0;
        while self.kind() != TokenKind::RightBracket {
            let item = self.expression()?;
            height = height.max(item.height);
            items.push(item);
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        let end = self.close(open, TokenKind::RightBracket, "`,` or `]`")?;
        self.over(ExprKind::List(items), open.span.to(end), height)
    }

    fn name(&mut self, token: Token) -> Parsed<Expr> {
        let text = self.text(token.span);
        if is_foreign_word(text) {
            return Err(self.unexpected("an expression"));
        }
        self.advance();
        let next = self.token();
        let adjacent = next.span.start == token.span.end;
        if adjacent && next.kind == TokenKind::String {
            self.advance();
            self.reporter.error_with_help(
                Code::StringForm,
                token.span.to(next.span),
                format!("a string takes no prefix `{text}`"),
                advice::string_prefix(text),
            );
            return Ok(Expr::new(ExprKind::Wrong, token.span.to(next.span), 0));
        }
        if next.kind == TokenKind::LeftParenthesis {
            self.advance();
            let (arguments, end) = self.nested(|parser| parser.arguments(next))?;
            let height = arguments.iter().map(|argument| argument.value.height).max();
            let name = Name {
                text: text.to_owned(),
                span: token.span,
            };
            let span = token.span.to(end);
            return self.over(ExprKind::Call(name, arguments), span, height.unwrap_or(0));
        }
        Ok(Expr::new(ExprKind::Name(text.to_owned()), token.span, 0))
    }

    /// The rest of `(…)` of a call, and the closing bracket's span.
    pub(super) fn arguments(&mut self, open: Token) -> Parsed<(Vec<Argument>, Span)> {
        let mut arguments = Vec::new();
        while self.kind() != TokenKind::RightParenthesis {
            let token = self.token();
            let named = token.kind == TokenKind::Name && self.following().kind == TokenKind::Assign;
            let name = named.then(|| {
                self.advance();
                self.advance();
                Name {
                    text: self.text(token.span).to_owned(),
                    span: token.span,
                }
            });
            let value = self.expression()?;
            arguments.push(Argument { name, value });
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        let end = self.close(open, TokenKind::RightParenthesis, "`,` or `)`")?;
        Ok((arguments, end))
    }

    /// What `$req["name"]` was meant to be, if that is what stands here.
    fn variable_help(&self, scope: &str) -> Option<String> {
        let key = self.following();
        let is_key = self.kind() == TokenKind::LeftBracket && key.kind == TokenKind::String;
        let name = self.text(key.span).trim_matches(['"', '\'']);
        (is_key && is_identifier(name)).then(|| format!("write `{scope}.{name}`"))
    }

    fn variable(&mut self, token: Token) -> Parsed<Expr> {
        const HELP: &str = "write `$req.name` or `$call.name`";
        self.advance();
        let text = self.text(token.span);
        let scope = match text {
            "$req" | "$request" => Ok(Scope::Request),
            "$call" => Ok(Scope::Call),
            _ => Err(Reported),
        };
        if scope.is_err() {
            let bare = text.trim_start_matches('$');
            let help = match nearest(text, ["$req", "$request", "$call"]) {
                Some(known) => format!("did you mean `{known}`?"),
                None if bare.is_empty() => HELP.to_owned(),
                None if bare.bytes().all(|byte| byte.is_ascii_digit()) => {
                    "positional arguments are `arg0`, `arg1`, …".to_owned()
                }
                None => format!("write `$req.{bare}` or `$call.{bare}`"),
            };
            let message = format!("there is no scope `{text}`");
            self.reporter
                .error_with_help(Code::UnknownScope, token.span, message, help);
            // `$user` alone was meant as a variable; what follows is read on.
            if self.kind() != TokenKind::Dot {
                return Ok(Expr::new(ExprKind::Wrong, token.span, 0));
            }
        }
        if self.kind() != TokenKind::Dot {
            self.reporter.error_with_help(
                Code::UnknownScope,
                token.span,
                format!("`{text}` alone has no value"),
                self.variable_help(text).unwrap_or_else(|| HELP.to_owned()),
            );
            return Ok(Expr::new(ExprKind::Wrong, token.span, 0));
        }
        self.advance();
        let name = self.attribute_name()?;
        let span = token.span.to(name.span);
        let kind = scope.map_or(ExprKind::Wrong, |scope| ExprKind::Variable(scope, name));
        Ok(Expr::new(kind, span, 0))
    }
}
