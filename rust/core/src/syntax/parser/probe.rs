//! Probes: target, point, predicate, body.

use super::{Parsed, Parser, Reported, shortened};
use crate::bytecode::{Point, target};
use crate::error::Code;
use crate::limits;
use crate::span::Span;
use crate::suggest::nearest;
use crate::syntax::ast::{Expr, Literal, Probe, Statement};
use crate::syntax::literal;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn probe(&mut self) -> Parsed<Probe> {
        let Some((target, span)) = self.target() else {
            return Err(Reported);
        };
        // What follows is read also where the head is wrong: its errors are wanted too.
        let point = self.point();
        let head = span.to(self.last_span());
        let predicate = self.predicate();
        let body = self.body(head, point.is_ok() && predicate.is_ok());
        // A probe with a wrong head is still checked: its statements may be wrong too. As a point that is not known
        // exit is taken, where every name has a value.
        Ok(Probe {
            span: head,
            target: target.unwrap_or_default(),
            point: point.unwrap_or(Point::Exit),
            predicate: predicate.unwrap_or_default(),
            body: body.unwrap_or_default(),
        })
    }

    /// The dotted path; `None` if there is no probe here.
    fn target(&mut self) -> Option<(Parsed<String>, Span)> {
        let token = self.token();
        if token.kind != TokenKind::Target {
            let span = token.span;
            let found = match token.kind {
                TokenKind::Name | TokenKind::Variable => {
                    format!("`{}`", shortened(self.text(span)))
                }
                kind => kind.describe().to_owned(),
            };
            self.reporter.error_with_help(
                Code::NotAProbe,
                span,
                format!("expected a probe, found {found}"),
                "a probe reads `fn:module.function:entry { capture(args); }`",
            );
            while !matches!(self.kind(), TokenKind::Target | TokenKind::End) {
                self.advance();
            }
            return None;
        }
        self.advance();
        let prefix = "fn:".len();
        let text = &self.text(token.span)[prefix..];
        let target = match target::check(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(bad) => {
                let at = token.span.start as usize + prefix;
                let span = Span::new(&(at + bad.range.start..at + bad.range.end));
                self.reporter.error_with_help(
                    Code::BadTarget,
                    span,
                    bad.reason.to_string(),
                    bad.reason.help(),
                );
                Err(Reported)
            }
        };
        Some((target, token.span))
    }

    fn point(&mut self) -> Parsed<Point> {
        const HELP: &str = "the points are `entry`, `exit` and `entry+N`";
        if !self.accept(TokenKind::Colon) {
            let span = self.last_span().behind();
            self.reporter
                .error_with_help(Code::UnknownPoint, span, "the point is missing", HELP);
            return Err(Reported);
        }
        let token = self.token();
        let text = self.text(token.span);
        let point = match text {
            "entry" => Ok(Point::Entry),
            "exit" => Ok(Point::Exit),
            _ => Err(Reported),
        };
        if point.is_err() {
            if token.kind != TokenKind::Name {
                let span = self.last_span().behind();
                self.reporter.error_with_help(
                    Code::UnknownPoint,
                    span,
                    "the point is missing",
                    HELP,
                );
                return point;
            }
            let message = format!("there is no point `{}`", shortened(text));
            match nearest(text, ["entry", "exit"]).or(alias(text)) {
                Some(known) => self.reporter.error_with_help(
                    Code::UnknownPoint,
                    token.span,
                    message,
                    format!("did you mean `{known}`?"),
                ),
                None => {
                    self.reporter
                        .error_with_help(Code::UnknownPoint, token.span, message, HELP);
                }
            }
        }
        self.advance();
        if self.kind() == TokenKind::Plus {
            return self.line(point);
        }
        point
    }

    /// The rest of `entry+N`; `point` is what stands before the plus.
    fn line(&mut self, point: Parsed<Point>) -> Parsed<Point> {
        const HELP: &str =
            "`entry+3` fires before the statement that starts 3 lines below the `def` line";
        let plus = self.advance().span;
        let token = self.token();
        let number = self.accept(TokenKind::Number);
        let whole = plus.to(self.last_span());
        if point? != Point::Entry {
            let message = "lines are counted from `entry` only";
            self.reporter
                .error_with_help(Code::UnknownPoint, whole, message, HELP);
            return Err(Reported);
        }
        if !number {
            let message = "the number of lines is missing";
            self.reporter
                .error_with_help(Code::UnknownPoint, plus.behind(), message, HELP);
            return Err(Reported);
        }
        match literal::number(self.text(token.span)) {
            Ok(Literal::Int(number)) => {
                if let Ok(line) = u32::try_from(number)
                    && line <= limits::POINT_LINES
                {
                    return Ok(Point::Line(line));
                }
            }
            Ok(_) => {}
            Err(bad) => {
                self.bad_literal(token.span, vec![bad]);
                return Err(Reported);
            }
        }
        let message = format!(
            "lines are counted in integers up to {}",
            limits::POINT_LINES
        );
        self.reporter
            .error_with_help(Code::UnknownPoint, token.span, message, HELP);
        Err(Reported)
    }

    /// Reports syntax that is reserved.
    pub(super) fn not_available(&mut self, span: Span, what: &str) {
        self.reporter.error(
            Code::NotAvailable,
            span,
            format!("{what} is not available yet"),
        );
    }

    fn predicate(&mut self) -> Parsed<Option<Expr>> {
        if self.kind() == TokenKind::DoubleSlash {
            let span = self.advance().span;
            return Err(self.empty_predicate(span));
        }
        if self.kind() != TokenKind::Slash {
            return Ok(None);
        }
        let open = self.advance();
        if self.kind() == TokenKind::Slash {
            let span = open.span.to(self.advance().span);
            return Err(self.empty_predicate(span));
        }
        let parsed = self.expression();
        if parsed.is_ok() {
            if self.kind() == TokenKind::Slash {
                self.advance();
                return parsed.map(Some);
            }
            if matches!(
                self.kind(),
                TokenKind::LeftBrace | TokenKind::Target | TokenKind::End
            ) {
                self.reporter.error_with_help(
                    Code::UnclosedPredicate,
                    open.span,
                    "the predicate is not closed",
                    "a predicate ends in `/` before the `{` of the body",
                );
            } else {
                self.unexpected("an operator or the `/` that closes the predicate");
            }
        }
        self.skip_predicate();
        Err(Reported)
    }

    fn empty_predicate(&mut self, span: Span) -> Reported {
        self.reporter.error_with_help(
            Code::EmptyPredicate,
            span,
            "the predicate is empty",
            "leave out the slashes to fire always",
        );
        Reported
    }

    /// Whether the place is at the `/` that closes a predicate: the one whose next token is `{`.
    pub(super) fn at_predicate_end(&self) -> bool {
        self.kind() == TokenKind::Slash && self.following().kind == TokenKind::LeftBrace
    }

    /// Goes to the body behind a wrong predicate.
    fn skip_predicate(&mut self) {
        loop {
            if self.at_predicate_end() {
                self.advance();
                return;
            }
            if matches!(
                self.kind(),
                TokenKind::LeftBrace | TokenKind::RightBrace | TokenKind::Target | TokenKind::End
            ) {
                return;
            }
            self.advance();
        }
    }

    /// The statements in braces. Where the head was right, a missing body is an error of its own.
    fn body(&mut self, head: Span, head_is_right: bool) -> Parsed<Vec<Statement>> {
        if self.kind() != TokenKind::LeftBrace {
            if !head_is_right {
                self.skip_predicate();
            } else if matches!(self.kind(), TokenKind::Target | TokenKind::End) {
                self.reporter.error_with_help(
                    Code::UnclosedBody,
                    head,
                    "the probe has no body",
                    "what it does stands in braces: `{ capture(args); }`",
                );
            } else {
                self.unexpected("`/` or `{`");
                self.skip_predicate();
            }
            if self.kind() != TokenKind::LeftBrace {
                // The rest of what is no body; the next probe begins behind it.
                while !matches!(self.kind(), TokenKind::Target | TokenKind::End) {
                    self.advance();
                }
                return Err(Reported);
            }
        }
        let open = self.advance();
        let mut statements = Vec::new();
        loop {
            match self.kind() {
                TokenKind::RightBrace => {
                    self.advance();
                    break;
                }
                TokenKind::Target | TokenKind::End => {
                    self.reporter
                        .error(Code::UnclosedBody, open.span, "the body is not closed");
                    break;
                }
                // A body with a wrong statement goes on: the other statements may be wrong too.
                _ => statements.extend(self.statement().ok()),
            }
        }
        Ok(statements)
    }
}

/// What other tools call the points.
fn alias(word: &str) -> Option<&'static str> {
    match word {
        "call" | "enter" | "begin" | "start" => Some("entry"),
        "return" | "leave" | "end" | "finish" => Some("exit"),
        _ => None,
    }
}
