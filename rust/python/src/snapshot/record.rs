//! The values of the record that ends a request.

use super::buffer::{Buffer, Room};
use super::packed::Packed;

/// Their names.
pub(crate) const RECORD: [&str; 7] = [
    "method", "path", "route", "status", "duration", "captured", "errors",
];

/// Packs them: `request` is what describes the request, `duration` is in seconds. `None` when memory ran out.
pub(crate) fn pack_record(
    request: &Packed,
    status: Option<i64>,
    duration: f64,
    captured: i64,
    errors: i64,
) -> Option<Vec<u8>> {
    let mut room = Room::new();
    let mut buffer = Buffer::new(&mut room);
    for name in &RECORD[..3] {
        match request.field(name) {
            Some(value) => buffer.packed(value),
            None => buffer.none(),
        }
    }
    match status {
        Some(status) => buffer.integer(status),
        None => buffer.none(),
    }
    buffer.float(duration);
    buffer.integer(captured);
    buffer.integer(errors);
    buffer.finish().map(<[u8]>::to_vec)
}
