//! Whatever text comes in: an answer, never a panic, and a report that fits the text.

use std::fs;
use std::path::PathBuf;

use hogtrace_core::{compile, verify, wire};
use proptest::prelude::*;

/// The text of every input, valid and invalid.
fn inputs() -> Vec<String> {
    ["valid", "invalid"]
        .iter()
        .flat_map(|folder| {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("tests/inputs")
                .join(folder);
            fs::read_dir(folder).expect("a folder of inputs")
        })
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("UTF-8"))
        .collect()
}

/// Compiles and checks what must hold of every answer.
fn answer(source: &str) {
    match compile(source, "test") {
        Ok(program) => {
            let bytes = wire::encode(program.program());
            let again = wire::decode(&bytes).expect("what was encoded can be decoded");
            assert!(verify::verify(again).is_ok());
        }
        Err(errors) => {
            assert!(!errors.diagnostics().is_empty());
            for error in errors.diagnostics() {
                assert!((error.line, error.column) >= (1, 1));
                assert!((error.end_line, error.end_column) >= (error.line, error.column));
                assert!(
                    error.code != hogtrace_core::error::Code::Internal,
                    "{source:?}"
                );
            }
            assert!(errors.render(true).len() >= errors.render(false).len());
        }
    }
}

/// Pieces of which the words of the language are made.
fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "fn:a.b:entry",
        "fn:a.b:exit",
        "fn:",
        ":",
        "entry",
        "+3",
        "/",
        "//",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ";",
        ",",
        ".",
        "=",
        "==",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "%",
        "&&",
        "||",
        "!",
        "and",
        "or",
        "not",
        "in",
        "is",
        "None",
        "True",
        "args",
        "arg0",
        "retval",
        "locals",
        "x",
        "$req.a",
        "$call.b",
        "$",
        "@",
        "capture",
        "send",
        "len",
        "min",
        "sample",
        "sample 10%;",
        "matches(",
        "\"^a+$\"",
        "stack(",
        "10",
        "1.5",
        "0x",
        "\"s\"",
        "'",
        "\"",
        "\\",
        "#c\n",
        "\n",
        " ",
        "**",
        "é",
        "\0",
        "__x__",
        "capture(x=",
        "capture(",
        ");",
        "[1, 2]",
        "if",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_has_an_answer(source in any::<String>()) {
        answer(&source);
    }

    #[test]
    fn any_words_have_an_answer(words in proptest::collection::vec(piece(), 0..40), blank in any::<bool>()) {
        answer(&words.join(if blank { " " } else { "" }));
    }

    #[test]
    fn any_expression_has_an_answer(words in proptest::collection::vec(piece(), 0..12)) {
        answer(&format!("fn:a.b:exit / {} / {{ capture(x={}); }}", words.join(" "), words.join(" ")));
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(program) = wire::decode(&bytes) {
            drop(verify::verify(program));
        }
    }
}

#[test]
fn every_beginning_of_every_input_has_an_answer() {
    for source in inputs() {
        for (end, _) in source.char_indices() {
            answer(&source[..end]);
        }
    }
}

#[test]
fn every_input_without_one_character_has_an_answer() {
    for source in inputs() {
        for (start, character) in source.char_indices() {
            let end = start + character.len_utf8();
            answer(&format!("{}{}", &source[..start], &source[end..]));
        }
    }
}

#[test]
fn long_lines_and_files_take_no_longer_than_their_length() {
    for source in [
        "(".repeat(1_000_000),
        "fn:a.b:entry{capture(x=".repeat(40_000),
        "fn:a.b:entry{capture(§);}".repeat(30_000),
        format!("fn:a.b:entry{{capture({}", "x+".repeat(500_000)),
        format!("fn:a.b:entry{{capture({}1);}}", "1 or ".repeat(200_000)),
        "\"".repeat(1_000_000),
        "é".repeat(500_000),
        "fn:a.b:entry / a / b ".repeat(40_000),
        format!("fn:a.b:entry{{{}", "@".repeat(1_000_000)),
        "fn:".repeat(300_000),
    ] {
        answer(&source);
    }
}
