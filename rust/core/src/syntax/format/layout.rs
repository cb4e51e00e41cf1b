//! Where lines break: pieces of text in groups to lines of a certain width.
//!
//! A group stands on one line if it fits; otherwise all its lines are broken, and its inner groups are tried in turn.
//! A comment ends its line, so the groups around it are broken.

use super::comments::Comment;
use super::expression::Line;

/// Columns of a line; what cannot be broken may be longer.
pub(super) const WIDTH: usize = 100;

/// Blanks of one level.
pub(super) const INDENT: usize = 4;

/// What a text is put together of.
#[derive(Clone, Debug)]
pub(super) enum Piece<'s> {
    /// Text on one line.
    Text(String),
    /// A place where the line may be broken.
    Break(Break<'s>),
    /// A comma where the group is broken.
    TrailingComma,
    /// The beginning of a group.
    Open {
        /// Whether its lines stand deeper than what is around.
        indented: bool,
        /// Whether it is broken even if it fits.
        is_broken: bool,
    },
    /// The end of a group.
    Close,
}

/// A place where the line may be broken.
#[derive(Clone, Debug)]
pub(super) struct Break<'s> {
    /// What stands there if the line goes on.
    pub(super) line: Line,
    /// Whether the closing bracket of the group follows.
    pub(super) is_last: bool,
    /// Whether empty lines of the source are kept here, one of several.
    pub(super) keeps_blanks: bool,
    /// Whether an empty line stands before what follows.
    pub(super) blank_before: bool,
    /// The comments that stand here.
    pub(super) comments: Vec<Comment<'s>>,
}

/// Makes text of pieces.
pub(super) fn render(mut pieces: Vec<Piece<'_>>) -> String {
    break_around_comments(&mut pieces);
    let mut renderer = Renderer {
        pieces: &pieces,
        text: String::new(),
        column: 0,
        frames: vec![Frame {
            indent: 0,
            outer_indent: 0,
            is_broken: true,
        }],
    };
    for index in 0..pieces.len() {
        renderer.piece(index);
    }
    renderer.text
}

/// Marks the groups that have a comment in them, or a group that is broken.
fn break_around_comments(pieces: &mut [Piece<'_>]) {
    let mut open = Vec::new();
    for index in 0..pieces.len() {
        match &pieces[index] {
            Piece::Open { is_broken, .. } => open.push((index, *is_broken)),
            Piece::Break(place) if !place.comments.is_empty() => {
                if let Some((_, is_broken)) = open.last_mut() {
                    *is_broken = true;
                }
            }
            Piece::Close => {
                let Some((start, broken)) = open.pop() else {
                    continue;
                };
                if let Piece::Open { is_broken, .. } = &mut pieces[start] {
                    *is_broken = broken;
                }
                if let Some((_, is_broken)) = open.last_mut() {
                    *is_broken |= broken;
                }
            }
            _ => {}
        }
    }
}

/// A group that is being written.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Levels of its lines.
    indent: usize,
    /// Levels of its closing bracket.
    outer_indent: usize,
    is_broken: bool,
}

struct Renderer<'p, 's> {
    pieces: &'p [Piece<'s>],
    text: String,
    /// Characters of the last line so far.
    column: usize,
    frames: Vec<Frame>,
}

impl Renderer<'_, '_> {
    fn piece(&mut self, index: usize) {
        let frame = self.frames[self.frames.len() - 1];
        match &self.pieces[index] {
            Piece::Text(text) => self.push(text),
            Piece::TrailingComma if frame.is_broken => self.push(","),
            Piece::TrailingComma => {}
            Piece::Open {
                indented,
                is_broken,
            } => {
                let is_broken = frame.is_broken && (*is_broken || !self.group_fits(index));
                self.frames.push(Frame {
                    indent: frame.indent + usize::from(*indented),
                    outer_indent: frame.indent,
                    is_broken,
                });
            }
            Piece::Close => {
                self.frames.pop();
            }
            Piece::Break(place) => {
                let goes_on = !frame.is_broken
                    || place.line == Line::Fill
                        && place.comments.is_empty()
                        && self.part_fits(index + 1);
                if goes_on {
                    self.push(flat(place.line));
                } else {
                    self.break_line(place, frame);
                }
            }
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn new_line(&mut self, indent: usize, has_blank: bool) {
        self.text.push_str(if has_blank { "\n\n" } else { "\n" });
        self.text.push_str(&" ".repeat(indent * INDENT));
        self.column = indent * INDENT;
    }

    fn break_line(&mut self, place: &Break<'_>, frame: Frame) {
        // Behind the brace that opens a body no empty line is kept.
        let mut is_first = self.text.ends_with('{');
        for comment in &place.comments {
            if comment.own_line {
                let has_blank = place.keeps_blanks && comment.blank_before && !is_first;
                self.new_line(frame.indent, has_blank);
                is_first = false;
            } else {
                self.push("  ");
            }
            self.push(comment.text);
        }
        if place.is_last {
            self.new_line(frame.outer_indent, false);
        } else {
            let has_blank = place.keeps_blanks && place.blank_before && !is_first;
            self.new_line(frame.indent, has_blank);
        }
    }

    /// Whether the group that begins at `start` fits on the line, with what follows it up to the next break.
    fn group_fits(&self, start: usize) -> bool {
        let mut room = WIDTH.saturating_sub(self.column);
        let mut depth = 0_usize;
        let mut is_over = false;
        for piece in &self.pieces[start..] {
            let width = match piece {
                Piece::Text(text) => text.chars().count(),
                Piece::Break(_) if is_over => return true,
                Piece::Break(place) => flat(place.line).len(),
                Piece::TrailingComma => 0,
                Piece::Open { .. } => {
                    depth += 1;
                    0
                }
                Piece::Close => {
                    depth = depth.saturating_sub(1);
                    is_over |= depth == 0;
                    0
                }
            };
            let Some(left) = room.checked_sub(width) else {
                return false;
            };
            room = left;
        }
        true
    }

    /// Whether a blank and what stands from `start` to the next break of the same group fit on the line.
    fn part_fits(&self, start: usize) -> bool {
        let mut room = WIDTH.saturating_sub(self.column + 1);
        let mut depth = 0_usize;
        for piece in &self.pieces[start..] {
            let width = match piece {
                Piece::Text(text) => text.chars().count(),
                Piece::Break(_) if depth == 0 => return true,
                Piece::Break(place) => flat(place.line).len(),
                Piece::TrailingComma => usize::from(depth == 0),
                Piece::Open { .. } => {
                    depth += 1;
                    0
                }
                Piece::Close => {
                    depth = depth.saturating_sub(1);
                    0
                }
            };
            let Some(left) = room.checked_sub(width) else {
                return false;
            };
            room = left;
        }
        true
    }
}

/// What stands at a break where the line goes on.
const fn flat(line: Line) -> &'static str {
    match line {
        Line::Soft => "",
        Line::Blank | Line::Fill => " ",
    }
}
