//! The tokens of a probe file.

use logos::Logos;

use crate::span::Span;

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// What a token is. Its text is the span of the source.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[logos(skip r"[ \t\r\n\f\u{feff}]+")]
#[logos(skip(r"#[^\n]*", allow_greedy = true))]
pub enum TokenKind {
    /// `fn:` with the dotted path behind it.
    #[regex(r#"fn:[^\s:;{}/#"']*"#)]
    Target,
    /// A name, of Python or of the language.
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*")]
    Name,
    /// `$` with what follows it without a blank.
    #[regex(r"\$\p{XID_Continue}*")]
    Variable,
    /// Anything that begins like a number.
    #[regex(r"[0-9][0-9A-Za-z_]*")]
    #[regex(r"[0-9][0-9_]*\.[0-9A-Za-z_]*")]
    #[regex(r"[0-9][0-9_]*(\.[0-9_]*)?[eE][+-][0-9A-Za-z_]*")]
    #[regex(r"\.[0-9][0-9A-Za-z_]*")]
    #[regex(r"\.[0-9][0-9_]*[eE][+-][0-9A-Za-z_]*")]
    Number,
    /// A string with its quotes.
    #[regex(r#""([^"\\\n]|\\(.|\r?\n))*""#)]
    #[regex(r"'([^'\\\n]|\\(.|\r?\n))*'")]
    String,
    /// A string that the line ends before its closing quote.
    #[regex(r#""([^"\\\n]|\\(.|\r?\n))*\\?"#)]
    #[regex(r"'([^'\\\n]|\\(.|\r?\n))*\\?")]
    UnclosedString,
    /// `None`
    #[token("None")]
    None,
    /// `True`
    #[token("True")]
    True,
    /// `False`
    #[token("False")]
    False,
    /// `and`
    #[token("and")]
    And,
    /// `or`
    #[token("or")]
    Or,
    /// `not`
    #[token("not")]
    Not,
    /// `in`
    #[token("in")]
    In,
    /// `is`
    #[token("is")]
    Is,
    /// `(`
    #[token("(")]
    LeftParenthesis,
    /// `)`
    #[token(")")]
    RightParenthesis,
    /// `[`
    #[token("[")]
    LeftBracket,
    /// `]`
    #[token("]")]
    RightBracket,
    /// `{`
    #[token("{")]
    LeftBrace,
    /// `}`
    #[token("}")]
    RightBrace,
    /// `.`
    #[token(".")]
    Dot,
    /// `,`
    #[token(",")]
    Comma,
    /// `:`
    #[token(":")]
    Colon,
    /// `;`
    #[token(";")]
    Semicolon,
    /// `=`
    #[token("=")]
    Assign,
    /// `==`
    #[token("==")]
    Equal,
    /// `!=`
    #[token("!=")]
    NotEqual,
    /// `<`
    #[token("<")]
    Less,
    /// `<=`
    #[token("<=")]
    LessEqual,
    /// `>`
    #[token(">")]
    Greater,
    /// `>=`
    #[token(">=")]
    GreaterEqual,
    /// `+`
    #[token("+")]
    Plus,
    /// `-`
    #[token("-")]
    Minus,
    /// `*`
    #[token("*")]
    Star,
    /// `/`
    #[token("/")]
    Slash,
    /// `//`
    #[token("//")]
    DoubleSlash,
    /// `%`
    #[token("%")]
    Percent,
    /// `&&`
    #[token("&&")]
    DoubleAmpersand,
    /// `||`
    #[token("||")]
    DoubleBar,
    /// `!`
    #[token("!")]
    Bang,
    /// `@`, which begins an aggregation.
    #[token("@")]
    At,
    /// `+=` and its like, which HogTrace does not have.
    #[regex(r"(\+|-|\*|/|//|%|\*\*|&|\||\^|<<|>>)=|:=")]
    CompoundAssign,
    /// An operator of Python or C that HogTrace does not have.
    #[regex(r"\*\*|&|\||\^|~|<<|>>|\?|->|===|!==|<>")]
    ForeignOperator,
    /// Characters without a meaning.
    Unknown,
    /// The end of the source.
    End,
}

impl TokenKind {
    /// The token as an error names it; for those with a text of their own, what they are.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Target => "a target",
            Self::Name => "a name",
            Self::Variable => "a variable",
            Self::Number => "a number",
            Self::String | Self::UnclosedString => "a string",
            Self::None => "`None`",
            Self::True => "`True`",
            Self::False => "`False`",
            Self::And => "`and`",
            Self::Or => "`or`",
            Self::Not => "`not`",
            Self::In => "`in`",
            Self::Is => "`is`",
            Self::LeftParenthesis => "`(`",
            Self::RightParenthesis => "`)`",
            Self::LeftBracket => "`[`",
            Self::RightBracket => "`]`",
            Self::LeftBrace => "`{`",
            Self::RightBrace => "`}`",
            Self::Dot => "`.`",
            Self::Comma => "`,`",
            Self::Colon => "`:`",
            Self::Semicolon => "`;`",
            Self::Assign => "`=`",
            Self::Equal => "`==`",
            Self::NotEqual => "`!=`",
            Self::Less => "`<`",
            Self::LessEqual => "`<=`",
            Self::Greater => "`>`",
            Self::GreaterEqual => "`>=`",
            Self::Plus => "`+`",
            Self::Minus => "`-`",
            Self::Star => "`*`",
            Self::Slash => "`/`",
            Self::DoubleSlash => "`//`",
            Self::Percent => "`%`",
            Self::DoubleAmpersand => "`&&`",
            Self::DoubleBar => "`||`",
            Self::Bang => "`!`",
            Self::At => "`@`",
            Self::CompoundAssign => "a compound assignment",
            Self::ForeignOperator => "an operator that HogTrace does not have",
            Self::Unknown => "characters without a meaning",
            Self::End => "the end of the file",
        }
    }
}
