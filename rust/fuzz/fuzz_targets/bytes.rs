//! Bytes through decoder, verifier and machine. Half of the mutations are those of a program, the others of bytes.
#![no_main]

use hogtrace_fuzz::{Random, structure};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| {
    hogtrace_fuzz::bytes(data);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if seed % 2 == 0
        && let Some(bytes) = structure::mutate(&data[..size], &mut random)
        && bytes.len() <= max_size.min(data.len())
    {
        data[..bytes.len()].copy_from_slice(&bytes);
        return bytes.len();
    }
    fuzzer_mutate(data, size, max_size)
});
