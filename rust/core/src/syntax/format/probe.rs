//! Probes and their statements to pieces of text, with the comments that stand in them.

use super::comments::{Comment, has_blank_before};
use super::expression::{Line, Sink, write};
use super::layout::{Break, Piece};
use super::spelling;
use crate::span::Span;
use crate::syntax::ast::{Expr, Field, Literal, Probe, Statement};
use crate::syntax::token::{Token, TokenKind};

/// Makes the pieces of `probe`, whose tokens these are, the last of them its closing brace. Of `comments`, which begin
/// with the first one in the probe, it takes those that stand before that brace.
pub(super) fn pieces<'s>(
    source: &'s str,
    tokens: &[Token],
    comments: &mut &'s [Comment<'s>],
    probe: &Probe,
) -> Vec<Piece<'s>> {
    let mut pieces = Pieces {
        source,
        tokens,
        comments,
        collected: Vec::new(),
        last_break: 0,
        is_behind: false,
    };
    pieces.probe(probe);
    pieces.collected
}

/// Collects pieces, and puts each comment to the nearest break before what it stands before.
struct Pieces<'a, 's> {
    source: &'s str,
    tokens: &'a [Token],
    comments: &'a mut &'s [Comment<'s>],
    collected: Vec<Piece<'s>>,
    /// The index of the last break.
    last_break: usize,
    /// Whether something of the source stands behind it.
    is_behind: bool,
}

impl Pieces<'_, '_> {
    fn probe(&mut self, probe: &Probe) {
        self.text(&format!("fn:{}:{}", probe.target, probe.point));
        if let Some(predicate) = &probe.predicate {
            self.predicate(predicate, probe.span.end);
        }
        self.body(&probe.body, probe.span.end);
    }

    /// The predicate, whose opening slash is the first token from `start` on.
    fn predicate(&mut self, predicate: &Expr, start: u32) {
        let is_broken = self.is_broken_behind(self.first_from(start, TokenKind::Slash));
        self.text(" /");
        self.open_group(true, is_broken);
        self.line(Line::Blank);
        write(predicate, false, self);
        self.push_break(Line::Blank, true, None);
        let closing = self.first_from(predicate.outer.end, TokenKind::Slash);
        self.at(self.tokens[closing].span.start);
        self.close();
        self.text("/");
    }

    /// The statements in their braces, the first of which is behind `start`.
    fn body(&mut self, statements: &[Statement], start: u32) {
        // No token but this is a left brace.
        let is_broken = self.is_broken_behind(self.first_from(start, TokenKind::LeftBrace));
        self.text(" {");
        self.open_group(true, is_broken && !statements.is_empty());
        for statement in statements {
            let start = statement.span().start;
            self.push_break(
                Line::Blank,
                false,
                Some(has_blank_before(self.source, start)),
            );
            self.at(start);
            self.statement(statement);
            self.text(";");
        }
        self.push_break(Line::Blank, true, Some(false));
        self.at(self.tokens[self.tokens.len() - 1].span.start);
        self.close();
        self.text("}");
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Assign {
                scope, name, value, ..
            } => {
                self.text(&format!("{scope}.{} = ", name.text));
                write(value, true, self);
            }
            Statement::Capture { span, fields } => self.capture(*span, fields),
            Statement::Sample { span, .. } => self.sample(*span),
        }
    }

    /// The word and the rate, whose numbers keep their spelling.
    fn sample(&mut self, span: Span) {
        let first = self.first_from(span.start, TokenKind::Name);
        self.text("sample ");
        for token in &self.tokens[first + 1..] {
            if token.span.start >= span.end {
                break;
            }
            let written = self.source[token.span.range()].to_owned();
            self.text(&written);
        }
    }

    fn capture(&mut self, span: Span, fields: &[Field]) {
        self.text("capture(");
        if !fields.is_empty() {
            let opening = self.first_from(span.start, TokenKind::LeftParenthesis);
            self.open_group(true, self.is_broken_behind(opening));
            self.line(Line::Soft);
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    self.text(",");
                    self.line(Line::Blank);
                }
                if let Some(name) = &field.name {
                    self.at(name.span.start);
                    self.text(&format!("{}=", name.text));
                }
                write(&field.value, true, self);
            }
            self.trailing_comma();
            self.last_line();
        }
        self.at(span.end - 1);
        if !fields.is_empty() {
            self.close();
        }
        self.text(")");
    }

    /// The index of the first token of that kind from a byte of the source on.
    fn first_from(&self, start: u32, kind: TokenKind) -> usize {
        let from = self
            .tokens
            .partition_point(|token| token.span.start < start);
        let rest = self.tokens[from..].iter();
        let skipped = rest.take_while(|token| token.kind != kind).count();
        (from + skipped).min(self.tokens.len() - 1)
    }

    /// Whether the author broke the line behind a token.
    fn is_broken_behind(&self, index: usize) -> bool {
        let next = (index + 1).min(self.tokens.len() - 1);
        let between = self.tokens[index]
            .span
            .behind()
            .to(self.tokens[next].span.before());
        self.source[between.range()].contains('\n')
    }

    fn open_group(&mut self, indented: bool, is_broken: bool) {
        self.collected.push(Piece::Open {
            indented,
            is_broken,
        });
    }

    /// Puts a break. `blank_before` tells whether an empty line stands before what follows, where those are kept.
    fn push_break(&mut self, line: Line, is_last: bool, blank_before: Option<bool>) {
        self.last_break = self.collected.len();
        self.is_behind = false;
        self.collected.push(Piece::Break(Break {
            line,
            is_last,
            keeps_blanks: blank_before.is_some(),
            blank_before: blank_before.unwrap_or_default(),
            comments: Vec::new(),
        }));
    }
}

impl Sink for Pieces<'_, '_> {
    fn text(&mut self, text: &str) {
        if let Some(Piece::Text(last)) = self.collected.last_mut() {
            last.push_str(text);
        } else {
            self.collected.push(Piece::Text(text.to_owned()));
        }
    }

    fn literal(&mut self, literal: &Literal, place: Span) {
        let written = &self.source[place.range()];
        match literal {
            Literal::Str(_) => self.text(&spelling::string(written)),
            _ => self.text(written),
        }
    }

    fn line(&mut self, line: Line) {
        self.push_break(line, false, None);
    }

    fn last_line(&mut self) {
        self.push_break(Line::Soft, true, None);
    }

    fn trailing_comma(&mut self) {
        self.collected.push(Piece::TrailingComma);
    }

    fn open(&mut self, indented: bool) {
        self.open_group(indented, false);
    }

    fn close(&mut self) {
        self.collected.push(Piece::Close);
    }

    fn at(&mut self, offset: u32) {
        let count = self
            .comments
            .partition_point(|comment| comment.start < offset);
        let (passed, rest) = self.comments.split_at(count);
        *self.comments = rest;
        if let Some(Piece::Break(place)) = self.collected.get_mut(self.last_break) {
            for &comment in passed {
                let mut comment = comment;
                // What stands in the middle of something that is not broken comes before it, on lines of its own.
                if self.is_behind {
                    comment.own_line = true;
                    comment.blank_before = std::mem::take(&mut place.blank_before);
                }
                // One comment ends the line.
                comment.own_line |= !place.comments.is_empty();
                place.comments.push(comment);
            }
        }
        self.is_behind = true;
    }

    fn keeps_spelling(&self) -> bool {
        true
    }
}
