//! The canonical text of a probe file, with its comments: what `hogtrace fmt` writes.
//!
//! [`expression`] is the one printer of expressions; [`probe`] makes pieces of text of a probe, with its comments;
//! [`layout`] breaks them into lines. This file puts the probes one after the other.

mod comments;
mod expression;
mod layout;
mod probe;
mod spelling;

use super::ast::{File, Probe};
use super::token::{Token, TokenKind};
use comments::{Comment, has_blank_before};

/// The canonical text of a file that has no errors, given its source and the tokens and the tree that were made of it.
pub(crate) fn format(source: &str, tokens: &[Token], file: &File) -> String {
    let comments = comments::find(source, tokens);
    let mut rest = comments.as_slice();
    let mut page = Page::default();
    for (index, probe) in file.probes.iter().enumerate() {
        let own = tokens_of(tokens, probe, file.probes.get(index + 1));
        page.comments(take_before(&mut rest, probe.span.start));
        let text = layout::render(probe::pieces(source, own, &mut rest, probe));
        page.probe(&text, has_blank_before(source, probe.span.start));
    }
    page.comments(rest);
    page.finish()
}

/// The tokens of a probe, its closing brace the last.
fn tokens_of<'t>(tokens: &'t [Token], probe: &Probe, next: Option<&Probe>) -> &'t [Token] {
    let index = |start| tokens.partition_point(|token| token.span.start < start);
    let end = next.map_or(tokens.len() - 1, |next| index(next.span.start));
    debug_assert_eq!(tokens[end - 1].kind, TokenKind::RightBrace);
    &tokens[index(probe.span.start)..end]
}

/// Takes the comments that stand before a byte of the source.
fn take_before<'c, 's>(comments: &mut &'c [Comment<'s>], offset: u32) -> &'c [Comment<'s>] {
    let (before, rest) =
        comments.split_at(comments.partition_point(|comment| comment.start < offset));
    *comments = rest;
    before
}

/// The text of the file so far.
#[derive(Debug, Default)]
struct Page {
    text: String,
    /// Where the last probe ends, if there is one, and whether it has several lines.
    last_probe: Option<(usize, bool)>,
    /// Whether a comment, or an empty line, stands behind it.
    has_comment: bool,
    has_blank: bool,
}

impl Page {
    /// Adds the comments between two probes.
    fn comments(&mut self, comments: &[Comment<'_>]) {
        for comment in comments {
            match &mut self.last_probe {
                Some((end, _)) if !comment.own_line => {
                    self.text.push_str("  ");
                    self.text.push_str(comment.text);
                    *end = self.text.len();
                }
                last => {
                    let is_behind_long = matches!(last, Some((_, true))) && !self.has_comment;
                    self.new_line(comment.blank_before || is_behind_long);
                    self.text.push_str(comment.text);
                    self.has_comment = true;
                }
            }
        }
    }

    /// Adds a probe. One of several lines has an empty line before it and its comments, and one behind it.
    fn probe(&mut self, text: &str, blank_before: bool) {
        let is_long = text.contains('\n');
        match self.last_probe {
            Some((_, was_long)) if !self.has_comment => {
                self.new_line(blank_before || is_long || was_long);
            }
            Some((end, _)) if is_long && !self.has_blank && !blank_before => {
                self.text.insert(end, '\n');
                self.new_line(false);
            }
            _ => self.new_line(blank_before),
        }
        self.text.push_str(text);
        self.last_probe = Some((self.text.len(), is_long));
        self.has_comment = false;
        self.has_blank = false;
    }

    /// Ends the line, if there is one.
    fn new_line(&mut self, has_blank: bool) {
        if !self.text.is_empty() {
            self.text.push_str(if has_blank { "\n\n" } else { "\n" });
            self.has_blank |= has_blank;
        }
    }

    fn finish(mut self) -> String {
        self.new_line(false);
        self.text
    }
}
