//! Statements: assignments, captures, directives, and what is reserved for later.

use super::expression::is_reported;
use super::{Parsed, Parser, Reported, advice, shortened};
use crate::bytecode::CompareOp;
use crate::error::Code;
use crate::span::Span;
use crate::syntax::ast::{Expr, ExprKind, Field, Literal, Name, Share, Statement, Test};
use crate::syntax::literal;
use crate::syntax::token::{Token, TokenKind};

impl Parser<'_> {
    /// One statement with its `;`. Behind an error the place is at the next statement.
    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        let start = self.next;
        let parsed = self.unended_statement().and_then(|statement| {
            self.end_of_statement()?;
            Ok(statement)
        });
        if parsed.is_err() {
            self.skip_statement(start);
        }
        parsed
    }

    fn unended_statement(&mut self) -> Parsed<Statement> {
        let first = self.token();
        let text = self.text(first.span);
        match first.kind {
            TokenKind::Name if matches!(text, "capture" | "send") => {
                self.advance();
                return self.capture(first.span);
            }
            TokenKind::Name if text == "sample" && self.begins_sample() => {
                self.advance();
                return self.sample(first.span);
            }
            TokenKind::Name => {
                if let Some(what) = self.reserved_statement(text) {
                    let end = self.statement_end();
                    self.not_available(first.span.to(end), what);
                    return Err(Reported);
                }
                if let Some(help) = advice::foreign_statement(text) {
                    let message = format!("there is no statement `{text}`");
                    self.reporter
                        .error_with_help(Code::ForeignSyntax, first.span, message, help);
                    return Err(Reported);
                }
                let next = self.following();
                if matches!(text, "let" | "var" | "const" | "val" | "local" | "auto")
                    && next.kind == TokenKind::Name
                {
                    let name = self.text(next.span);
                    self.reporter.error_with_help(
                        Code::ForeignSyntax,
                        first.span,
                        format!("there is no declaration `{text}`"),
                        format!("set a variable of the call, `$call.{name} = …;`, or of the request, `$req.{name} = …;`"),
                    );
                    return Err(Reported);
                }
            }
            TokenKind::At => {
                let end = self.statement_end();
                self.not_available(first.span.to(end), "an aggregation");
                return Err(Reported);
            }
            TokenKind::Semicolon => {
                self.reporter.error(
                    Code::NotAStatement,
                    first.span,
                    "there is no statement before this `;`",
                );
                return Err(Reported);
            }
            _ => {}
        }
        let left = self.expression()?;
        match self.kind() {
            TokenKind::Assign => {
                self.advance();
                self.assignment(left)
            }
            TokenKind::CompoundAssign => {
                self.foreign_operator();
                Err(Reported)
            }
            _ => Err(self.not_a_statement(&left)),
        }
    }

    /// What a word that is reserved for later begins here, if it does.
    fn reserved_statement(&self, word: &str) -> Option<&'static str> {
        let following = self.following().kind;
        let number = following == TokenKind::Number;
        // These words stay names where they are used as names.
        let ends = matches!(following, TokenKind::Semicolon | TokenKind::RightBrace);
        match word {
            "rate" if number => Some("`rate`"),
            "limit" if number => Some("`limit`"),
            "speculate" if following == TokenKind::Name => Some("`speculate`"),
            "commit" if ends => Some("`commit`"),
            "discard" if ends => Some("`discard`"),
            _ => None,
        }
    }

    /// The span of the last token of the statement that the place is in.
    fn statement_end(&self) -> Span {
        let mut last = self.token().span;
        for pair in self.tokens[self.next..].windows(2) {
            let [token, next] = pair else { break };
            let between = last.behind().to(next.span.before());
            // Where the `;` is forgotten, a word at the beginning of a line begins the next statement.
            let begins = matches!(
                next.kind,
                TokenKind::Name | TokenKind::Variable | TokenKind::At
            ) && self.text(between).contains('\n')
                && !matches!(
                    token.kind,
                    TokenKind::Comma | TokenKind::LeftParenthesis | TokenKind::LeftBracket
                );
            if begins || ends_statement(next.kind) {
                break;
            }
            last = next.span;
        }
        last
    }

    /// Whether `sample` begins a directive here. As the name of a local it may be read, like any other.
    fn begins_sample(&self) -> bool {
        matches!(
            self.following().kind,
            TokenKind::Number
                | TokenKind::Minus
                | TokenKind::Plus
                | TokenKind::Percent
                | TokenKind::Name
                | TokenKind::Variable
                | TokenKind::String
                | TokenKind::Semicolon
                | TokenKind::RightBrace
        )
    }

    /// The rest of `sample 10%` and `sample 1/100`.
    fn sample(&mut self, start: Span) -> Parsed<Statement> {
        let negative = self.kind() == TokenKind::Minus;
        if negative || self.kind() == TokenKind::Plus {
            self.advance();
        }
        let first = self.sample_number()?;
        let first = if negative { -first } else { first };
        let share = if self.accept(TokenKind::Percent) {
            Share::Percent(first)
        } else if self.accept(TokenKind::Slash) {
            Share::Fraction(first, self.sample_number()?)
        } else {
            let help = if first > 0.0 && first < 1.0 {
                format!("write `sample {}%;`", first * 100.0)
            } else {
                format!("write `sample {first}%;`, or a fraction: `sample 1/100;`")
            };
            self.reporter.error_with_help(
                Code::BadSample,
                start.to(self.last_span()),
                "a sampling rate is a percentage or a fraction",
                help,
            );
            return Err(Reported);
        };
        Ok(Statement::Sample {
            span: start.to(self.last_span()),
            share,
        })
    }

    fn sample_number(&mut self) -> Parsed<f64> {
        let token = self.token();
        if token.kind != TokenKind::Number {
            let span = if ends_statement(token.kind) {
                self.last_span()
            } else {
                token.span
            };
            self.reporter.error_with_help(
                Code::BadSample,
                span,
                "the number of the sampling rate is missing",
                "write `sample 10%;` or `sample 1/100;`",
            );
            return Err(Reported);
        }
        self.advance();
        match literal::number(self.text(token.span)) {
            #[expect(clippy::cast_precision_loss, reason = "so fine no rate needs to be")]
            Ok(Literal::Int(value)) => Ok(value as f64),
            Ok(Literal::Float(value)) => Ok(value),
            // Larger than any rate can be.
            Ok(_) => Ok(f64::INFINITY),
            Err(bad) => {
                self.bad_literal(token.span, vec![bad]);
                Err(Reported)
            }
        }
    }

    fn assignment(&mut self, left: Expr) -> Parsed<Statement> {
        let value = self.expression();
        if let ExprKind::Variable(scope, name) = left.kind {
            let value = value?;
            return Ok(Statement::Assign {
                span: left.span.to(self.last_span()),
                scope,
                name,
                value,
            });
        }
        if !is_reported(&left) {
            let help = match &left.kind {
                ExprKind::Attribute(object, name) => match &object.kind {
                    ExprKind::Name(scope) if matches!(&**scope, "req" | "request" | "call") => {
                        format!("did you mean `${scope}.{}`?", name.text)
                    }
                    ExprKind::Variable(..) => {
                        "only the variable as a whole can be set: `$req.name = …;`".to_owned()
                    }
                    _ => format!("set a variable of the request or of the call: `$req.{0} = …;`, `$call.{0} = …;`", name.text),
                },
                ExprKind::Name(name) if !matches!(&**name, "retval" | "exception" | "args") => {
                    format!("set a variable of the request or of the call: `$req.{name} = …;`, `$call.{name} = …;`")
                }
                _ => "set a variable of the request or of the call: `$req.name = …;`, `$call.name = …;`".to_owned(),
            };
            self.reporter.error_with_help(
                Code::NotAssignable,
                left.outer,
                "this cannot be assigned: a probe never changes the application",
                help,
            );
        }
        Err(Reported)
    }

    fn not_a_statement(&mut self, expression: &Expr) -> Reported {
        if matches!(expression.kind, ExprKind::Wrong) {
            return Reported;
        }
        if !self.at_statement_end() {
            return self.unexpected("an operator or `;`");
        }
        if let ExprKind::Call(name, _) = &expression.kind {
            let arguments = Span {
                start: name.span.end + 1,
                end: expression.span.end - 1,
            };
            if let Some(help) = advice::called_statement(&name.text, self.text(arguments).trim()) {
                let message = format!("there is no statement `{}`", shortened(&name.text));
                self.reporter
                    .error_with_help(Code::NotAStatement, name.span, message, help);
                return Reported;
            }
        }
        if let ExprKind::Compare(left, chain) = &expression.kind
            && let [only] = chain.as_slice()
            && only.test == Test::Compare(CompareOp::Equal)
            && matches!(left.kind, ExprKind::Variable(..))
        {
            self.reporter.error_with_help(
                Code::NotAStatement,
                only.span,
                "`==` compares, and the result is lost",
                format!("`=` sets the variable: `{} = …;`", self.text(left.span)),
            );
            return Reported;
        }
        let text = self.text(expression.outer);
        let help = if text.len() <= 60 && !text.contains('\n') {
            format!("to record the value, write `capture({text});`")
        } else {
            "to record the value, write `capture(…);`".to_owned()
        };
        self.reporter.error_with_help(
            Code::NotAStatement,
            expression.outer,
            "an expression alone does nothing",
            help,
        );
        Reported
    }

    fn capture(&mut self, start: Span) -> Parsed<Statement> {
        if self.kind() != TokenKind::LeftParenthesis {
            let help = "its fields stand in brackets: `capture(arg0, total=arg1);`";
            return Err(self.unexpected_with("`(`", Some(help.to_owned())));
        }
        let open = self.advance();
        let mut fields = Vec::new();
        while self.kind() != TokenKind::RightParenthesis {
            fields.push(self.field()?);
            if !self.accept(TokenKind::Comma) {
                break;
            }
        }
        let end = self.close(open, TokenKind::RightParenthesis, "`,` or `)`")?;
        Ok(Statement::Capture {
            span: start.to(end),
            fields,
        })
    }

    fn field(&mut self) -> Parsed<Field> {
        let token = self.token();
        let is_named = self.following().kind == TokenKind::Assign;
        let is_word = self.text(token.span).chars().all(char::is_alphabetic);
        if is_named && is_word && token.kind != TokenKind::Name {
            let message = format!("{} cannot name a field", token.kind.describe());
            self.reporter.error_with_help(
                Code::Unexpected,
                token.span,
                message,
                "it is a word of the language; give the field another name",
            );
            return Err(Reported);
        }
        if token.kind == TokenKind::Name && self.following().kind == TokenKind::Assign {
            self.advance();
            self.advance();
            let name = Name {
                text: self.text(token.span).to_owned(),
                span: token.span,
            };
            return Ok(Field {
                name: Some(name),
                value: self.expression()?,
            });
        }
        let value = self.expression()?;
        let help = match self.kind() {
            TokenKind::Colon => "a field is named by `=`: `capture(name=arg0);`",
            TokenKind::Assign => "a field's name is one plain name: `capture(name=arg0);`",
            _ => return Ok(Field { name: None, value }),
        };
        Err(self.unexpected_with("`,` or `)`", Some(help.to_owned())))
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        if self.accept(TokenKind::Semicolon) {
            return Ok(());
        }
        if !self.at_statement_end() && !self.at_action() {
            let wanted = if self.last_kind() == Some(TokenKind::RightParenthesis) {
                "`;`"
            } else {
                "an operator or `;`"
            };
            return Err(self.unexpected(wanted));
        }
        let span = self.last_span();
        self.reporter.error_with_help(
            Code::MissingSemicolon,
            Span {
                start: span.end.saturating_sub(1).max(span.start),
                end: span.end,
            },
            "the statement does not end in `;`",
            "put a `;` behind it",
        );
        // Nothing needs to be skipped: what follows begins a new statement.
        Ok(())
    }

    /// Whether the place is where a statement can end: at a `;`, at the end of the body, or on another line than the
    /// last token.
    fn at_statement_end(&self) -> bool {
        let Token { kind, span } = self.token();
        let between = self.last_span().behind().to(span.before());
        ends_statement(kind) || self.text(between).contains('\n')
    }

    /// Goes behind the `;` of a wrong statement that began at token `start`, or to what stands where its `;` should.
    fn skip_statement(&mut self, start: usize) {
        let mut braces = 0_usize;
        loop {
            let kind = self.kind();
            match kind {
                TokenKind::End | TokenKind::Target => return,
                TokenKind::RightBrace if braces == 0 => return,
                TokenKind::LeftBrace => braces += 1,
                TokenKind::RightBrace => braces -= 1,
                _ if braces == 0 && self.next > start && self.begins_statement() => return,
                _ => {}
            }
            self.advance();
            // A block in braces, which other languages have, ends without a `;`.
            let ends_block = kind == TokenKind::RightBrace
                && matches!(
                    self.kind(),
                    TokenKind::Name | TokenKind::Variable | TokenKind::RightBrace
                );
            if braces == 0 && (kind == TokenKind::Semicolon || ends_block) {
                return;
            }
        }
    }

    /// Whether an action begins here.
    fn at_action(&self) -> bool {
        let Token { kind, span } = self.token();
        kind == TokenKind::Name
            && matches!(self.text(span), "capture" | "send")
            && self.following().kind == TokenKind::LeftParenthesis
    }

    /// Whether a statement begins here for sure: its first word, first on its line.
    fn begins_statement(&self) -> bool {
        let Token { kind, span } = self.token();
        let between = self.last_span().behind().to(span.before());
        (kind == TokenKind::Variable || self.at_action())
            && self.text(between).contains('\n')
            && !matches!(
                self.last_kind(),
                Some(TokenKind::Comma | TokenKind::LeftParenthesis)
            )
    }
}

/// Whether no statement goes on beyond this token.
fn ends_statement(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Semicolon | TokenKind::RightBrace | TokenKind::Target | TokenKind::End
    )
}
