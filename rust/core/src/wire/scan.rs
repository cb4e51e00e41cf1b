//! A look at the outermost fields before anything is built of them.
//!
//! A few bytes can announce a message that takes hundreds once it is built, so what repeats is counted first. The
//! version is looked at first too: bytes of another version are told as such, whatever else is in them.

use prost::DecodeError as Malformed;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::{DecodeError, VERSION};
use crate::limits;

/// Checks the version, and that nothing repeats more often than a program may have it.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let found =
        count(bytes).map_err(|error| DecodeError::new(format!("not a program: {error}")))?;
    if found.version == 0 {
        return Err(DecodeError::new("not a program: it has no version"));
    }
    if found.version != u64::from(VERSION) {
        let reason = format!(
            "a program of version {}; this reads version {VERSION}",
            found.version
        );
        return Err(DecodeError::new(reason));
    }
    for (what, count, limit) in [
        ("names", found.names, limits::TABLE_ENTRIES),
        ("constants", found.constants, limits::TABLE_ENTRIES),
        ("probes", found.probes, limits::PROBES),
    ] {
        if count > limit {
            return Err(DecodeError::new(format!(
                "{count} {what}, of at most {limit}"
            )));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Found {
    version: u64,
    names: usize,
    constants: usize,
    probes: usize,
}

fn count(mut bytes: &[u8]) -> Result<Found, Malformed> {
    let mut found = Found::default();
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        match (tag, wire_type) {
            (1, WireType::Varint) => {
                found.version = decode_varint(&mut bytes)?;
                continue;
            }
            (3, _) => found.names += 1,
            (4, _) => found.constants += 1,
            (5, _) => found.probes += 1,
            _ => {}
        }
        skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
    }
    Ok(found)
}
