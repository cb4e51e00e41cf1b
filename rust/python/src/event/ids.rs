//! Ids of events, and what about the process an event carries.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::captured::seconds;

/// Drawn anew in each process: two processes draw the same with a chance of one in 2⁶⁴.
static PROCESS: AtomicU64 = AtomicU64::new(0);
/// Goes up by one with each event.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// The process's number; asking the kernel at each event would cost more than all the rest of one.
static PROCESS_NUMBER: AtomicU32 = AtomicU32::new(0);
/// Goes up with each fork that made this process.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// A new id: the time in milliseconds (48 bits, so that ids sort by age), then 80 bits that no other event has.
pub(super) fn new_id(timestamp: f64) -> u128 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the conversion saturates, and 48 bits last until the year 10889"
    )]
    let milliseconds = (timestamp * 1000.0) as u64;
    let count = COUNT.fetch_add(1, Relaxed);
    // 80 bits hold the low 16 of the counter and the process's 64; the rest of the counter is spread over those.
    let process = PROCESS
        .load(Relaxed)
        .wrapping_add((count >> 16).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    u128::from(milliseconds) << 80 | u128::from(process) << 16 | u128::from(count & 0xffff)
}

/// Unix time in seconds.
pub(crate) fn now() -> f64 {
    seconds(SystemTime::now())
}

/// This process's number.
pub(crate) fn process_number() -> u32 {
    PROCESS_NUMBER.load(Relaxed)
}

/// A number that changes when this process has come out of a fork: whoever keeps random state draws it anew then.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// Draws what makes ids unique, now and in each child that a fork of this process makes.
pub(crate) fn register_fork_hook(py: Python<'_>) -> PyResult<()> {
    reseed();
    let os = py.import("os")?;
    if os.hasattr("register_at_fork")? {
        let hook = wrap_pyfunction!(after_fork_in_child, py)?;
        let options = PyDict::new(py);
        options.set_item("after_in_child", hook)?;
        os.call_method("register_at_fork", (), Some(&options))?;
    }
    Ok(())
}

/// Makes ids and random numbers of this process differ from its parent's.
#[pyfunction]
fn after_fork_in_child() {
    reseed();
    GENERATION.fetch_add(1, Relaxed);
}

fn reseed() {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(process::id());
    hasher.write_u64(now().to_bits());
    let drawn = hasher.finish();
    // Keys of `RandomState` come from the system once per thread, so a child has its parent's; number and time differ.
    PROCESS.store(drawn, Relaxed);
    PROCESS_NUMBER.store(process::id(), Relaxed);
}
