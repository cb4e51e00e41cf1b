//! Bytes → decode → verify → run: any bytes are refused, or run without a panic to their end.
#![no_main]

use hogtrace_core::bytecode::disasm;
use hogtrace_core::{verify, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(program) = wire::decode(bytes) {
        assert!(!disasm::listing(&program).is_empty());
        if let Ok(program) = verify::verify(program) {
            hogtrace_fuzz::run_all(&program);
        }
    }
});
