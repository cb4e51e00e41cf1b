//! Names as runs of words.

/// Names and runs of words that are secret unless a setting removes them.
#[rustfmt::skip]
pub(super) const SECRETS: &[&str] = &[
    "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token", "tokens",
    "api key", "apikey", "access key", "private key", "secret key", "signing key", "encryption key", "auth",
    "authorization", "authentication", "bearer", "cookie", "cookies", "session id", "session key", "sessionid",
    "sessid", "phpsessid", "jsessionid", "sid", "csrf", "xsrf", "csrftoken", "csrfmiddlewaretoken", "credential",
    "credentials", "jwt", "dsn", "otp", "totp", "cvv", "cvc", "ssn", "card number", "credit card",
];

/// What kind of character one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Gap,
    Lower,
    Upper,
    Digit,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        '0'..='9' => Class::Digit,
        '\0'..='\x7f' => Class::Gap,
        _ => class_beyond_ascii(c),
    }
}

fn class_beyond_ascii(c: char) -> Class {
    if c.is_uppercase() {
        Class::Upper
    } else if c.is_numeric() {
        Class::Digit
    } else if c.is_alphabetic() {
        Class::Lower
    } else {
        Class::Gap
    }
}

/// The lower-case words of a name: `X-Api-Key`, `apiKey`, `API_KEY` and `APIKey2` all hold `api`, `key`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = Class::Gap;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let now = class(c);
        if now != Class::Gap {
            let next_is_lower = chars
                .peek()
                .is_some_and(|&next| class(next) == Class::Lower);
            let starts = match (before, now) {
                (Class::Upper, Class::Lower) => false,
                // The last capital of a run begins the word that follows: `HTTPCookie`.
                (Class::Upper, Class::Upper) => next_is_lower,
                (before, now) => before != now,
            };
            if starts || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                if c.is_ascii() {
                    word.push(c.to_ascii_lowercase());
                } else {
                    word.extend(c.to_lowercase());
                }
            }
        }
        before = now;
    }
    words
}
