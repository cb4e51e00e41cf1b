//! Text to tokens.

use logos::Logos;

use super::token::{Token, TokenKind};
use crate::error::{Code, Reporter};
use crate::span::Span;

/// Cuts `source` into tokens, the last of which is [`TokenKind::End`]. What means nothing is reported.
pub(crate) fn lex(source: &str, reporter: &mut Reporter) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (kind, range) in TokenKind::lexer(source).spanned() {
        let span = Span::new(&range);
        let kind = kind.unwrap_or(TokenKind::Unknown);
        match tokens.last_mut() {
            // Neighbouring characters that mean nothing make one token and one error.
            Some(last)
                if kind == TokenKind::Unknown
                    && last.kind == kind
                    && last.span.end == span.start =>
            {
                last.span.end = span.end;
            }
            _ => tokens.push(Token { kind, span }),
        }
    }
    // The line on which a foreign quote was reported: the one that closes it is not reported again.
    let mut quoted_line: Option<usize> = None;
    for &Token { kind, span } in &tokens {
        match kind {
            TokenKind::UnclosedString => {
                reporter.error_with_help(
                    Code::UnclosedString,
                    span,
                    "the string is not closed on its line",
                    "it ends in the quote that it begins with; inside of it that quote is written `\\'` or `\\\"`",
                );
            }
            TokenKind::Unknown => {
                let start = span.range().start;
                let line = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
                let is_quote = is_foreign_quote(source[start..].chars().next());
                if !is_quote || quoted_line.take() != Some(line) {
                    report_unknown(source, span, reporter);
                    quoted_line = is_quote.then_some(line);
                }
            }
            _ => {}
        }
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: Span::new(&(source.len()..source.len())),
    });
    tokens
}

/// Whether a character begins or ends a string elsewhere.
const fn is_foreign_quote(character: Option<char>) -> bool {
    matches!(
        character,
        Some('“' | '”' | '„' | '«' | '»' | '‘' | '’' | '`')
    )
}

fn report_unknown(source: &str, span: Span, reporter: &mut Reporter) {
    let text = source.get(span.range()).unwrap_or_default();
    let first = text.chars().next().unwrap_or_default();
    let message = if text.chars().nth(1).is_some() {
        "these characters have no meaning here".to_owned()
    } else if first.is_control() {
        format!(
            "the control character U+{:04X} has no meaning here",
            u32::from(first)
        )
    } else if first == '`' {
        "a backquote has no meaning here".to_owned()
    } else {
        format!("`{first}` has no meaning here")
    };
    let help = match first {
        '“' | '”' | '„' | '«' | '»' => Some("strings stand in straight quotes: `\"…\"`"),
        '‘' | '’' | '`' => Some("strings stand in straight quotes: `'…'`"),
        '–' | '—' | '−' => Some("minus is `-`"),
        '×' | '·' => Some("times is `*`"),
        '÷' => Some("divided by is `/`"),
        '…' => Some("an end of a slice is left out: `args[1:]`"),
        '≤' => Some("write `<=`"),
        '≥' => Some("write `>=`"),
        '≠' => Some("write `!=`"),
        '\\' => Some("a line needs no mark to go on in the next"),
        _ => None,
    };
    match help {
        Some(help) => reporter.error_with_help(Code::UnknownCharacter, span, message, help),
        None => reporter.error(Code::UnknownCharacter, span, message),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reporter, TokenKind, lex};

    fn kinds(source: &str) -> Vec<TokenKind> {
        let mut reporter = Reporter::default();
        let tokens = lex(source, &mut reporter);
        tokens.iter().map(|token| token.kind).collect()
    }

    #[test]
    fn numbers_and_dots_are_told_apart() {
        use TokenKind::{Colon, Dot, End, LeftBracket, Minus, Name, Number, Plus, RightBracket};
        assert_eq!(kinds("a.b"), [Name, Dot, Name, End]);
        assert_eq!(
            kinds("1.5e-3 .5 0xe+1"),
            [Number, Number, Number, Plus, Number, End]
        );
        assert_eq!(
            kinds("a[1:]"),
            [Name, LeftBracket, Number, Colon, RightBracket, End]
        );
        assert_eq!(kinds("1 --2"), [Number, Minus, Minus, Number, End]);
    }

    #[test]
    fn targets_keep_their_wildcards() {
        use TokenKind::{Colon, End, Name, Target};
        assert_eq!(
            kinds("fn:a.*.b_*.<locals>.c:entry"),
            [Target, Colon, Name, End]
        );
        assert_eq!(kinds("fn:a.**:exit # why"), [Target, Colon, Name, End]);
        assert_eq!(kinds("fnord"), [Name, End]);
    }

    #[test]
    fn strings_end_at_their_quote_or_at_the_line() {
        use TokenKind::{End, Name, String, UnclosedString};
        assert_eq!(kinds(r#""a\"b" 'c"d'"#), [String, String, End]);
        assert_eq!(kinds("\"ab\ncd"), [UnclosedString, Name, End]);
        assert_eq!(kinds("'ab\\"), [UnclosedString, End]);
        assert_eq!(kinds("'ab\\\ncd'"), [String, End]);
    }

    #[test]
    fn keywords_are_whole_words() {
        use TokenKind::{End, In, Is, Name, Not};
        assert_eq!(
            kinds("in inner is isolated not nothing"),
            [In, Name, Is, Name, Not, Name, End]
        );
    }

    #[test]
    fn characters_without_meaning_make_one_error() {
        let mut reporter = Reporter::default();
        lex("\0\0\0 a §", &mut reporter);
        assert_eq!(reporter.finish("x", "\0\0\0 a §").diagnostics().len(), 2);
    }
}
