//! The HogTrace language without Python: compiler, bytecode, verifier and virtual machine.
//!
//! The way of a program: [`syntax`] makes a tree of the text, the checker resolves it, the code generator makes
//! [`bytecode`] of it, [`verify`] proves it safe, and [`vm`] runs it over a [`vm::Host`]. [`wire`] carries it between processes;
//! what it reads has to be verified again.

#![forbid(unsafe_code)]

pub mod bytecode;
mod check;
mod codegen;
pub mod error;
pub mod limits;
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
pub use verify::VerifiedProgram;

/// Compiles the text of a probe file. `name` stands in error reports and in the program: a path, or `<string>`.
///
/// # Errors
/// All errors of the text at once.
pub fn compile(source: &str, name: &str) -> Result<VerifiedProgram, CompileErrors> {
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
    let checked = check::check(&file, &mut reporter);
    if !reporter.is_empty() {
        return Err(reporter.finish(name, source));
    }
    let program = codegen::generate(&checked, name, &LineIndex::new(source), &mut reporter);
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
