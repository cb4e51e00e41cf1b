//! The HogTrace language without Python: compiler, bytecode, verifier and virtual machine.
//!
//! The way of a program: [`syntax`] makes a tree of the text, the checker resolves it, the code generator makes
//! [`bytecode`] of it, [`verify`] proves it safe, and [`vm`] runs it over a [`vm::Host`]. [`wire`] carries it between
//! processes; what it reads has to be verified again. The way back, from the tree to canonical text, is [`format`].

#![forbid(unsafe_code)]

pub mod bytecode;
mod check;
mod codegen;
pub mod error;
mod explain;
pub mod limits;
pub mod pattern;
pub mod span;
mod suggest;
pub mod syntax;
pub mod value;
pub mod verify;
pub mod vm;
pub mod wire;

use error::{Code, Reporter};
use span::{LineIndex, Span};

pub use error::CompileErrors;
pub use explain::explain;
pub use verify::VerifiedProgram;

/// Compiles the text of a probe file. `name` stands in error reports and in the program: a path, or `<string>`. Of a
/// name of more than [`limits::NAME_BYTES`] the program keeps the end, which tells a path from others.
///
/// # Errors
/// All errors of the text at once.
pub fn compile(source: &str, name: &str) -> Result<VerifiedProgram, CompileErrors> {
    let Read { checked, .. } = read(source, name)?;
    let mut reporter = Reporter::default();
    let program = codegen::generate(
        &checked,
        end_of(name),
        &LineIndex::new(source),
        &mut reporter,
    );
    if !reporter.is_empty() {
        return Err(reporter.finish(name, source));
    }
    verify::verify(program).map_err(|error| {
        let place = error.probe.and_then(|probe| checked.probes.get(probe));
        let span = place.map(|probe| probe.span).unwrap_or_default();
        let message = format!("the verifier refuses what the compiler made: {error}");
        reporter.error_with_help(Code::Internal, span, message, "please report this probe");
        reporter.finish(name, source)
    })
}

/// The canonical text of a probe file, with its comments. Formatting it again gives the same, and it means the same.
/// `name` stands in error reports.
///
/// # Errors
/// All errors of the text at once: a file with errors has no canonical text. The limits of compiled probes are not
/// looked at.
pub fn format(source: &str, name: &str) -> Result<String, CompileErrors> {
    let Read { tokens, file, .. } = read(source, name)?;
    let text = syntax::format::format(source, &tokens, &file);
    if text.len() > limits::SOURCE_BYTES {
        let mut reporter = Reporter::default();
        let message = format!(
            "the canonical text has {} bytes; a program has at most {}",
            text.len(),
            limits::SOURCE_BYTES
        );
        reporter.error(Code::SourceTooLarge, Span::default(), message);
        return Err(reporter.finish(name, source));
    }
    Ok(text)
}

/// A source without errors, in each of its forms before the code.
struct Read {
    tokens: Vec<syntax::token::Token>,
    file: syntax::ast::File,
    checked: check::tree::Program,
}

/// Reads and checks a source.
fn read(source: &str, name: &str) -> Result<Read, CompileErrors> {
    let mut reporter = Reporter::default();
    if source.len() > limits::SOURCE_BYTES {
        let message = format!(
            "the source has {} bytes; a program has at most {}",
            source.len(),
            limits::SOURCE_BYTES
        );
        reporter.error(Code::SourceTooLarge, Span::default(), message);
        return Err(reporter.finish(name, source));
    }
    let tokens = syntax::lexer::lex(source, &mut reporter);
    let file = syntax::parser::parse(source, &tokens, &mut reporter);
    let checked = check::check(&file, source, &mut reporter);
    if reporter.is_empty() {
        Ok(Read {
            tokens,
            file,
            checked,
        })
    } else {
        Err(reporter.finish(name, source))
    }
}

/// As much of the end of a name as a program may have.
fn end_of(name: &str) -> &str {
    let mut start = name.len().saturating_sub(limits::NAME_BYTES);
    while !name.is_char_boundary(start) {
        start += 1;
    }
    &name[start..]
}
