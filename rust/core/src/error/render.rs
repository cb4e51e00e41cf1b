//! The report of errors as a person reads it: message, place, the source line with the span underlined, help.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::{CompileErrors, Diagnostic};
use crate::span::Span;

/// Bytes of a source line that are shown on either side of the error; the rest of a long line is cut off.
const CONTEXT_BYTES: usize = 200;

/// The part of the source that one diagnostic shows: its line, or what of a long line is near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    text: String,
    /// What to underline, in bytes of the text.
    marked: Range<usize>,
    /// Whether the text begins where its line begins.
    is_whole: bool,
}

impl Excerpt {
    pub(super) fn new(source: &str, span: Span) -> Self {
        let start = boundary(source, span.start as usize);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = source[start..]
            .find('\n')
            .map_or(source.len(), |newline| start + newline);
        // A span that goes on behind its first line is underlined on that line alone.
        let end = boundary(source, span.end as usize).clamp(start, line_end);
        let from = line_start.max(boundary(source, start.saturating_sub(CONTEXT_BYTES)));
        let to = line_end.min(boundary(source, end.saturating_add(CONTEXT_BYTES)));
        let to = to.min(boundary(source, from.saturating_add(4 * CONTEXT_BYTES)));
        let text = source[from..to].trim_end_matches('\r').to_owned();
        let marked = (start - from).min(text.len())..(end - from).min(text.len());
        Self {
            text,
            marked,
            is_whole: from == line_start,
        }
    }
}

/// The nearest start of a character at or before a byte.
fn boundary(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Renders all errors, one block each, with a last line that counts them.
pub(super) fn report(errors: &CompileErrors, colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut report = String::new();
    for (diagnostic, excerpt) in errors.diagnostics.iter().zip(&errors.excerpts) {
        report.push_str(&block(&renderer, errors.name(), diagnostic, excerpt));
        report.push_str("\n\n");
    }
    let count = errors.diagnostics.len() + errors.left_out;
    let noun = if count == 1 { "error" } else { "errors" };
    // Writing to a string cannot fail.
    let _ = write!(report, "{count} {noun} in {}", errors.name());
    if errors.left_out > 0 {
        let _ = write!(report, ", the first {} shown", errors.diagnostics.len());
    }
    report
}

fn block(renderer: &Renderer, name: &str, diagnostic: &Diagnostic, excerpt: &Excerpt) -> String {
    let line = diagnostic.line as usize;
    let snippet = Snippet::source(excerpt.text.as_str())
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(excerpt.marked.clone()));
    let title = Level::ERROR
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.as_str());
    let mut group = if excerpt.is_whole {
        title.element(snippet.path(name))
    } else {
        // The column counts from the start of the line, which the excerpt does not show.
        let origin = Origin::path(name)
            .line(line)
            .char_column(diagnostic.column as usize);
        title.element(origin).element(snippet)
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}
