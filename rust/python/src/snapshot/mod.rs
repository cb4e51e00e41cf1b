//! Bounded copies of values: what a capture keeps, in a packed form that needs no Python to be read.
//!
//! [`Writer`] walks live objects once and runs no code of the application; [`Packed`] is what it leaves; `json` and
//! `python` read that.

mod buffer;
mod json;
mod limits;
mod objects;
mod packed;
mod parse;
mod parts;
mod python;
mod text;
mod write;

pub(crate) use json::{write_json_float, write_json_string};
pub(crate) use limits::Limits;
pub(crate) use packed::Packed;
pub(crate) use parse::{pack_json, pack_scalars};
pub(crate) use parts::{
    holds_secret_parts, is_of_secret_type, is_secret_key, is_secret_part, tells_secret,
};
pub(crate) use python::Form;
pub(crate) use write::Writer;
