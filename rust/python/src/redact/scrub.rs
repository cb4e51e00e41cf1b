//! Secrets inside strings, found by how they begin.

use std::borrow::Cow;

use super::REDACTED;

/// What begins a token that is a secret whole; so many characters or more must follow.
const TOKENS: &[(&str, usize)] = &[
    ("eyJ", 10),
    ("pbkdf2_", 16),
    ("argon2", 16),
    ("bcrypt", 16),
    ("scrypt", 16),
    ("$2a$", 16),
    ("$2b$", 16),
    ("$2y$", 16),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("sk-", 20),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("AKIA", 16),
];
/// What announces that a secret follows, in any case; so many characters or more must follow.
const ANNOUNCED: &[(&str, usize)] = &[("bearer ", 1), ("basic ", 8)];
const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_END: &str = "-----END ";
const DASHES: &str = "-----";

/// The least bytes of a text that has a secret in it: that of `://:p@`.
const SHORTEST: usize = 6;

/// A byte that letters and digits and `_` are: none of them stands before what begins a token.
const WORD: u8 = 1;
/// A byte that can begin a token or an announcement.
const BEGINS: u8 = 2;
/// A byte that can begin something else, wherever it stands.
const SIGN: u8 = 4;

/// What each byte can be.
static CLASSES: [u8; 256] = classes();
/// For each byte of ASCII, as bits: which second bytes the tokens and announcements have that it begins.
static SECONDS: [u128; 128] = seconds();

const fn classes() -> [u8; 256] {
    let seconds = seconds();
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        let place = byte as usize;
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            classes[place] = WORD;
        }
        if seconds[place] != 0 {
            classes[place] |= BEGINS;
        }
        byte += 1;
    }
    classes[b':' as usize] |= SIGN;
    classes[b'-' as usize] |= SIGN;
    classes
}

const fn seconds() -> [u128; 128] {
    let mut seconds = [0; 128];
    let mut index = 0;
    while index < TOKENS.len() {
        let token = TOKENS[index].0.as_bytes();
        seconds[token[0] as usize] |= 1 << token[1];
        index += 1;
    }
    index = 0;
    while index < ANNOUNCED.len() {
        let text = ANNOUNCED[index].0.as_bytes();
        let both = 1 << text[1] | 1 << text[1].to_ascii_uppercase();
        seconds[text[0] as usize] |= both;
        seconds[text[0].to_ascii_uppercase() as usize] |= both;
        index += 1;
    }
    seconds
}

/// Whether a token or an announcement may begin at a byte that can begin one.
fn goes_on(bytes: &[u8], at: usize) -> bool {
    let seconds = SECONDS.get(usize::from(bytes[at])).copied().unwrap_or(0);
    bytes
        .get(at + 1)
        .is_some_and(|&second| second.is_ascii() && seconds >> second & 1 != 0)
}

/// Where a secret may begin, from `from` on. By far the most texts have no such place, or a few.
#[inline]
fn next_place(bytes: &[u8], from: usize) -> Option<usize> {
    let mut before = match from.checked_sub(1) {
        Some(before) => CLASSES[usize::from(bytes[before])],
        None => 0,
    };
    for (at, &byte) in bytes.iter().enumerate().skip(from) {
        let class = CLASSES[usize::from(byte)];
        // The middle of a word begins nothing.
        let begins = class & BEGINS != 0 && before & WORD == 0;
        if class & SIGN != 0 || begins && goes_on(bytes, at) {
            return Some(at);
        }
        before = class;
    }
    None
}

/// The next secret of a text, from `from` on: where it starts and ends.
fn next_secret(text: &str, mut from: usize) -> Option<(usize, usize)> {
    while let Some(at) = next_place(text.as_bytes(), from) {
        if let Some(found) = secret_at(text, at) {
            return Some(found);
        }
        from = at + 1;
    }
    None
}

/// Whether a text has no secret that gives itself away.
#[inline]
pub(super) fn is_clean(text: &str) -> bool {
    text.len() < SHORTEST || next_secret(text, 0).is_none()
}

/// The text with each secret that gives itself away replaced.
pub(super) fn scrub(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    while let Some((start, end)) = next_secret(text, copied) {
        clean.push_str(&text[copied..start]);
        clean.push_str(REDACTED);
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

/// Where the secret that shows itself at `at` starts and ends.
fn secret_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    match bytes[at] {
        b':' => return password_in_url(text, at),
        b'-' => return pem(text, at),
        _ => {}
    }
    let rest = &bytes[at..];
    let long_enough = |after: usize, least: usize| {
        let end = after
            + bytes[after..]
                .iter()
                .take_while(|&&byte| is_token(byte))
                .count();
        (end >= after + least && end > after).then_some(end)
    };
    for (announcement, least) in ANNOUNCED {
        let length = announcement.len();
        if rest.len() > length && rest[..length].eq_ignore_ascii_case(announcement.as_bytes()) {
            return long_enough(at + length, *least).map(|end| (at + length, end));
        }
    }
    let (prefix, least) = TOKENS
        .iter()
        .find(|(prefix, _)| rest.starts_with(prefix.as_bytes()))?;
    long_enough(at + prefix.len(), *least).map(|end| (at, end))
}

/// What tokens and hashes are made of.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'-' | b'$' | b':' | b','
        )
}

/// The password of `scheme://user:password@host`, where `at` is its first colon.
fn password_in_url(text: &str, at: usize) -> Option<(usize, usize)> {
    let authority = text[at..].strip_prefix("://")?;
    let from = at + 3;
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>');
    let authority = &authority[..authority.find(ends).unwrap_or(authority.len())];
    let user = &authority[..authority.rfind('@')?];
    let colon = user.find(':')?;
    (colon + 1 < user.len()).then_some((from + colon + 1, from + user.len()))
}

/// What is between the lines that begin and end a PEM block, or the end of the text.
fn pem(text: &str, at: usize) -> Option<(usize, usize)> {
    let label = text[at..].strip_prefix(PEM_BEGIN)?;
    let label_at = at + PEM_BEGIN.len();
    let start = label
        .find(DASHES)
        .map_or(text.len(), |length| label_at + length + DASHES.len());
    let end = text[start..]
        .find(PEM_END)
        .map_or(text.len(), |length| start + length);
    (start < end).then_some((start, end))
}
