//! The page of an error code: what it means, a program that has the error, and the same one put right.

use std::fmt::Write as _;

use crate::compile;
use crate::error::Code;

/// The page of `code`, in Markdown: its title, why it is an error, and the examples with the compiler's report, as far
/// as they fit on a page.
#[must_use]
pub fn explain(code: Code) -> String {
    let explanation = code.explanation();
    let mut page = format!("# {code}: {}\n\n{}\n", code.title(), explanation.text);
    // Writing to a string cannot fail.
    if let Some(wrong) = explanation.wrong {
        let _ = write!(page, "\n## Wrong\n\n```\n{wrong}\n```\n");
        if let Err(errors) = compile(wrong, "probe.hogtrace") {
            let report = errors.render(false);
            let lines: Vec<&str> = report.lines().map(str::trim_end).collect();
            // What stands behind the last empty line only counts the errors.
            let shown = lines[..lines.len().saturating_sub(2)].join("\n");
            let _ = write!(page, "\n```\n{shown}\n```\n");
        }
    }
    if let Some(right) = explanation.right {
        let _ = write!(page, "\n## Right\n\n```\n{right}\n```\n");
    }
    page
}
