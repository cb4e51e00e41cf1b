//! From text to tree and back: tokens, the tree, the parser, and the canonical text.

pub mod ast;
pub(crate) mod format;
pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod parser;
pub mod token;

use crate::error::{CompileErrors, Reporter};

/// The tokens of a probe file; what is no token is left out.
#[must_use]
pub fn tokens(source: &str) -> Vec<token::Token> {
    lexer::lex(source, &mut Reporter::default())
}

/// The tree of a probe file, not checked beyond its grammar. `name` stands in error reports.
///
/// # Errors
/// All errors of the grammar at once.
pub fn parse(source: &str, name: &str) -> Result<ast::File, CompileErrors> {
    let mut reporter = Reporter::default();
    let tokens = lexer::lex(source, &mut reporter);
    let file = parser::parse(source, &tokens, &mut reporter);
    if reporter.is_empty() {
        Ok(file)
    } else {
        Err(reporter.finish(name, source))
    }
}
