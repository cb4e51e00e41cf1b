//! The frames of a thread as short texts: `stack()`.
//!
//! They are read through the C interface of frames and code objects, which runs no Python code. A frame's locals are not
//! looked at, and nothing of a frame is kept.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyFrame, PyString};

use crate::access::{string_size, text_of};

/// Bytes of a file's name, and of a function's, that the text of a frame holds. Of a longer file name the end is kept.
/// The largest list of frames takes less than 64 KiB so.
const NAME: usize = 480;
/// Longer names are not looked at.
const LONGEST: usize = 65_536;

/// The innermost `count` frames from `frame` outwards, that one first, each as `file:line function`. `line` is the line
/// of the first, where that is known better than the frame itself tells.
pub(crate) fn innermost(frame: Bound<'_, PyFrame>, line: Option<u32>, count: u8) -> Vec<String> {
    let mut texts = Vec::with_capacity(usize::from(count));
    let (mut next, mut line) = (Some(frame), line);
    while let Some(frame) = next {
        texts.push(text(&frame, line.take()));
        if texts.len() == usize::from(count) {
            break;
        }
        next = outer(&frame);
    }
    texts
}

/// The frame that runs: a hook adds none, so it is the woven function's.
pub(crate) fn running(py: Python<'_>) -> Option<Bound<'_, PyFrame>> {
    // SAFETY: gives a borrowed reference to a frame, or null without a running one.
    unsafe {
        Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast())
            .map(|frame| frame.cast_into_unchecked())
    }
}

/// The line of `frame` at which an exception that leaves it was raised, or passed through.
pub(crate) fn line_of_raise(
    frame: &Bound<'_, PyFrame>,
    exception: &Bound<'_, PyAny>,
) -> Option<u32> {
    let py = frame.py();
    // SAFETY: an exception; the result is a new reference or null.
    let traceback = unsafe {
        Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetTraceback(exception.as_ptr()))?
    };
    // The newest entry is that of the outermost frame so far. Its attributes are C's own.
    let its_frame = traceback.getattr(intern!(py, "tb_frame")).ok()?;
    if !its_frame.is(frame) {
        return None;
    }
    traceback
        .getattr(intern!(py, "tb_lineno"))
        .ok()?
        .extract()
        .ok()
}

fn outer<'py>(frame: &Bound<'py, PyFrame>) -> Option<Bound<'py, PyFrame>> {
    // SAFETY: a frame that lives; the result is a new reference to a frame, or null at the outermost one.
    unsafe {
        Bound::from_owned_ptr_or_opt(
            frame.py(),
            ffi::PyFrame_GetBack(frame.as_ptr().cast()).cast(),
        )
        .map(|frame| frame.cast_into_unchecked())
    }
}

fn text(frame: &Bound<'_, PyFrame>, line: Option<u32>) -> String {
    let py = frame.py();
    // SAFETY: a frame that lives; every frame has a code object, to which this is a new reference.
    let code: Bound<'_, PyCode> = unsafe {
        Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(frame.as_ptr().cast()).cast())
            .cast_into_unchecked()
    };
    let line = line.unwrap_or_else(|| line_of(frame, &code));
    place(&code, line)
}

/// `file:line function`
pub(crate) fn place(code: &Bound<'_, PyCode>, line: u32) -> String {
    let py = code.py();
    let file = name(code, intern!(py, "co_filename"));
    let function = name(code, intern!(py, "co_qualname"));
    format!("{}:{line} {}", end(&file), beginning(&function))
}

/// Where a code object begins: `file:line`.
pub(crate) fn beginning_of(code: &Bound<'_, PyCode>) -> String {
    let py = code.py();
    let line = code
        .getattr(intern!(py, "co_firstlineno"))
        .and_then(|line| line.extract::<u32>())
        .unwrap_or(0);
    format!("{}:{line}", end(&name(code, intern!(py, "co_filename"))))
}

/// A name of a code object, whose attributes are C's own fields; of a very long one nothing.
fn name(code: &Bound<'_, PyCode>, attribute: &Bound<'_, PyString>) -> String {
    code.getattr(attribute)
        .ok()
        .and_then(|value| value.cast_into::<PyString>().ok())
        .filter(|name| string_size(name).0 <= LONGEST)
        .map_or_else(|| "?".to_owned(), |name| text_of(&name))
}

/// The line that a frame is at. What is woven into its code belongs to no line; then it is that of the instruction
/// before, which at the beginning is the `def` line.
fn line_of(frame: &Bound<'_, PyFrame>, code: &Bound<'_, PyCode>) -> u32 {
    let py = frame.py();
    let positive = |line: std::ffi::c_int| u32::try_from(line).ok().filter(|&line| line > 0);
    // SAFETY: a frame that lives.
    if let Some(line) = positive(unsafe { ffi::PyFrame_GetLineNumber(frame.as_ptr().cast()) }) {
        return line;
    }
    let number = |object: &Bound<'_, PyAny>, attribute: &Bound<'_, PyString>| {
        object
            .getattr(attribute)
            .ok()?
            .extract::<std::ffi::c_int>()
            .ok()
    };
    let mut at = number(frame, intern!(py, "f_lasti")).unwrap_or(0);
    while at > 0 {
        at -= 2;
        // SAFETY: a code object that lives; the offset lies in it.
        if let Some(line) = positive(unsafe { ffi::PyCode_Addr2Line(code.as_ptr().cast(), at) }) {
            return line;
        }
    }
    number(code, intern!(py, "co_firstlineno"))
        .and_then(positive)
        .unwrap_or(0)
}

fn beginning(text: &str) -> String {
    if text.len() <= NAME {
        return text.to_owned();
    }
    let cut = (0..=NAME).rev().find(|&cut| text.is_char_boundary(cut));
    format!("{}…", &text[..cut.unwrap_or(0)])
}

fn end(text: &str) -> String {
    if text.len() <= NAME {
        return text.to_owned();
    }
    let cut = (text.len() - NAME..text.len()).find(|&cut| text.is_char_boundary(cut));
    format!("…{}", &text[cut.unwrap_or(text.len())..])
}
