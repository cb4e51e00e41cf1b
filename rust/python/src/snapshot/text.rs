//! Strings as JSON text.

/// Appends `text` as a JSON string.
pub(super) fn write_str(out: &mut String, text: &str) {
    out.push('"');
    write_escaped(out, text);
    out.push('"');
}

/// Appends UTF-8 in which lone surrogates are encoded as if they were characters, as a JSON string that is valid UTF-8.
pub(super) fn write_surrogates(out: &mut String, bytes: &[u8]) {
    out.push('"');
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(3)
        .position(|run| run[0] == 0xed && run[1] >= 0xa0)
    {
        write_escaped(out, &String::from_utf8_lossy(&rest[..at]));
        push_hex(
            out,
            0xd000 | u16::from(rest[at + 1] & 0x3f) << 6 | u16::from(rest[at + 2] & 0x3f),
        );
        rest = &rest[at + 3..];
    }
    write_escaped(out, &String::from_utf8_lossy(rest));
    out.push('"');
}

fn write_escaped(out: &mut String, text: &str) {
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f | 0x7f => {
                out.push_str(&text[plain..index]);
                push_hex(out, u16::from(byte));
                plain = index + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[plain..index]);
        out.push_str(escape);
        plain = index + 1;
    }
    out.push_str(&text[plain..]);
}

fn push_hex(out: &mut String, unit: u16) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        let digit = u32::from(unit >> shift & 0xf);
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}
