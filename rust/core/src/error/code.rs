//! The error codes: one table of number and title. A number, once given, is never given again.

use std::fmt;

use super::catalogue;

/// Declares the codes: variant, code and title.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $title:literal;)+) => {
        /// The code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code with its title, in order.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $title)),+];

            /// The code as users see it: `HT001`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// What the code means, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }
        }
    };
}

codes! {
    /// The text is over [`crate::limits::SOURCE_BYTES`].
    SourceTooLarge "HT001" "the source is too large";
    /// A character that begins nothing.
    UnknownCharacter "HT002" "a character has no meaning here";
    /// A string without its closing quote.
    UnclosedString "HT003" "a string is not closed";
    /// An escape that Python does not know, or that gives no character.
    BadEscape "HT004" "an escape in a string is not known";
    /// Digits that are no number.
    BadNumber "HT005" "a number is malformed";
    /// A literal over a limit.
    LiteralTooLarge "HT006" "a literal is too large";
    /// `f"…"`, `r"…"`, `"""…"""`.
    StringForm "HT007" "this form of string is not part of the language";
    /// Something else stands where the grammar needs a certain thing.
    Unexpected "HT010" "something else is expected here";
    /// Text outside of a probe.
    NotAProbe "HT011" "a probe begins with `fn:`";
    /// A target that is no dotted path.
    BadTarget "HT012" "the target is malformed";
    /// A point that does not exist, or none.
    UnknownPoint "HT013" "the point is unknown";
    /// `/ /`
    EmptyPredicate "HT014" "the predicate is empty";
    /// A predicate without its closing `/`.
    UnclosedPredicate "HT015" "the predicate is not closed";
    /// A probe without a body, or one without its closing brace.
    UnclosedBody "HT016" "the body is missing or not closed";
    /// A statement without its `;`.
    MissingSemicolon "HT017" "a statement does not end in `;`";
    /// An expression where a statement is needed.
    NotAStatement "HT018" "this is not a statement";
    /// An assignment to something else than a variable of HogTrace.
    NotAssignable "HT019" "only `$req` and `$call` variables can be assigned";
    /// An expression over [`crate::limits::NESTING`].
    TooDeep "HT020" "an expression nests too deep";
    /// An operator of Python or C that HogTrace does not have.
    ForeignOperator "HT021" "this operator is not part of the language";
    /// `(` or `[` without its counterpart.
    UnclosedBracket "HT022" "a bracket is not closed";
    /// Other syntax of Python.
    ForeignSyntax "HT023" "this part of Python is not part of the language";
    /// A call of a function that does not exist.
    UnknownFunction "HT030" "no function has this name";
    /// Too few, too many, or named arguments.
    WrongArguments "HT031" "a function is called with the wrong arguments";
    /// A call of something else than a name.
    MethodCall "HT032" "code of the application cannot be called";
    /// `retval`, `exception`, `duration` at entry.
    NotAtThisPoint "HT033" "this name has no value at this point";
    /// `__name__`
    DunderName "HT034" "names with two underscores at both ends cannot be read";
    /// `$something` other than `$req`, `$request`, `$call`.
    UnknownScope "HT035" "a variable belongs to `$req` or `$call`";
    /// `arg70000`
    ArgumentNumber "HT036" "no call has so many arguments";
    /// `capture(…)` inside an expression.
    ActionInExpression "HT037" "an action is a statement, not a value";
    /// A list literal that does not follow `in`.
    ListPlace "HT040" "a list literal stands only after `in`";
    /// Something else than a literal in a list literal.
    ListItem "HT041" "a list literal holds literals only";
    /// `is` with something else than a singleton.
    IsOperand "HT042" "`is` takes `None`, `True` or `False` on its right";
    /// `"…" % x`
    StringModulo "HT043" "`%` does not format strings";
    /// A pattern of `matches` that is no regular expression.
    BadPattern "HT044" "a pattern is malformed";
    /// A pattern of `matches` that is not a literal.
    PatternNotLiteral "HT045" "a pattern is not written out";
    /// `capture(a=1, b)`
    PositionalAfterNamed "HT050" "a field without a name follows a named one";
    /// Two fields of one name.
    DuplicateField "HT051" "a field of a capture is named twice";
    /// A sampling rate that is none.
    BadSample "HT052" "a sampling rate lies above 0 and at most at 100 %";
    /// A directive behind another statement, or twice.
    MisplacedDirective "HT053" "a directive stands once, before the other statements";
    /// Over [`crate::limits::PROBES`].
    TooManyProbes "HT060" "a program has too many probes";
    /// Over [`crate::limits::INSTRUCTIONS`].
    TooManyInstructions "HT061" "a probe is too long";
    /// Over [`crate::limits::STACK`].
    StackTooDeep "HT062" "an expression needs too many values at once";
    /// Over [`crate::limits::TABLE_ENTRIES`].
    TableFull "HT063" "a program has too many names or constants";
    /// Over [`crate::limits::PATTERNS`].
    TooManyPatterns "HT064" "a program has too many patterns";
    /// Syntax that is reserved for what is still to come.
    NotAvailable "HT070" "this is not available yet";
    /// A defect of the compiler.
    Internal "HT099" "the compiler made code that its own verifier refuses";
}

/// What the page of a code says beyond its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Why it is an error and what to do; Markdown.
    pub text: &'static str,
    /// A program that has the error, if one fits on a page.
    pub wrong: Option<&'static str>,
    /// The program as it may have been meant.
    pub right: Option<&'static str>,
}

impl Code {
    /// The code of that text, in letters of either case.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let mut codes = Self::ALL.iter().map(|&(code, _)| code);
        codes.find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// What the page of this code says.
    #[must_use]
    pub const fn explanation(self) -> Explanation {
        catalogue::explanation(self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Code;

    #[test]
    fn codes_are_unique_ascending_and_well_formed() {
        let texts: Vec<&str> = Code::ALL.iter().map(|(code, _)| code.as_str()).collect();
        assert!(texts.is_sorted());
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len());
        for text in texts {
            assert!(text.len() == 5 && text.starts_with("HT"));
        }
    }

    #[test]
    fn titles_are_unique() {
        let titles: HashSet<_> = Code::ALL.iter().map(|(_, title)| title).collect();
        assert_eq!(titles.len(), Code::ALL.len());
        for &(code, title) in Code::ALL {
            assert_eq!(code.title(), title);
        }
    }
}
