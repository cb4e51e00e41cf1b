//! Tokens to tree, by recursive descent, with the precedences of LANGUAGE's table.
//!
//! An error ends its statement or its predicate, and parsing goes on behind it, so that one run finds the errors of
//! the whole file. How deep the parser recurses is bounded by [`limits::NESTING`].

mod advice;
mod expression;
mod operand;
mod probe;
mod statement;

use super::ast::{Expr, ExprKind, File};
use super::token::{Token, TokenKind};
use crate::bytecode::Function;
use crate::error::{Code, Reporter};
use crate::limits;
use crate::span::Span;

/// What was looked for is not there, and that was reported.
#[derive(Clone, Copy, Debug)]
struct Reported;

type Parsed<T> = Result<T, Reported>;

/// Parses the tokens of `source`, the last of which is [`TokenKind::End`].
/// What cannot be read is left out of the tree, and reported.
pub(crate) fn parse(source: &str, tokens: &[Token], reporter: &mut Reporter) -> File {
    let mut parser = Parser {
        source,
        tokens,
        next: 0,
        nesting: 0,
        reporter,
    };
    parser.file()
}

/// A place in the tokens.
struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token],
    /// Index of the token that is looked at; never beyond the last.
    next: usize,
    /// Brackets and prefix operators around the place.
    nesting: usize,
    reporter: &'a mut Reporter,
}

impl<'a> Parser<'a> {
    fn token(&self) -> Token {
        self.tokens[self.next]
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    /// The token behind the one that is looked at.
    fn following(&self) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.next + 1).min(last)]
    }

    /// The token that was passed last.
    fn last(&self) -> Option<Token> {
        self.next.checked_sub(1).map(|last| self.tokens[last])
    }

    fn last_span(&self) -> Span {
        self.last().map(|last| last.span).unwrap_or_default()
    }

    fn last_kind(&self) -> Option<TokenKind> {
        self.last().map(|last| last.kind)
    }

    fn text(&self, span: Span) -> &'a str {
        self.source.get(span.range()).unwrap_or_default()
    }

    fn advance(&mut self) -> Token {
        let token = self.token();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    /// Passes the token if it is of that kind.
    fn accept(&mut self, kind: TokenKind) -> bool {
        let is = self.kind() == kind;
        if is {
            self.advance();
        }
        is
    }

    /// Passes the closing bracket of what `open` opened.
    fn close(&mut self, open: Token, kind: TokenKind, wanted: &str) -> Parsed<Span> {
        if self.kind() == kind {
            return Ok(self.advance().span);
        }
        let ended = matches!(
            self.kind(),
            TokenKind::Semicolon
                | TokenKind::LeftBrace
                | TokenKind::RightBrace
                | TokenKind::Target
                | TokenKind::End
        );
        if ended || self.at_predicate_end() {
            let message = format!("{} is not closed", open.kind.describe());
            let help = format!("put a {} where it ends", kind.describe());
            self.reporter
                .error_with_help(Code::UnclosedBracket, open.span, message, help);
            return Err(Reported);
        }
        Err(self.unexpected(wanted))
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == limits::NESTING {
            return Err(self.too_deep(self.token().span));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    fn too_deep(&mut self, span: Span) -> Reported {
        self.reporter.error_with_help(
            Code::TooDeep,
            span,
            format!("an expression nests at most {} deep", limits::NESTING),
            "put a part of it into a `$call` variable first",
        );
        Reported
    }

    /// Makes an expression over others, given the greatest of their heights.
    fn over(&mut self, kind: ExprKind, span: Span, height_below: usize) -> Parsed<Expr> {
        if height_below >= limits::NESTING {
            return Err(self.too_deep(span));
        }
        Ok(Expr::new(kind, span, height_below))
    }

    /// Reports that the token does not fit here, with the best advice that its kind and its neighbours allow.
    fn unexpected(&mut self, wanted: &str) -> Reported {
        let Token { kind, span } = self.token();
        let text = self.text(span);
        match kind {
            // The lexer has reported these.
            TokenKind::UnclosedString | TokenKind::Unknown => {}
            TokenKind::ForeignOperator | TokenKind::CompoundAssign => self.foreign_operator(),
            TokenKind::Name if is_foreign_word(text) => self.reporter.report(
                Code::ForeignSyntax,
                span,
                format!("`{text}` of Python is not part of the language"),
                advice::foreign_in_expression(text),
            ),
            _ => {
                let help = self.advice(wanted);
                self.unexpected_with(wanted, help);
            }
        }
        Reported
    }

    /// Reports that the token does not fit here, and what to do about it.
    fn unexpected_with(&mut self, wanted: &str, help: Option<String>) -> Reported {
        let Token { kind, span } = self.token();
        let found = match kind {
            TokenKind::Name | TokenKind::Variable | TokenKind::Number => {
                format!("`{}`", shortened(self.text(span)))
            }
            _ => kind.describe().to_owned(),
        };
        let message = format!("expected {wanted}, found {found}");
        self.reporter.report(Code::Unexpected, span, message, help);
        Reported
    }

    /// What may have been meant where `wanted` was expected.
    fn advice(&self, wanted: &str) -> Option<String> {
        let Token { kind, span } = self.token();
        let last = self.last()?;
        let (text, last_text) = (self.text(span), self.text(last.span));
        let touches = |token: Token, next: Token| token.span.end == next.span.start;
        let following = self.following();
        let is_value_wanted = wanted == "an expression";
        Some(match kind {
            TokenKind::Assign => match following.kind {
                TokenKind::Bang if touches(self.token(), following) => "write `!=`".to_owned(),
                TokenKind::Less if touches(self.token(), following) => "write `<=`".to_owned(),
                TokenKind::Greater if touches(self.token(), following) => "write `>=`".to_owned(),
                _ => "`==` compares".to_owned(),
            },
            TokenKind::Not => "write `is not` or `not in`".to_owned(),
            TokenKind::In if last.kind == TokenKind::Not => "write `not in`".to_owned(),
            TokenKind::Name if last.kind == TokenKind::String && touches(last, self.token()) => {
                format!(
                    "a quote inside of a string is written `\\{}`",
                    &last_text[..1]
                )
            }
            TokenKind::Number if text.starts_with('.') => {
                format!("an item is read by its key: `[{}]`", &text[1..])
            }
            TokenKind::DoubleSlash if is_value_wanted => "comments begin with `#`".to_owned(),
            TokenKind::Slash if is_value_wanted && following.kind == TokenKind::Star => {
                "comments begin with `#`".to_owned()
            }
            TokenKind::Star if is_value_wanted => {
                "all positional arguments together are `args`".to_owned()
            }
            TokenKind::Semicolon
                if matches!(last.kind, TokenKind::Plus | TokenKind::Minus) && is_value_wanted =>
            {
                let variable = self.word_before().trim_end_matches(['+', '-']);
                format!("write `{variable} = {variable} {last_text} 1;`")
            }
            TokenKind::Semicolon if wanted.ends_with("the predicate") => {
                "a predicate has no `;`".to_owned()
            }
            TokenKind::Comma if wanted == "`;`" => "every statement ends in `;`".to_owned(),
            _ if is_value_wanted && advice::is_infix(kind) && kind != TokenKind::Slash => {
                format!("`{text}` needs a value on its left")
            }
            _ if is_value_wanted
                && (advice::is_infix(last.kind) || last.kind == TokenKind::Assign) =>
            {
                format!("`{last_text}` needs a value on its right")
            }
            TokenKind::RightParenthesis | TokenKind::RightBracket
                if self.nesting == 0 && !is_value_wanted =>
            {
                "no bracket is open that it could close".to_owned()
            }
            _ if advice::begins_operand(kind) && wanted.starts_with("`,`") => {
                let called = if last_text == "typeof" {
                    "type"
                } else {
                    last_text
                };
                if last.kind == TokenKind::Name && Function::from_name(called).is_some() {
                    format!(
                        "a function has its arguments in brackets: `{called}({})`",
                        shortened(text)
                    )
                } else {
                    "put a `,` before it".to_owned()
                }
            }
            _ => return None,
        })
    }

    fn foreign_operator(&mut self) {
        let Token { span, .. } = self.token();
        let text = self.text(span);
        let help = if text == "**" && !self.last_kind().is_some_and(ends_operand) {
            Some("all arguments by name together are `kwargs`".to_owned())
        } else {
            advice::foreign_operator(text, self.word_before())
        };
        let message = format!("the operator `{text}` is not part of the language");
        self.reporter
            .report(Code::ForeignOperator, span, message, help);
    }

    /// The text without blanks that ends where the last token does.
    fn word_before(&self) -> &'a str {
        let before = &self.source[..self.last_span().range().end];
        let begins = |c: char| c.is_whitespace() || matches!(c, '(' | '[' | '{' | ',' | ';' | '=');
        &before[before.rfind(begins).map_or(0, |at| at + 1)..]
    }

    fn file(&mut self) -> File {
        let mut file = File::default();
        while self.kind() != TokenKind::End {
            if let Ok(probe) = self.probe() {
                file.probes.push(probe);
            }
        }
        file
    }
}

/// Whether an operand can end in a token of this kind.
const fn ends_operand(kind: TokenKind) -> bool {
    advice::begins_operand(kind)
        || matches!(kind, TokenKind::RightParenthesis | TokenKind::RightBracket)
}

/// Keywords of Python that begin or join what HogTrace does not have.
fn is_foreign_word(word: &str) -> bool {
    matches!(
        word,
        "as" | "assert"
            | "async"
            | "await"
            | "break"
            | "class"
            | "continue"
            | "def"
            | "del"
            | "elif"
            | "else"
            | "except"
            | "finally"
            | "for"
            | "from"
            | "global"
            | "if"
            | "import"
            | "lambda"
            | "nonlocal"
            | "pass"
            | "raise"
            | "return"
            | "try"
            | "while"
            | "with"
            | "yield"
    )
}

/// A text for a message: its beginning, if it is long.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
