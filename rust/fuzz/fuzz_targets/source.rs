//! Text → compile → bytes → verify → run: any text has an answer, and what compiles survives the way over the wire.
//! What compiles has a canonical text too, which is its own canonical text and means the same.
#![no_main]

use hogtrace_core::bytecode::disasm;
use hogtrace_core::error::Code;
use hogtrace_core::{VerifiedProgram, compile, format, verify, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    match compile(source, "fuzz") {
        Ok(program) => {
            let bytes = wire::encode(program.program());
            let decoded = wire::decode(&bytes).expect("what was encoded can be decoded");
            assert_eq!(wire::encode(&decoded), bytes);
            assert!(!disasm::listing(&decoded).is_empty());
            check_format(source, &program);
            hogtrace_fuzz::run_all(&verify::verify(decoded).expect("what was compiled is sound"));
        }
        Err(errors) => {
            assert!(
                errors
                    .diagnostics()
                    .iter()
                    .all(|error| error.code != Code::Internal)
            );
            // Reports cost far more than compiling, so long ones are left to the tests.
            if errors.diagnostics().len() < 4 {
                assert!(!errors.render(true).is_empty());
            }
        }
    }
});

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
