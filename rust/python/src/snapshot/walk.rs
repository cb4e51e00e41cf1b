//! Where in the captured value the copy is, and what it has met on the way there: cycles and shared objects.

use std::fmt::Write;

use super::buffer::Buffer;
use super::packed::{Names, Token};

/// Characters of one name or key in the text of a place.
const NAME: usize = 64;

/// How one value is reached from the one that holds it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// It is the captured field of that number.
    Captured(usize),
    /// It is a field, whose name stands at that place of the copy.
    Field(usize),
    /// It is under the key that stands at that place of the copy.
    Key(usize),
    /// It is the item of that number.
    Index(usize),
}

/// A container or object that the copy has entered.
struct Level {
    address: usize,
    /// The one that holds it.
    holder: Option<usize>,
    step: Step,
    /// How deep it was.
    depth: usize,
    /// Whether nothing in it was too deep.
    whole: bool,
    /// Whether to meet it again is worth a mark: it can change, or has an identity of its own.
    shared: bool,
}

/// What a container or object turns out to be.
pub(super) enum Met {
    /// It is new.
    New,
    /// The copy is inside it; its place.
    Inside(String),
    /// It was copied, at that place.
    Copied(String),
}

/// The way from a captured field to the value that is being copied.
pub(super) struct Walk {
    /// All that was entered in this field.
    levels: Vec<Level>,
    /// Those that the copy is in now, the outermost first.
    path: Vec<usize>,
    /// How many of them count for the depth.
    depth: usize,
    /// How the next value is reached.
    pub(super) step: Step,
}

impl Walk {
    pub(super) const fn new() -> Self {
        Self {
            levels: Vec::new(),
            path: Vec::new(),
            depth: 0,
            step: Step::Captured(0),
        }
    }

    /// Begins the captured field of that number.
    #[inline]
    pub(super) fn begin(&mut self, field: usize) {
        if !self.levels.is_empty() {
            self.levels.clear();
            self.path.clear();
        }
        self.depth = 0;
        self.step = Step::Captured(field);
    }

    /// How deep the copy is.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// What the object at `address` is to this copy.
    pub(super) fn meet(&self, address: usize, buffer: &Buffer<'_>, names: &Names) -> Met {
        if let Some(&level) = self
            .path
            .iter()
            .find(|&&level| self.levels[level].address == address)
        {
            return Met::Inside(self.place(level, buffer, names));
        }
        // From further up, or where nothing was too deep, no less of it was copied than would be here.
        let copied = self.levels.iter().position(|level| {
            level.address == address && level.shared && (level.whole || level.depth <= self.depth)
        });
        copied.map_or(Met::New, |level| {
            Met::Copied(self.place(level, buffer, names))
        })
    }

    /// Enters an object; false when memory ran out. `deeper` says that it counts for the depth.
    pub(super) fn enter(&mut self, address: usize, shared: bool, deeper: bool) -> bool {
        if self.levels.try_reserve(1).is_err() || self.path.try_reserve(1).is_err() {
            return false;
        }
        self.levels.push(Level {
            address,
            holder: self.path.last().copied(),
            step: self.step,
            depth: self.depth,
            whole: true,
            shared,
        });
        self.path.push(self.levels.len() - 1);
        self.depth += usize::from(deeper);
        true
    }

    /// Says that something in all that the copy is in is too deep.
    pub(super) fn too_deep(&mut self) {
        for &level in &self.path {
            self.levels[level].whole = false;
        }
    }

    /// Leaves the object that was entered last.
    pub(super) fn leave(&mut self, deeper: bool) {
        self.path.pop();
        self.depth -= usize::from(deeper);
    }

    /// The place of an object, as an expression would name it: `order.lines[0]`.
    fn place(&self, level: usize, buffer: &Buffer<'_>, names: &Names) -> String {
        let mut steps = Vec::new();
        let mut next = Some(level);
        while let Some(level) = next {
            steps.push(self.levels[level].step);
            next = self.levels[level].holder;
        }
        let mut text = String::new();
        for (index, step) in steps.into_iter().rev().enumerate() {
            match step {
                Step::Captured(field) => {
                    text.push_str(&shortened(names.get(field).map_or("?", |name| name)));
                }
                Step::Field(at) => {
                    if index > 0 {
                        text.push('.');
                    }
                    match buffer.token_at(at) {
                        Some(Token::Str(name)) => text.push_str(&shortened(name)),
                        _ => text.push('?'),
                    }
                }
                Step::Key(at) => match buffer.token_at(at) {
                    Some(Token::Str(key)) => {
                        text.push_str("[\"");
                        text.push_str(&shortened(key));
                        text.push_str("\"]");
                    }
                    Some(Token::Int(key)) => _ = write!(text, "[{key}]"),
                    _ => text.push_str("[…]"),
                },
                Step::Index(index) => _ = write!(text, "[{index}]"),
            }
        }
        text
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
