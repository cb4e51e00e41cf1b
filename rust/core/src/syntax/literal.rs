//! What numbers and strings mean, by Python's rules.

use std::ops::Range;

use super::ast::Literal;
use crate::error::Code;
use crate::limits;
use crate::value::integer::Magnitude;

/// Why a text is not a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadLiteral {
    /// The error's code.
    pub(crate) code: Code,
    /// The bytes of the literal that are wrong.
    pub(crate) range: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

/// Reads a number: an integer of any radix, or a float.
///
/// # Errors
/// When it is malformed, or an integer over [`limits::INTEGER_BITS`].
pub(crate) fn number(text: &str) -> Result<Literal, BadLiteral> {
    let bad = |message: &str, help: Option<&str>| BadLiteral {
        code: Code::BadNumber,
        range: 0..text.len(),
        message: message.to_owned(),
        help: help.map(str::to_owned),
    };
    let radix = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    if radix != 10 {
        // Behind the letter one underscore may stand.
        let body = text[2..].strip_prefix('_').unwrap_or(&text[2..]);
        let digits = without_underscores(body)
            .filter(|digits| digits.chars().all(|c| c.is_digit(radix)))
            .ok_or_else(|| bad(&format!("`{text}` is not a number of base {radix}"), None))?;
        return integer(text, &digits, radix);
    }
    if text.ends_with(['j', 'J']) && text.len() > 1 {
        return Err(bad("imaginary numbers are not part of the language", None));
    }
    if text.contains(['.', 'e', 'E']) {
        return float(text).ok_or_else(|| bad(&format!("`{text}` is not a number"), None));
    }
    let digits =
        without_underscores(text).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let Some(digits) = digits else {
        let help = text
            .find(|c: char| c.is_ascii_alphabetic())
            .map(|_| "a name cannot begin with a digit");
        return Err(bad(&format!("`{text}` is not a number"), help));
    };
    if digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0') {
        return Err(bad(
            "an integer does not begin with zeros",
            Some("write `0o…` for an octal number, or leave the zeros out"),
        ));
    }
    integer(text, &digits, 10)
}

fn integer(text: &str, digits: &str, radix: u32) -> Result<Literal, BadLiteral> {
    if let Ok(value) = i64::from_str_radix(digits, radix) {
        return Ok(Literal::Int(value));
    }
    let magnitude =
        Magnitude::read(digits.trim_start_matches('0'), radix).ok_or_else(|| BadLiteral {
            code: Code::LiteralTooLarge,
            range: 0..text.len(),
            message: format!("an integer has at most {} bits", limits::INTEGER_BITS),
            help: None,
        })?;
    Ok(Literal::BigInt(magnitude.to_decimal()))
}

fn float(text: &str) -> Option<Literal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut plain = String::with_capacity(text.len());
    let mut digits = 0;
    for (part, mark) in [(whole, "."), (fraction, "")] {
        if !part.is_empty() {
            let part = without_underscores(part)
                .filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?;
            digits += part.len();
            plain.push_str(&part);
        }
        plain.push_str(mark);
    }
    if digits == 0 {
        return None;
    }
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let body = without_underscores(unsigned)
            .filter(|body| body.bytes().all(|b| b.is_ascii_digit()))?;
        plain.push('e');
        if exponent.starts_with('-') {
            plain.push('-');
        }
        plain.push_str(&body);
    }
    plain.parse().ok().map(Literal::Float)
}

/// The digits without the underscores between them; `None` where an underscore is not between two digits.
fn without_underscores(text: &str) -> Option<String> {
    if text.is_empty() || text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    Some(text.replace('_', ""))
}

/// Reads a string with its quotes.
///
/// # Errors
/// All escapes that are wrong, or that the string is over [`limits::STRING_BYTES`].
pub(crate) fn string(text: &str) -> Result<String, Vec<BadLiteral>> {
    let inner = &text[1..text.len() - 1];
    let mut value = String::with_capacity(inner.len());
    let mut errors = Vec::new();
    let mut rest = inner;
    while let Some(backslash) = rest.find('\\') {
        value.push_str(&rest[..backslash]);
        rest = &rest[backslash + 1..];
        let at = 1 + inner.len() - rest.len() - 1;
        match escape(rest) {
            Ok((character, length)) => {
                value.extend(character);
                rest = &rest[length..];
            }
            Err((length, message, help)) => {
                errors.push(BadLiteral {
                    code: Code::BadEscape,
                    range: at..at + 1 + length,
                    message,
                    help,
                });
                rest = &rest[length..];
            }
        }
    }
    value.push_str(rest);
    if value.len() > limits::STRING_BYTES {
        errors.push(BadLiteral {
            code: Code::LiteralTooLarge,
            range: 0..text.len(),
            message: format!("a string has at most {} bytes", limits::STRING_BYTES),
            help: None,
        });
    }
    if errors.is_empty() {
        Ok(value)
    } else {
        Err(errors)
    }
}

/// The bytes of a string with its quotes, one without errors, that the bytes `range` of its value are written with.
pub(crate) fn written(text: &str, range: &Range<usize>) -> Range<usize> {
    let inner = &text[1..text.len() - 1];
    let (mut place, mut value) = (0, 0);
    let (mut start, mut end) = (None, None);
    loop {
        if value >= range.start {
            start.get_or_insert(1 + place);
        }
        if value >= range.end {
            end.get_or_insert(1 + place);
        }
        let rest = &inner[place..];
        let Some(first) = rest.chars().next() else {
            break;
        };
        let (character, length) = match (first, escape(rest.get(1..).unwrap_or_default())) {
            ('\\', Ok((character, length))) => (character, 1 + length),
            _ => (Some(first), first.len_utf8()),
        };
        place += length;
        value += character.map_or(0, char::len_utf8);
    }
    let start = start.unwrap_or(1 + place);
    start..end.unwrap_or(1 + place).max(start)
}

/// A failed escape: its length behind the backslash, what is wrong, what to do.
type BadEscape = (usize, String, Option<String>);

/// Reads one escape, given the text behind its backslash: the character, if it makes one, and the escape's length.
fn escape(text: &str) -> Result<(Option<char>, usize), BadEscape> {
    let first = text.chars().next().unwrap_or('\\');
    let plain = |character| Ok((Some(character), 1));
    match first {
        '\n' => Ok((None, 1)),
        '\r' => Ok((None, if text[1..].starts_with('\n') { 2 } else { 1 })),
        '\\' | '\'' | '"' => plain(first),
        'a' => plain('\x07'),
        'b' => plain('\x08'),
        'f' => plain('\x0c'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\x0b'),
        '0'..='7' => {
            let length = text
                .bytes()
                .take(3)
                .take_while(|byte| (b'0'..=b'7').contains(byte))
                .count();
            let value = u32::from_str_radix(&text[..length], 8).unwrap_or_default();
            Ok((char::from_u32(value), length))
        }
        'x' => hexadecimal(text, 2),
        'u' => hexadecimal(text, 4),
        'U' => hexadecimal(text, 8),
        'N' => Err((
            1,
            "characters cannot be given by name".to_owned(),
            Some(
                "write the character itself, or `\\u` with its four hexadecimal digits".to_owned(),
            ),
        )),
        _ => Err((
            first.len_utf8(),
            format!("`\\{first}` is not an escape"),
            Some("write `\\\\` for a backslash".to_owned()),
        )),
    }
}

fn hexadecimal(text: &str, digits: usize) -> Result<(Option<char>, usize), BadEscape> {
    let found = text[1..]
        .bytes()
        .take(digits)
        .take_while(u8::is_ascii_hexdigit)
        .count();
    let length = 1 + found;
    if found < digits {
        let message = format!("`\\{}` needs {digits} hexadecimal digits", &text[..1]);
        return Err((length, message, None));
    }
    let value = u32::from_str_radix(&text[1..length], 16).unwrap_or(u32::MAX);
    match char::from_u32(value) {
        Some(character) => Ok((Some(character), length)),
        None if (0xd800..0xe000).contains(&value) => Err((
            length,
            "half of a surrogate pair is not a character".to_owned(),
            Some(
                "write the character itself, or `\\U` with its eight hexadecimal digits".to_owned(),
            ),
        )),
        None => Err((
            length,
            format!("no character has the number 0x{value:x}"),
            None,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Literal, number, string, written};
    use crate::error::Code;

    #[test]
    fn integers_are_pythons() {
        for (text, value) in [
            ("0", 0),
            ("00", 0),
            ("0_0", 0),
            ("42", 42),
            ("1_000", 1000),
            ("0xff", 255),
            ("0X_fF", 255),
            ("0o17", 15),
            ("0b1_01", 5),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(number(text), Ok(Literal::Int(value)), "{text}");
        }
        let big = Literal::BigInt("9223372036854775808".to_owned());
        assert_eq!(number("9223372036854775808"), Ok(big.clone()));
        assert_eq!(number("0x8000_0000_0000_0000"), Ok(big));
    }

    #[test]
    fn floats_are_pythons() {
        for (text, value) in [
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("1_0.2_5E-0_1", 1.025),
            ("01.5", 1.5),
            ("1.e1", 10.0),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(number(text), Ok(Literal::Float(value)), "{text}");
        }
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for text in [
            "1__0", "1_", "012", "0x", "0xg", "0b2", "0o8", "1e", "1e+", "1.5.", "12abc", "1_.5",
            "1j", "1._5", ".e1", "1e_1", "0x__1",
        ] {
            assert_eq!(number(text).unwrap_err().code, Code::BadNumber, "{text}");
        }
        assert_eq!(
            number(&"9".repeat(2000)).unwrap_err().code,
            Code::LiteralTooLarge
        );
    }

    #[test]
    fn escapes_are_pythons() {
        for (text, value) in [
            (r#""a\tb""#, "a\tb"),
            (r"'\'\\\x41\u00e9\U0001F600'", "'\\Aé😀"),
            (r#""\0\101\7777""#, "\0A\u{1ff}7"),
            ("\"a\\\nb\\\r\nc\"", "abc"),
            (r"'\a\b\f\v\r\n'", "\x07\x08\x0c\x0b\r\n"),
        ] {
            assert_eq!(string(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn parts_of_a_value_are_found_in_the_text() {
        let text = r#""aé\\d\u00e9\tz""#;
        let value = string(text).expect("a string");
        for (part, place) in [
            ("a", 1..2),
            ("é\\", 2..6),
            ("d", 6..7),
            ("\t", 13..15),
            ("z", 15..16),
        ] {
            let start = value.find(part).expect("a part");
            assert_eq!(written(text, &(start..start + part.len())), place, "{part}");
        }
        assert_eq!(written(text, &(value.len()..value.len())), 16..16);
        assert_eq!(written(text, &(0..0)), 1..1);
        assert_eq!(written("''", &(0..0)), 1..1);
    }

    #[test]
    fn wrong_escapes_are_all_told_and_placed() {
        let errors = string(r#""\d \x4 \ud800 \U00110000 \N{DASH}""#).unwrap_err();
        let ranges: Vec<_> = errors.iter().map(|error| error.range.clone()).collect();
        assert_eq!(ranges, [1..3, 4..7, 8..14, 15..25, 26..28]);
    }
}
