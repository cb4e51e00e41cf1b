//! The formatter: what it makes of a folder of inputs, and its laws over those, over every valid input, and over
//! generated programs.
//!
//! The laws: the canonical text is its own canonical text, it means what the source means, and every comment of the
//! source is in it, once and in order.

use std::fs;
use std::path::{Path, PathBuf};

use hogtrace_core::{compile, format, limits, syntax};
use insta::{assert_snapshot, glob};
use proptest::prelude::*;

mod source;
mod tree;

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("inputs are UTF-8")
}

/// Every input that compiles.
fn inputs() -> Vec<String> {
    let inputs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/inputs");
    ["valid", "format"]
        .iter()
        .flat_map(|folder| fs::read_dir(inputs.join(folder)).expect("a folder of inputs"))
        .map(|entry| read(&entry.expect("an entry").path()))
        .collect()
}

fn tree_of(source: &str) -> String {
    let file = syntax::parse(source, "law").unwrap_or_else(|errors| panic!("{errors}\n{source}"));
    tree::file(&file)
}

/// The comments of a source: what stands between its tokens and is no blank.
fn comments_of(source: &str) -> Vec<String> {
    let mut comments = Vec::new();
    let mut before = 0;
    for token in syntax::tokens(source) {
        let gap = &source[before..token.span.range().start];
        let lines = gap
            .lines()
            .map(|line| line.trim_matches(['\u{feff}', ' ', '\t', '\r', '\x0c']));
        comments.extend(
            lines
                .filter(|line| !line.is_empty())
                .map(|line| line.trim_end().to_owned()),
        );
        before = token.span.range().end;
    }
    comments
}

/// Checks the laws of a program that compiles, and gives its canonical text.
fn lawful(source: &str) -> String {
    let text = format(source, "law").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(
        tree_of(&text),
        tree_of(source),
        "it means the same:\n{source}\n---\n{text}"
    );
    assert_eq!(
        comments_of(&text),
        comments_of(source),
        "the comments:\n{source}\n---\n{text}"
    );
    let again = format(&text, "law").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(again, text, "it is its own canonical text:\n{source}");
    assert!(text.is_empty() || text.ends_with('\n') && !text.ends_with("\n\n"));
    for line in text.lines() {
        assert!(
            !line.ends_with([' ', '\t', '\r']) || line.ends_with('\\'),
            "blanks at the end: {line:?}"
        );
    }
    text
}

#[test]
fn canonical_texts() {
    glob!("inputs/format/*.hogtrace", |path| {
        assert_snapshot!("format", lawful(&read(path)));
    });
}

#[test]
fn every_valid_input_obeys_the_laws_and_compiles_to_the_same_code() {
    for source in inputs() {
        let text = lawful(&source);
        let [before, after] = [&source, &text].map(|text| {
            let program = compile(text, "law").unwrap_or_else(|errors| panic!("{errors}"));
            let mut program = program.program().clone();
            // Where the code stood in the source is all that may differ.
            for probe in &mut program.probes {
                probe.predicate.positions.clear();
                probe.body.positions.clear();
            }
            program
        });
        assert_eq!(before, after);
    }
}

#[test]
fn a_comment_may_stand_in_every_gap() {
    for source in inputs() {
        let mut before = 0;
        for token in syntax::tokens(&source) {
            let gap = before..token.span.range().start;
            before = token.span.range().end;
            // A target's tokens and a number's dot would change their meaning only without a blank, which is there.
            for comment in [" # new\n", "\n# new\n", "\n\n  # new\n\n"] {
                lawful(&format!(
                    "{}{comment}{}",
                    &source[..gap.end],
                    &source[gap.end..]
                ));
            }
        }
    }
}

#[test]
fn what_is_canonical_stays_within_the_width() {
    for source in inputs() {
        for line in lawful(&source).lines() {
            let code = line.split("  #").next().unwrap_or_default();
            // Heads, names with their attributes, strings and comments are not broken.
            let unbroken = code.starts_with("fn:") || code.trim_start().starts_with(['#', '"']);
            assert!(unbroken || code.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn what_does_not_compile_has_no_canonical_text() {
    let errors = format(
        "fn:a.b:entry { capture(lenn(1)) }\nfn:a.b:entry { retval; }",
        "law",
    )
    .unwrap_err();
    let codes: Vec<&str> = errors
        .diagnostics()
        .iter()
        .map(|error| error.code.as_str())
        .collect();
    assert_eq!(codes, ["HT030", "HT017", "HT018"]);
    assert!(format(&" ".repeat(limits::SOURCE_BYTES + 1), "law").is_err());
}

#[test]
fn a_text_that_would_grow_beyond_the_limit_is_refused() {
    let statements = "capture(a,b);".repeat(limits::SOURCE_BYTES / 13 - 2);
    let source = format!("fn:a.b:entry{{{statements}}}");
    let errors = format(&source, "law").unwrap_err();
    assert!(
        errors.diagnostics()[0]
            .message
            .starts_with("the canonical text has ")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn generated_programs_obey_the_laws(source in source::program()) {
        lawful(&source);
    }
}
