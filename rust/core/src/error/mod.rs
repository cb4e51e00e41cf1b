//! Errors of the compiler: what each says, where it points, and the report that a person reads.

mod catalogue;
mod code;
mod render;

use std::fmt;

use crate::limits;
use crate::span::{LineIndex, Span};

pub use code::{Code, Explanation};

/// One error of a probe file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which error.
    pub code: Code,
    /// What is wrong; no trailing full stop.
    pub message: String,
    /// Line of the first character, 1-based.
    pub line: u32,
    /// Column of the first character, 1-based, in characters.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column just behind the last character.
    pub end_column: u32,
    /// What to do about it, where there is something to say.
    pub help: Option<String>,
}

/// All errors of one probe file, in source order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileErrors {
    name: String,
    diagnostics: Vec<Diagnostic>,
    /// The line of the source that each diagnostic shows.
    excerpts: Vec<render::Excerpt>,
    /// How many were left out of the report.
    left_out: usize,
}

impl CompileErrors {
    /// The name given to the compiler.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The errors; never empty.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The report that a person reads; with escape sequences of a terminal if `colour`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        render::report(self, colour)
    }
}

impl fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for CompileErrors {}

/// An error as the compiler's stages report it: with a span, not yet with lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Report {
    span: Span,
    code: Code,
    message: String,
    help: Option<String>,
}

/// Collects what the stages find.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    reports: Vec<Report>,
    left_out: usize,
}

impl Reporter {
    /// Reports an error.
    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(code, span, message, None::<String>);
    }

    /// Reports an error and what to do about it.
    pub(crate) fn error_with_help(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report(code, span, message, Some(help));
    }

    /// Reports an error and what to do about it, if that is known.
    pub(crate) fn report(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: Option<impl Into<String>>,
    ) {
        // Later stages see the file from its start again, so room is kept for their first errors too.
        if self.reports.len() >= 2 * limits::DIAGNOSTICS {
            self.left_out += 1;
            return;
        }
        self.reports.push(Report {
            span,
            code,
            message: message.into(),
            help: help.map(Into::into),
        });
    }

    /// Whether nothing was reported.
    pub(crate) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// All that was reported, sorted, as the error of a compilation of `source`.
    pub(crate) fn finish(mut self, name: &str, source: &str) -> CompileErrors {
        self.reports.sort();
        self.reports.dedup();
        let kept = self.reports.len().min(limits::DIAGNOSTICS);
        let left_out = self.left_out + self.reports.len() - kept;
        self.reports.truncate(kept);
        let index = LineIndex::new(source);
        let excerpts = self
            .reports
            .iter()
            .map(|report| render::Excerpt::new(source, report.span))
            .collect();
        let diagnostics = self
            .reports
            .into_iter()
            .map(|report| {
                let (line, column) = index.position(report.span.start);
                let (end_line, end_column) = index.position(report.span.end);
                Diagnostic {
                    code: report.code,
                    message: report.message,
                    line,
                    column,
                    end_line,
                    end_column,
                    help: report.help,
                }
            })
            .collect();
        CompileErrors {
            name: name.to_owned(),
            diagnostics,
            excerpts,
            left_out,
        }
    }
}
