//! Mutations of probe files, by the words of the language.

use crate::Random;

/// The words of the language, which are also the fuzzer's dictionary.
#[rustfmt::skip]
pub const WORDS: &[&str] = &[
    "fn:a.b:entry", "fn:a.b.c:exit", "fn:a.*:entry", "fn:a.**:exit", "fn:a.b.<locals>.c:entry+2", ":", "entry",
    "exit", "/", "//", "{", "}", "(", ")", "[", "]", ";", ",", ".", "=", "==", "!=", "<", "<=", ">", ">=", "+", "-",
    "*", "%", "&&", "||", "!", "and", "or", "not", "in", "not in", "is", "is not", "None", "True", "False", "args",
    "arg0", "arg1", "kwargs", "self", "locals", "globals", "retval", "exception", "duration", "x", "é", "$req.a",
    "$request.a", "$call.b", "$", "@", "capture(", "capture(x=", "send(", ");", "$req.x = ", "$call.y = ",
    "sample 10%;", "sample 1/3;", "len(", "str(", "int(", "float(", "bool(", "type(", "startswith(", "endswith(",
    "lower(", "abs(", "min(", "max(", "round(", "timestamp()", "rand()", "stack(", "matches(x, \"a+b\")", "[1, 2]",
    "[\"s\", None]", "[1:]", "[:n]", "[\"k\"]", "0", "1", "10", "1.5", "1e308", "0xff", "1_000",
    "9223372036854775808", "\"s\"", "'t'", "\"\\n\"", "\"\\u00e9\"", "\"", "'", "\\", "# c\n", "\n", " ", "\t", "\0",
    "__class__", ".__dict__", "**",
];

/// Changes a text in a few places; `other` is another text to take a part from.
#[must_use]
pub fn mutate(text: &str, other: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(3) {
        let (from, to) = part(&text, random);
        match random.below(6) {
            0 => text.replace_range(from..to, ""),
            1 => text.replace_range(from..to, random.of::<&str>(WORDS)),
            2 => {
                let repeated = text[from..to].to_owned();
                text.insert_str(to, &repeated);
            }
            3 => {
                let (start, end) = part(other, random);
                text.insert_str(from, &other[start..end]);
            }
            _ => text.insert_str(from, random.of::<&str>(WORDS)),
        }
    }
    text
}

/// A part of a text that begins and ends where words do.
fn part(text: &str, random: &mut Random) -> (usize, usize) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut ends: Vec<usize> = text
        .char_indices()
        .zip(text.chars().skip(1))
        .filter(|&((_, one), two)| !(is_word(one) && is_word(two)))
        .map(|((at, one), _)| at + one.len_utf8())
        .collect();
    ends.push(text.len());
    let first = random.below(ends.len());
    let last = (first + random.below(4)).min(ends.len() - 1);
    (ends[first], ends[last])
}
