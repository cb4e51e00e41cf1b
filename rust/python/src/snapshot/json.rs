//! Packed values as JSON text, without Python.
//!
//! What JSON has no form for is an object with one key that begins with `$`.

use std::fmt::Write;

use super::mark::looks_like_mark;
use super::packed::{Packed, Reader, Token};
use super::text::{write_str, write_surrogates};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Packed {
    /// Appends the copy to `out` as one JSON object, whatever its names begin with.
    pub(crate) fn write_json(&self, out: &mut String) {
        let (count, mut fields) = self.fields();
        out.push('{');
        for index in 0..count {
            if index > 0 {
                out.push(',');
            }
            write_name(out, fields.name());
            out.push(':');
            write_value(out, &mut fields.values);
        }
        out.push('}');
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn write_json_string(out: &mut String, text: &str) {
    write_str(out, text);
}

/// Appends a finite float as JSON, in Python's shortest form; others as a tagged string.
pub(crate) fn write_json_float(out: &mut String, value: f64) {
    let size = value.abs();
    // Writing to a string cannot fail.
    let _ = if value.is_nan() {
        out.write_str(r#"{"$float":"nan"}"#)
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 {
            r#"{"$float":"inf"}"#
        } else {
            r#"{"$float":"-inf"}"#
        })
    } else if size != 0.0 && !(1e-4..1e16).contains(&size) {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value:?}")
    };
}

fn write_value(out: &mut String, reader: &mut Reader<'_>) {
    match reader.next() {
        None | Some(Token::None) => out.push_str("null"),
        Some(Token::Bool(value)) => out.push_str(if value { "true" } else { "false" }),
        Some(Token::Int(value)) => {
            let _ = write!(out, "{value}");
        }
        Some(Token::BigInt(digits)) => {
            let _ = write!(out, r#"{{"$int":"{digits}"}}"#);
        }
        Some(Token::Float(value)) => write_json_float(out, value),
        Some(Token::Str(text)) if looks_like_mark(text) => {
            out.push_str(r#"{"$str":"#);
            write_str(out, text);
            out.push('}');
        }
        Some(Token::Str(text) | Token::Mark(text)) => write_str(out, text),
        Some(Token::Surrogates(bytes)) => write_surrogates(out, bytes),
        Some(Token::Bytes(bytes)) => {
            out.push_str(r#"{"$bytes":""#);
            write_base64(out, bytes);
            out.push_str(r#""}"#);
        }
        Some(Token::List(count) | Token::Tuple(count)) => write_list(out, reader, count),
        Some(Token::Set(count) | Token::FrozenSet(count)) => {
            out.push_str(r#"{"$set":"#);
            write_list(out, reader, count);
            out.push('}');
        }
        Some(Token::Record(count)) => write_fields(out, reader, count, None),
        Some(Token::Object(name, count)) => write_fields(out, reader, count, Some(name)),
        Some(Token::Dict(count)) => {
            out.push_str(r#"{"$dict":["#);
            for index in 0..count {
                out.push_str(if index == 0 { "[" } else { ",[" });
                write_value(out, reader);
                out.push(',');
                write_value(out, reader);
                out.push(']');
            }
            out.push_str("]}");
        }
    }
}

fn write_list(out: &mut String, reader: &mut Reader<'_>, count: usize) {
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        write_value(out, reader);
    }
    out.push(']');
}

fn write_fields(out: &mut String, reader: &mut Reader<'_>, count: usize, type_name: Option<&str>) {
    out.push('{');
    if let Some(name) = type_name {
        out.push_str(r#""$type":"#);
        write_str(out, name);
    }
    for index in 0..count {
        if index > 0 || type_name.is_some() {
            out.push(',');
        }
        write_name(out, reader.next());
        out.push(':');
        write_value(out, reader);
    }
    out.push('}');
}

/// Appends a field's name, or a key that is a plain string.
fn write_name(out: &mut String, name: Option<Token<'_>>) {
    match name {
        Some(Token::Str(text) | Token::Mark(text)) => write_str(out, text),
        Some(Token::Surrogates(bytes)) => write_surrogates(out, bytes),
        _ => out.push_str("\"\""),
    }
}

fn write_base64(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0u32, |word, &byte| word << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                out.push('=');
            } else {
                let digit = word >> (18 - 6 * place) & 0x3f;
                out.push(char::from(BASE64[digit as usize]));
            }
        }
    }
}
