//! Text → compile → bytes → verify → run: any text has an answer, and what compiles survives the way over the wire.
#![no_main]

use hogtrace_core::bytecode::disasm;
use hogtrace_core::error::Code;
use hogtrace_core::{compile, verify, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    match compile(source, "fuzz") {
        Ok(program) => {
            let bytes = wire::encode(program.program());
            let decoded = wire::decode(&bytes).expect("what was encoded can be decoded");
            assert_eq!(wire::encode(&decoded), bytes);
            assert!(!disasm::listing(&decoded).is_empty());
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
