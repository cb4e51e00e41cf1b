//! Bounded copies of values: what a capture keeps, in a packed form that needs no Python to be read.
//!
//! [`Writer`] walks live objects once and runs no code of the application; [`Packed`] is what it leaves; `json` and
//! `python` read that.

mod budget;
mod buffer;
mod containers;
mod exceptions;
mod json;
mod limits;
mod lookup;
mod mark;
mod names;
mod natives;
mod objects;
mod packed;
mod parse;
mod parts;
mod plain;
mod python;
mod record;
mod strings;
mod text;
mod walk;
mod write;

pub(crate) use budget::Clock;
pub(crate) use buffer::Room;
pub(crate) use json::{write_json_float, write_json_string};
pub(crate) use limits::{CopyLimits, Limits};
pub(crate) use mark::mark_class;
pub(crate) use packed::{Names, Packed, size_of_names};
pub(crate) use parse::{pack_json, pack_scalars};
pub(crate) use parts::{
    holds_secret_parts, is_of_secret_type, is_secret_key, is_secret_part, tells_secret,
};
pub(crate) use plain::Plain;
pub(crate) use python::Form;
pub(crate) use record::{RECORD, pack_record};
pub(crate) use write::{Finished, Writer};
