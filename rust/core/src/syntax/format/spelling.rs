//! How literals are spelled: numbers as their author did, strings in double quotes where that needs no more escapes.

/// The canonical spelling of a string literal, given with its quotes.
pub(super) fn string(written: &str) -> String {
    let inner = &written[1..written.len() - 1];
    let is_single = written.starts_with('\'');
    let mut gained = 0_usize;
    let mut lost = 0_usize;
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next() == Some('\'') => lost += 1,
            '"' => gained += 1,
            _ => {}
        }
    }
    let quote = if is_single && gained > lost {
        '\''
    } else {
        '"'
    };
    let requoted = is_single && quote == '"';
    let mut text = String::with_capacity(written.len());
    text.push(quote);
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('\'')) if requoted => {}
            // A line that goes on does so as on other systems.
            ('\\', Some('\r')) => {
                text.push('\\');
                let carriage = characters.next();
                if characters.peek() != Some(&'\n') {
                    text.extend(carriage);
                }
            }
            ('\\', Some(_)) => {
                text.push('\\');
                text.extend(characters.next());
            }
            ('"', _) if requoted => text.push_str("\\\""),
            _ => text.push(character),
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn double_quotes_where_that_needs_no_more_escapes() {
        for (written, canonical) in [
            (r"'a'", r#""a""#),
            (r#"'a"b'"#, r#"'a"b'"#),
            (r"'it\'s'", r#""it's""#),
            (r#"'\'"'"#, r#""'\"""#),
            (r#"'\'""'"#, r#"'\'""'"#),
            (r#""a\"b\'""#, r#""a\"b\'""#),
            (r#"'\\\"'"#, r#""\\\"""#),
            (r"'\\'", r#""\\""#),
            (r"'\x41\u00e9'", r#""\x41\u00e9""#),
            ("'a\\\r\nb\\\rc'", "\"a\\\nb\\\rc\""),
            ("''", "\"\""),
        ] {
            assert_eq!(string(written), canonical, "{written}");
            assert_eq!(string(canonical), canonical, "{written}");
        }
    }
}
