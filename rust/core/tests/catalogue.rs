//! The error codes and their pages: one list, in Rust, from which `docs/errors` is made.
//!
//! `HOGTRACE_WRITE_DOCS=1 cargo test --test catalogue` writes the pages; without it the test compares them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use hogtrace_core::error::Code;
use hogtrace_core::{compile, explain, format};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors")
}

/// The list of all codes.
fn index() -> String {
    let mut index = "# Errors of the compiler\n\nEvery error of a probe file has a code. All errors of a file are \
                     reported at once, each with its line and column, the source line, and a hint where there is \
                     one.\n\n| code | meaning |\n| --- | --- |\n"
        .to_owned();
    for (code, title) in Code::ALL {
        let _ = writeln!(index, "| [{code}]({code}.md) | {title} |");
    }
    index
}

#[test]
fn the_pages_are_those_of_the_catalogue() {
    let mut pages = vec![("README.md".to_owned(), index())];
    pages.extend(
        Code::ALL
            .iter()
            .map(|&(code, _)| (format!("{code}.md"), explain(code))),
    );
    if std::env::var_os("HOGTRACE_WRITE_DOCS").is_some() {
        fs::create_dir_all(folder()).expect("the folder of pages");
        for (name, text) in &pages {
            fs::write(folder().join(name), text).expect("a page");
        }
    }
    for (name, text) in &pages {
        let written = fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(
            written == *text,
            "docs/errors/{name} is out of date: run with HOGTRACE_WRITE_DOCS=1"
        );
    }
    let count = fs::read_dir(folder()).expect("the folder of pages").count();
    assert_eq!(count, pages.len(), "docs/errors has a page without a code");
}

#[test]
fn every_wrong_example_has_its_error_and_every_right_one_none() {
    for &(code, _) in Code::ALL {
        let explanation = code.explanation();
        assert!(!explanation.text.is_empty(), "{code}");
        assert_eq!(
            explanation.wrong.is_some(),
            explanation.right.is_some(),
            "{code}"
        );
        if let Some(wrong) = explanation.wrong {
            let errors = compile(wrong, "wrong").expect_err("the example is wrong");
            let codes: Vec<Code> = errors
                .diagnostics()
                .iter()
                .map(|error| error.code)
                .collect();
            assert!(codes.contains(&code), "{code}: {codes:?}");
        }
        if let Some(right) = explanation.right {
            assert!(compile(right, "right").is_ok(), "{code}: {right}");
            assert_eq!(
                format(right, "right").as_deref(),
                Ok(&*format!("{right}\n")),
                "{code}"
            );
        }
    }
}
