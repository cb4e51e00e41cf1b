//! The elements of arrays that keep numbers in plain memory: `array.array`, `memoryview`, `numpy.ndarray`.
//!
//! As in `slots`, nothing here runs code of the application: the buffer is asked of the built-in type's own function,
//! whatever a subclass defines, and is given back to it.

use std::ffi::{CStr, c_int};
use std::{ptr, slice};

use pyo3::ffi::{self, Py_buffer};
use pyo3::prelude::*;

use super::slots::{Kind, kind_of};

/// More dimensions are not looked at.
const DIMENSIONS: usize = 32;

/// One element, as what it is.
pub(crate) enum Element<'py> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer that needs the 64th bit.
    Large(u64),
    Float(f64),
    /// A real and an imaginary part.
    Complex(f64, f64),
    Text(String),
    Bytes(Vec<u8>),
    Object(Bound<'py, PyAny>),
}

/// What an array holds.
pub(crate) struct Elements<'py> {
    /// How many there are along each dimension.
    pub(crate) shape: Vec<usize>,
    /// What they are: `int64`, `float32`, `complex128`, `bool`, `object`, `str`, `bytes`.
    pub(crate) kind: String,
    /// How many there are in all.
    pub(crate) total: usize,
    /// The first of them, the last dimension running fastest.
    pub(crate) first: Vec<Element<'py>>,
}

/// The built-in array type that an object's type is or derives from.
pub(crate) fn array_type<'a>(object: &'a Bound<'_, PyAny>) -> Option<Kind<'a>> {
    let native = kind_of(object).native();
    matches!(
        native.c_name().to_bytes(),
        b"array.array" | b"memoryview" | b"numpy.ndarray"
    )
    .then_some(native)
}

/// The first `most` elements of an array; why not, where they cannot be had. `base` is what `array_type` gave.
pub(crate) fn elements<'py>(
    base: Kind<'_>,
    array: &Bound<'py, PyAny>,
    most: usize,
) -> Result<Elements<'py>, &'static str> {
    let view = View::of(base, array).ok_or("its elements are no plain numbers")?;
    let dimensions = usize::try_from(view.raw.ndim).unwrap_or(usize::MAX);
    if dimensions > DIMENSIONS || !view.raw.suboffsets.is_null() {
        return Err("its elements are not laid out plainly");
    }
    // SAFETY: a full view has so many entries in both; a format is a C string, and null means bytes.
    let (shape, strides, format) = unsafe {
        let format = if view.raw.format.is_null() {
            c"B"
        } else {
            CStr::from_ptr(view.raw.format)
        };
        (
            entries(view.raw.shape, dimensions),
            entries(view.raw.strides, dimensions),
            format.to_bytes(),
        )
    };
    let size = usize::try_from(view.raw.itemsize).unwrap_or(0);
    let code = Code::parse(format, size).ok_or("its elements are no plain numbers")?;
    let lengths: Vec<usize> = shape
        .iter()
        .map(|&length| usize::try_from(length).unwrap_or(0))
        .collect();
    let total = lengths
        .iter()
        .fold(1, |total: usize, &length| total.saturating_mul(length));
    let mut first = Vec::new();
    let mut index = vec![0_usize; dimensions];
    for _ in 0..total.min(most) {
        let offset: isize = index
            .iter()
            .zip(strides)
            .map(|(&at, &stride)| at.cast_signed().wrapping_mul(stride))
            .sum();
        // SAFETY: every index is below its length, so that the exporter vouches for `size` bytes at this place.
        let bytes = unsafe {
            let place = view.raw.buf.cast::<u8>().offset(offset);
            slice::from_raw_parts(place, size)
        };
        first.push(code.read(array.py(), bytes));
        for (at, &length) in index.iter_mut().zip(&lengths).rev() {
            *at += 1;
            if *at < length {
                break;
            }
            *at = 0;
        }
    }
    Ok(Elements {
        shape: lengths,
        kind: code.name(size),
        total,
        first,
    })
}

/// # Safety
/// `place` is null or points to `count` numbers that live as long as the view.
unsafe fn entries<'a>(place: *const ffi::Py_ssize_t, count: usize) -> &'a [ffi::Py_ssize_t] {
    if place.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: see above.
    unsafe { slice::from_raw_parts(place, count) }
}

/// A view of an array's memory, given back when it is dropped.
struct View<'a> {
    base: Kind<'a>,
    raw: Box<Py_buffer>,
}

impl<'a> View<'a> {
    fn of(base: Kind<'a>, array: &Bound<'_, PyAny>) -> Option<Self> {
        let mut raw = Box::new(Py_buffer::new());
        let flags: c_int = ffi::PyBUF_FULL_RO;
        // SAFETY: the object is of the type to which the function belongs; the result is 0, or -1 with an error.
        unsafe {
            let get = (*base.raw).tp_as_buffer.as_ref()?.bf_getbuffer?;
            if get(array.as_ptr(), &raw mut *raw, flags) != 0 {
                ffi::PyErr_Clear();
                return None;
            }
        }
        Some(Self { base, raw })
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // SAFETY: what `PyBuffer_Release` does, but with the built-in type's function: a subclass may define another.
        // `obj` is the array, which somebody else holds too, so that nothing ends here.
        unsafe {
            let object = std::mem::replace(&mut self.raw.obj, ptr::null_mut());
            if object.is_null() {
                return;
            }
            if let Some(release) = (*self.base.raw)
                .tp_as_buffer
                .as_ref()
                .and_then(|table| table.bf_releasebuffer)
            {
                release(object, &raw mut *self.raw);
            }
            ffi::Py_DECREF(object);
        }
    }
}

/// What each element is.
#[derive(Clone, Copy)]
enum What {
    Bool,
    Signed,
    Unsigned,
    Float,
    Complex,
    Text,
    Bytes,
    Object,
}

#[derive(Clone, Copy)]
struct Code {
    what: What,
    big_endian: bool,
}

impl Code {
    /// Reads a format of the `struct` module, as arrays of one kind of number have it.
    fn parse(format: &[u8], size: usize) -> Option<Self> {
        let (big_endian, code) = match format {
            [b'>' | b'!', rest @ ..] => (true, rest),
            [b'<', rest @ ..] => (false, rest),
            [b'@' | b'=', rest @ ..] | rest => (cfg!(target_endian = "big"), rest),
        };
        let what = match code {
            b"?" => What::Bool,
            b"b" | b"h" | b"i" | b"l" | b"q" | b"n" => What::Signed,
            b"B" | b"H" | b"I" | b"L" | b"Q" | b"N" => What::Unsigned,
            b"e" | b"f" | b"d" => What::Float,
            b"Zf" | b"Zd" => What::Complex,
            b"O" => What::Object,
            [digits @ .., b'w' | b'u'] if is_count(digits) => What::Text,
            [digits @ .., b's' | b'c'] if is_count(digits) => What::Bytes,
            _ => return None,
        };
        let fits = match what {
            What::Bool => size == 1,
            What::Signed | What::Unsigned => matches!(size, 1 | 2 | 4 | 8),
            What::Float => matches!(size, 2 | 4 | 8),
            What::Complex => matches!(size, 8 | 16),
            What::Text => size.is_multiple_of(4),
            What::Bytes => true,
            What::Object => size == size_of::<usize>(),
        };
        fits.then_some(Self { what, big_endian })
    }

    fn name(self, size: usize) -> String {
        let word = match self.what {
            What::Bool => return "bool".to_owned(),
            What::Object => return "object".to_owned(),
            What::Text => return "str".to_owned(),
            What::Bytes => return "bytes".to_owned(),
            What::Signed => "int",
            What::Unsigned => "uint",
            What::Float => "float",
            What::Complex => "complex",
        };
        format!("{word}{}", 8 * size)
    }

    fn read<'py>(self, py: Python<'py>, bytes: &[u8]) -> Element<'py> {
        match self.what {
            What::Bool => Element::Bool(bytes.first().is_some_and(|&byte| byte != 0)),
            What::Signed => Element::Int(self.signed(bytes)),
            What::Unsigned => {
                let number = self.unsigned(bytes);
                i64::try_from(number).map_or(Element::Large(number), Element::Int)
            }
            What::Float => Element::Float(self.float(bytes)),
            What::Complex => {
                let (real, imaginary) = bytes.split_at(bytes.len() / 2);
                Element::Complex(self.float(real), self.float(imaginary))
            }
            What::Text => {
                let text: String = bytes
                    .chunks(4)
                    .map(|unit| u32::try_from(self.unsigned(unit)).unwrap_or(0))
                    .map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
                    .take(TEXT)
                    .collect();
                Element::Text(text.trim_end_matches('\0').to_owned())
            }
            What::Bytes => Element::Bytes(bytes[..bytes.len().min(TEXT)].to_vec()),
            What::Object => {
                let mut address = [0; size_of::<usize>()];
                address.copy_from_slice(bytes);
                let address = ptr::with_exposed_provenance_mut(usize::from_ne_bytes(address));
                // SAFETY: an array of objects holds null or objects that it keeps alive; taken at once.
                unsafe { Bound::from_borrowed_ptr_or_opt(py, address) }
                    .map_or(Element::None, Element::Object)
            }
        }
    }

    fn unsigned(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if self.big_endian {
            bytes.iter().fold(0, add)
        } else {
            bytes.iter().rev().fold(0, add)
        }
    }

    fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * u32::try_from(bytes.len()).unwrap_or(8).clamp(1, 8);
        (self.unsigned(bytes) << unused).cast_signed() >> unused
    }

    fn float(self, bytes: &[u8]) -> f64 {
        let bits = self.unsigned(bytes);
        match bytes.len() {
            2 => half(bits),
            4 => f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(0))),
            _ => f64::from_bits(bits),
        }
    }
}

/// Characters of one text element, and bytes of one byte string.
const TEXT: usize = 256;

fn is_count(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_digit)
}

/// A float of 16 bits.
fn half(bits: u64) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::try_from(bits >> 10 & 0x1f).unwrap_or(0);
    let fraction = f64::from(u32::try_from(bits & 0x3ff).unwrap_or(0)) / 1024.0;
    sign * match exponent {
        0 => fraction * 2f64.powi(-14),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}
