//! Tokens to tree, by recursive descent, with the precedences of LANGUAGE's table.
//!
//! An error ends its statement or its predicate, and parsing goes on behind it, so that one run finds the errors of
//! the whole file. How deep the parser recurses is bounded by [`limits::NESTING`].

mod expression;
mod probe;
mod statement;

use super::ast::{Expr, ExprKind, File};
use super::token::{Token, TokenKind};
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

    fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        if self.kind() == kind {
            Ok(self.advance())
        } else {
            Err(self.unexpected(kind.describe()))
        }
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
            self.reporter
                .error(Code::UnclosedBracket, open.span, message);
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

    /// Reports that the token does not fit here, with the best advice that its kind allows.
    fn unexpected(&mut self, wanted: &str) -> Reported {
        let Token { kind, span } = self.token();
        let text = self.text(span);
        match kind {
            // The lexer has reported these.
            TokenKind::UnclosedString | TokenKind::Unknown => {}
            TokenKind::ForeignOperator | TokenKind::CompoundAssign => self.foreign_operator(),
            TokenKind::Name if is_foreign_word(text) => self.reporter.error(
                Code::ForeignSyntax,
                span,
                format!("`{text}` of Python is not part of the language"),
            ),
            TokenKind::Assign => self.reporter.error_with_help(
                Code::Unexpected,
                span,
                format!("expected {wanted}, found `=`"),
                "`==` compares",
            ),
            TokenKind::Name | TokenKind::Variable | TokenKind::Number => self.reporter.error(
                Code::Unexpected,
                span,
                format!("expected {wanted}, found `{}`", shortened(text)),
            ),
            _ => self.reporter.error(
                Code::Unexpected,
                span,
                format!("expected {wanted}, found {}", kind.describe()),
            ),
        }
        Reported
    }

    fn foreign_operator(&mut self) {
        let Token { kind, span } = self.token();
        let text = self.text(span);
        let message = format!("the operator `{text}` is not part of the language");
        let help = match text {
            _ if kind == TokenKind::CompoundAssign => {
                Some("write `$req.x = $req.x + 1`, with the operator that you need")
            }
            "&" => Some("`&&` or `and` joins conditions"),
            "|" => Some("`||` or `or` joins conditions"),
            "~" => Some("`!` or `not` negates a condition"),
            "===" => Some("`==` compares"),
            "!==" | "<>" => Some("`!=` compares"),
            "->" => Some("`.` reads an attribute"),
            "**" => Some("a power is written as a product: `x * x`"),
            _ => None,
        };
        match help {
            Some(help) => {
                self.reporter
                    .error_with_help(Code::ForeignOperator, span, message, help);
            }
            None => self.reporter.error(Code::ForeignOperator, span, message),
        }
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
