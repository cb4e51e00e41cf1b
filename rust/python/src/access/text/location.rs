//! The text of paths, and of addresses and networks.

use std::net::{Ipv4Addr, Ipv6Addr};

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::number::small_number;
use super::stored;
use crate::access::arithmetic::exact_int;
use crate::access::names::{names, short_name};
use crate::access::part::{bits, string_size};
use crate::access::shape::{Family, shape_of};
use crate::access::slots::kind_of;
use crate::access::storage::{stored_item, stored_length};

/// Characters of a path, or of one of its parts, that are shown.
const LONGEST_PATH: usize = 4096;
/// Parts of a path that are looked at.
const MOST_PARTS: usize = 256;

/// A path as `str` shows it.
pub(crate) fn path_text(path: &Bound<'_, PyAny>) -> Option<String> {
    let text = |value: Bound<'_, PyAny>| {
        let text = value.cast_into::<PyString>().ok()?;
        (string_size(&text).0 <= LONGEST_PATH).then(|| text.to_string_lossy().into_owned())
    };
    // Made at the first `str()`.
    if let Some(known) = stored(path, "_str").and_then(text) {
        return Some(known);
    }
    let separator = if short_name(path).contains("Windows") {
        "\\"
    } else {
        "/"
    };
    // Python 3.11 parses at once, later ones keep what they were given.
    let (parts, parsed) = match stored(path, "_parts") {
        Some(parts) => (parts, true),
        None => (stored(path, "_raw_paths")?, false),
    };
    if !matches!(shape_of(&parts).family, Family::List | Family::Tuple) {
        return None;
    }
    let parts: Vec<String> = (0..stored_length(&parts).min(MOST_PARTS))
        .filter_map(|index| stored_item(&parts, index))
        .filter_map(text)
        .collect();
    if parsed {
        // The first part is the anchor, which ends in a separator already.
        let anchored = parts
            .first()
            .is_some_and(|first| first.ends_with(separator));
        return Some(match parts.split_first() {
            Some((anchor, rest)) if anchored => anchor.clone() + &rest.join(separator),
            Some(_) => parts.join(separator),
            None => ".".to_owned(),
        });
    }
    if separator != "/" {
        return Some(parts.join(separator));
    }
    Some(joined(&parts))
}

/// The POSIX path that pieces make: the last absolute one begins it, and single dots and double separators are nothing.
fn joined(pieces: &[String]) -> String {
    let begin = pieces
        .iter()
        .rposition(|piece| piece.starts_with('/'))
        .unwrap_or(0);
    let whole = pieces[begin..].join("/");
    // Exactly two slashes at the beginning mean something of their own.
    let root = match whole.bytes().take_while(|&byte| byte == b'/').count() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let names: Vec<_> = whole
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    if root.is_empty() && names.is_empty() {
        ".".to_owned()
    } else {
        root.to_owned() + &names.join("/")
    }
}

/// An address or a network of `ipaddress` as `str` shows it.
pub(crate) fn network_text(object: &Bound<'_, PyAny>) -> Option<String> {
    let prefix = small_number(object, "_prefixlen");
    let address = match stored(object, "network_address") {
        Some(address) => address_text(&address)?,
        None => address_text(object)?,
    };
    Some(match prefix {
        Some(prefix) => format!("{address}/{prefix}"),
        None => address,
    })
}

fn address_text(address: &Bound<'_, PyAny>) -> Option<String> {
    let number = stored(address, "_ip")?;
    if shape_of(&number).family != Family::Int || bits(&number) > 128 {
        return None;
    }
    let number: u128 = exact_int(&number).ok()?.extract().ok()?;
    let is_v6 = kind_of(address)
        .lineage()
        .any(|kind| names(address.py(), kind).1 == "IPv6Address");
    if !is_v6 {
        return u32::try_from(number)
            .ok()
            .map(|number| Ipv4Addr::from(number).to_string());
    }
    let text = Ipv6Addr::from(number).to_string();
    let scope = stored(address, "_scope_id")
        .filter(|scope| shape_of(scope).family == Family::Str)
        .and_then(|scope| scope.cast_into::<PyString>().ok())
        .filter(|scope| string_size(scope).0 <= 64);
    Some(match scope {
        Some(scope) => format!("{text}%{}", scope.to_string_lossy()),
        None => text,
    })
}
