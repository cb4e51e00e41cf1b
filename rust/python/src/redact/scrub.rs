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

/// The text with each secret that gives itself away replaced.
pub(super) fn scrub(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut clean = String::new();
    let (mut copied, mut at) = (0, 0);
    while at < bytes.len() {
        match secret_at(text, at) {
            Some((start, end)) => {
                clean.push_str(&text[copied..start]);
                clean.push_str(REDACTED);
                copied = end;
                at = end;
            }
            None => at += 1,
        }
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
        b'A' | b'B' | b'a'..=b'z' | b'$' => {}
        _ => return None,
    }
    // The middle of a word begins nothing.
    if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_') {
        return None;
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
