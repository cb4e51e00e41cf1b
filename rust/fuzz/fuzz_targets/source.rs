//! Text through compiler, verifier and machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    hogtrace_fuzz::source(text);
});
