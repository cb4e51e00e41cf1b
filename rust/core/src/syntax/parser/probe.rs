//! Probes: target, point, predicate, body.

use super::{Parsed, Parser, Reported, advice, shortened};
use crate::bytecode::{Point, target};
use crate::error::Code;
use crate::limits;
use crate::span::Span;
use crate::syntax::ast::{Expr, Literal, Probe, Statement};
use crate::syntax::literal;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn probe(&mut self) -> Parsed<Probe> {
        let Some((target, span)) = self.target() else {
            return Err(Reported);
        };
        // What follows is read also where the head is wrong: its errors are wanted too.
        let point = self.point(&target, span);
        let head = span.to(self.last_span());
        let predicate = if point.is_err() && target.is_err() {
            // Where the predicate begins is not sure.
            Err(Reported)
        } else {
            self.predicate()
        };
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
            let rest = &self.source[span.range().start..];
            let end = rest.find(|c: char| c.is_whitespace() || c == '{');
            let help = advice::outside(&rest[..end.unwrap_or(rest.len())]);
            let message = format!("expected a probe, found {found}");
            self.reporter
                .error_with_help(Code::NotAProbe, span, message, help);
            self.skip_chunk();
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
                let next = self.token();
                let touches = next.span.start == token.span.end;
                let help = match next.kind {
                    _ if text.contains('(') => "a function is named without brackets",
                    _ if text.is_empty() && !touches => "no blank stands behind `fn:`",
                    TokenKind::Slash | TokenKind::Colon
                        if touches
                            && !text.is_empty()
                            && self.following().kind != TokenKind::Name
                            || next.kind == TokenKind::Slash && touches =>
                    {
                        "the parts of a target are joined by `.`"
                    }
                    _ => bad.reason.help(),
                };
                self.reporter
                    .error_with_help(Code::BadTarget, span, bad.reason.to_string(), help);
                Err(Reported)
            }
        };
        Some((target, token.span))
    }

    /// Goes behind what is no probe: to the next one, or behind braces if a line begins with a word there, which is
    /// told of its own.
    fn skip_chunk(&mut self) {
        let mut braces = 0_usize;
        while !matches!(self.kind(), TokenKind::Target | TokenKind::End) {
            let token = self.advance();
            match token.kind {
                TokenKind::LeftBrace => braces += 1,
                TokenKind::RightBrace if braces == 1 => {
                    let next = self.token();
                    let between = token.span.behind().to(next.span.before());
                    if next.kind == TokenKind::Name && self.text(between).contains('\n') {
                        return;
                    }
                    braces = 0;
                }
                TokenKind::RightBrace => braces = braces.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// The point behind `target`. Where the target is wrong a missing point is not told besides.
    fn point(&mut self, target: &Parsed<String>, target_span: Span) -> Parsed<Point> {
        const HELP: &str = "the points are `entry`, `exit` and `entry+N`";
        let has_colon = self.accept(TokenKind::Colon);
        let token = self.token();
        let text = self.text(token.span);
        if !has_colon || token.kind != TokenKind::Name {
            if let Ok(target) = target {
                let help = match target.rsplit_once('.') {
                    Some((path, last)) if advice::point(last).is_some() && !has_colon => {
                        format!("a `:` stands before the point: `fn:{path}:{last}`")
                    }
                    _ if !has_colon && token.kind == TokenKind::Name => {
                        "there are no blanks in a target, and a `:` stands before the point"
                            .to_owned()
                    }
                    _ if has_colon && token.kind == TokenKind::Colon => {
                        "the parts of a target are joined by `.`".to_owned()
                    }
                    _ => HELP.to_owned(),
                };
                let span = self.last_span().behind();
                self.reporter.error_with_help(
                    Code::UnknownPoint,
                    span,
                    "the point is missing",
                    help,
                );
            }
            return Err(Reported);
        }
        let point = match text {
            "entry" => Ok(Point::Entry),
            "exit" => Ok(Point::Exit),
            _ => Err(Reported),
        };
        if point.is_err() {
            let help = if self.following().kind == TokenKind::Colon {
                let target = self.text(target_span);
                format!("the parts of a target are joined by `.`: `{target}.{text}`")
            } else {
                advice::point(text).map_or_else(
                    || HELP.to_owned(),
                    |known| format!("did you mean `{known}`?"),
                )
            };
            let message = format!("there is no point `{}`", shortened(text));
            self.reporter
                .error_with_help(Code::UnknownPoint, token.span, message, help);
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
        if self.kind() == TokenKind::DoubleSlash && self.following().kind == TokenKind::LeftBrace {
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
                if matches!(self.kind(), TokenKind::Unknown | TokenKind::UnclosedString) {
                    // The lexer has reported these.
                } else {
                    let help = advice::behind_point(self.kind());
                    self.unexpected_with("`/` or `{`", Some(help.to_owned()));
                }
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
        let opened = self.next;
        let open = self.advance();
        let mut statements = Vec::new();
        loop {
            match self.kind() {
                TokenKind::RightBrace => {
                    self.advance();
                    break;
                }
                TokenKind::Target | TokenKind::End => {
                    // A string that is not closed has swallowed the brace, perhaps.
                    let passed = &self.tokens[opened..self.next];
                    if !passed
                        .iter()
                        .any(|token| token.kind == TokenKind::UnclosedString)
                    {
                        self.reporter.error_with_help(
                            Code::UnclosedBody,
                            open.span,
                            "the body is not closed",
                            "put a `}` behind its last statement",
                        );
                    }
                    break;
                }
                // A body with a wrong statement goes on: the other statements may be wrong too.
                _ => statements.extend(self.statement().ok()),
            }
        }
        Ok(statements)
    }
}
