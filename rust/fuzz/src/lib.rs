//! What is fuzzed: text through compiler, verifier and machine, and bytes through decoder, verifier and machine.
//!
//! The fuzz targets and the counted run of the tests call the same two functions.

mod host;
mod random;
pub mod structure;
pub mod text;

use hogtrace_core::bytecode::disasm;
use hogtrace_core::error::Code;
use hogtrace_core::{VerifiedProgram, compile, format, limits, verify, wire};

use host::run_all;
pub use random::Random;

/// How far an input came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// It is no program: text with errors, or bytes that are not of the form.
    Refused,
    /// Bytes of that form, which the verifier refuses.
    Decoded,
    /// A program, and it ran.
    Ran,
}

/// Text → compile → bytes → verify → run: any text has an answer, and what compiles survives the way over the wire.
/// What compiles has a canonical text too, which is its own canonical text and means the same.
///
/// # Panics
/// When a promise is broken.
pub fn source(text: &str) -> Reached {
    let errors = match compile(text, "fuzz") {
        Ok(program) => {
            let bytes = wire::encode(program.program());
            let decoded = wire::decode(&bytes).expect("what was encoded can be decoded");
            assert_eq!(&decoded.names, &program.program().names);
            assert_eq!(wire::encode(&decoded), bytes);
            assert!(!disasm::listing(&decoded).is_empty());
            check_format(text, &program);
            run_all(&verify::verify(decoded).expect("what was compiled is sound"));
            return Reached::Ran;
        }
        Err(errors) => errors,
    };
    let diagnostics = errors.diagnostics();
    assert!(!diagnostics.is_empty());
    assert!(diagnostics.iter().all(|error| error.code != Code::Internal));
    // A report costs many times what compiling does: one text of sixteen gets one.
    if text.bytes().fold(0_u8, u8::wrapping_add) % 16 == 0 {
        assert!(!errors.render(true).is_empty());
    }
    Reached::Refused
}

/// Checks the laws of the formatter over a source and the program that it is.
fn check_format(source: &str, program: &VerifiedProgram) {
    // Only a text that grows beyond the limit of a source has no canonical text.
    let Ok(text) = format(source, "fuzz") else {
        return;
    };
    assert_eq!(format(&text, "fuzz").as_deref(), Ok(&*text));
    let again = compile(&text, "fuzz").expect("the canonical text compiles");
    let [before, after] = [program, &again].map(|program| {
        let mut program = program.program().clone();
        for probe in &mut program.probes {
            probe.predicate.positions.clear();
            probe.body.positions.clear();
        }
        program
    });
    // Through the wire's bytes, because not every number is equal to itself.
    assert_eq!(wire::encode(&before), wire::encode(&after));
}

/// Bytes → decode → verify → run: any bytes are refused, or run without a panic to their end.
///
/// # Panics
/// When a promise is broken.
pub fn bytes(data: &[u8]) -> Reached {
    let Ok(program) = wire::decode(data) else {
        return Reached::Refused;
    };
    assert!(!disasm::listing(&program).is_empty());
    let again = wire::encode(&program);
    match verify::verify(program) {
        Ok(program) => {
            // What was accepted is written as it was read.
            let decoded = wire::decode(&again).expect("what was encoded can be decoded");
            assert_eq!(wire::encode(&decoded), again);
            run_all(&program);
            Reached::Ran
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let bound = limits::PROGRAM_BYTES;
            assert!(error.offset.is_none_or(|offset| offset <= bound));
            Reached::Decoded
        }
    }
}
