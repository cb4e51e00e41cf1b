//! What each stage makes of a folder of inputs, as snapshots: tokens, tree, bytecode, errors.
//!
//! A new input is a new file under `tests/inputs`; `cargo insta review` (or `INSTA_UPDATE=always`) makes its snapshots.

use std::fs;
use std::path::Path;

use hogtrace_core::bytecode::disasm;
use hogtrace_core::{compile, syntax};
use insta::{assert_snapshot, glob};

mod tree;

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("inputs are UTF-8")
}

/// The name of an input as its reports show it, the same on every machine.
fn name(path: &Path) -> String {
    path.file_name()
        .expect("an input has a name")
        .to_string_lossy()
        .into_owned()
}

#[test]
fn tokens() {
    glob!("inputs/valid/*.hogtrace", |path| {
        let source = read(path);
        let tokens: Vec<String> = syntax::tokens(&source)
            .iter()
            .map(|token| format!("{:?} {:?}", token.kind, &source[token.span.range()]))
            .collect();
        assert_snapshot!("tokens", tokens.join("\n"));
    });
}

#[test]
fn trees() {
    glob!("inputs/valid/*.hogtrace", |path| {
        let file = syntax::parse(&read(path), &name(path)).expect("a valid input parses");
        assert_snapshot!("tree", tree::file(&file));
    });
}

#[test]
fn bytecode() {
    glob!("inputs/valid/*.hogtrace", |path| {
        let program = compile(&read(path), &name(path)).unwrap_or_else(|errors| panic!("{errors}"));
        let source = read(path);
        assert_snapshot!(
            "bytecode",
            disasm::listing_with_source(program.program(), &source)
        );
    });
}

#[test]
fn errors() {
    glob!("inputs/invalid/*.hogtrace", |path| {
        let errors = compile(&read(path), &name(path)).expect_err("an invalid input is refused");
        assert_snapshot!("errors", errors.render(false));
    });
}

/// What people write who come from elsewhere, or whose fingers slip: many wrong probes in one file, all told at once.
#[test]
fn habits() {
    glob!("inputs/habits/*.hogtrace", |path| {
        let errors = compile(&read(path), &name(path)).expect_err("a foreign habit is refused");
        assert_snapshot!("habits", errors.render(false));
    });
}
