//! What people write who know Python, DTrace or JavaScript, and how HogTrace says it.

use super::is_foreign_word;
use crate::bytecode::Function;
use crate::suggest::nearest;
use crate::syntax::token::TokenKind;

/// The help for a word that begins a statement elsewhere, if it is one.
pub(super) fn foreign_statement(word: &str) -> Option<&'static str> {
    let help = match word {
        "if" | "elif" | "else" | "while" => {
            "conditions stand in the predicate: `/ arg0 > 1 / { … }`"
        }
        "for" => "there are no loops: a field takes a whole container, `capture(args);`",
        "pass" => "leave it out: `{ }` is a valid body",
        "return" | "yield" => {
            "a probe returns nothing; what the function returns is `retval`, at `exit`"
        }
        "import" | "from" => {
            "a probe runs no code of Python; its functions, as `len(x)`, are there without an import"
        }
        _ if is_foreign_word(word) => {
            "a probe only looks: it captures values, and sets `$req` and `$call` variables"
        }
        _ => return None,
    };
    Some(help)
}

/// The help for a keyword of Python inside of an expression.
pub(super) fn foreign_in_expression(word: &str) -> Option<&'static str> {
    match word {
        "if" | "else" => Some("conditions stand in the predicate: `/ arg0 > 1 / { … }`"),
        "for" => Some("a field takes a whole container: `capture(args);`"),
        "return" | "yield" => Some("what the function returns is `retval`, at `exit`"),
        _ => None,
    }
}

/// The help for an operator of another language, given what stands before it.
pub(super) fn foreign_operator(operator: &str, before: &str) -> Option<String> {
    let help = match operator {
        ":=" => "a variable is set by a statement of its own: `$req.x = …;`",
        _ if operator.ends_with('=') && !matches!(operator, "===" | "!==") => {
            let sign = operator.trim_end_matches('=');
            if before.starts_with('$') && before.contains('.') {
                return Some(format!("write `{before} = {before} {sign} …;`"));
            }
            return Some(format!("write `$req.x = $req.x {sign} …;`"));
        }
        "&" => "`&&` or `and` joins conditions",
        "|" => "`||` or `or` joins conditions",
        "~" => "`!` or `not` negates a condition",
        "===" => "`==` compares",
        "!==" | "<>" => "`!=` compares",
        "->" if before == "this" => "a variable of the call is `$call.name`",
        "->" if before == "self" => {
            "`.` reads an attribute of `self`; a variable of the request is `$req.name`"
        }
        "->" => "`.` reads an attribute",
        "**" => "a power is written as a product: `x * x`",
        "?" => "there is no conditional expression; conditions stand in the predicate",
        _ => return None,
    };
    Some(help.to_owned())
}

/// The help for a call of a method, given what it is a method of and the text of its arguments.
pub(super) fn method(object: &str, name: &str, arguments: &str) -> String {
    const GENERAL: &str =
        "read attributes and items; only the functions of the language can be called";
    match name {
        "startswith" | "startsWith" | "endswith" | "endsWith" if !arguments.is_empty() => {
            format!("write `{}({object}, {arguments})`", name.to_lowercase())
        }
        "startswith" | "startsWith" | "endswith" | "endsWith" => {
            format!("write `{}({object}, …)`", name.to_lowercase())
        }
        "lower" | "casefold" | "toLowerCase" => format!("write `lower({object})`"),
        "get" if !arguments.is_empty() && !arguments.contains(',') => {
            format!("write `{object}[{arguments}]`")
        }
        "get" => format!("write `{object}[\"key\"]`"),
        "length" | "size" | "count" | "__len__" => format!("write `len({object})`"),
        "contains" | "includes" | "has_key" | "has" if !arguments.is_empty() => {
            format!("write `{arguments} in {object}`")
        }
        "items" | "keys" | "values" | "copy" => {
            format!("a field takes the whole container: `capture({object});`")
        }
        "format" | "join" => "capture the values as fields of their own".to_owned(),
        "log" | "info" | "debug" | "warning" | "error" | "print" => {
            "`capture(…);` records values".to_owned()
        }
        _ => GENERAL.to_owned(),
    }
}

/// The help for a call that stands as a statement, given the name and the text of its arguments; `None` if that is a
/// function of the language.
pub(super) fn called_statement(name: &str, arguments: &str) -> Option<String> {
    if let Some(known) = nearest(name, ["capture", "send"]) {
        return Some(format!("did you mean `{known}`?"));
    }
    if Function::from_name(name).is_some() || name == "matches" {
        return None;
    }
    Some(match name {
        "print" | "printf" | "log" | "trace" | "echo" | "puts" | "record" | "emit" | "println" => {
            format!("values are recorded by `capture({});`", shown(arguments))
        }
        _ => "a probe captures values, `capture(…);`, and sets variables, `$req.name = …;`, nothing else".to_owned(),
    })
}

/// An argument list in a help, if it is short and on one line.
fn shown(arguments: &str) -> &str {
    if arguments.len() <= 60 && !arguments.contains('\n') {
        arguments
    } else {
        "…"
    }
}

/// The help for text outside of probes, which begins with that word.
pub(super) fn outside(word: &str) -> String {
    let parts: Vec<&str> = word.split(':').collect();
    let is_dotted = |part: &str| part.contains('.') && !part.starts_with('.');
    match parts.as_slice() {
        [target, point] if is_dotted(target) && !target.starts_with("fn.") && !point.is_empty() => {
            format!("did you mean `fn:{target}:{point}`?")
        }
        [_, target, point] if is_dotted(target) && !point.is_empty() => {
            format!("did you mean `fn:{target}:{point}`?")
        }
        _ if word.starts_with("//") || word.starts_with("/*") || word.starts_with("--") => {
            "comments begin with `#`".to_owned()
        }
        _ if word.starts_with('"') => "comments begin with `#`".to_owned(),
        [word] if word.starts_with('}') => {
            "no brace is open here; each probe has one pair of them".to_owned()
        }
        ["fn"] => "write `fn:` and the target behind it, without a blank".to_owned(),
        [first, ..] if first.starts_with("fn.") => {
            format!("did you mean `fn:{}`?", &word["fn.".len()..])
        }
        _ => "a probe reads `fn:module.function:entry { capture(args); }`".to_owned(),
    }
}

/// The help where something else stands behind a probe's point than its predicate or its body.
pub(super) fn behind_point(found: TokenKind) -> &'static str {
    match found {
        TokenKind::Colon => "the body stands in braces: `{ capture(args); }`",
        TokenKind::Comma => "a probe has one target and one point; write a probe for each",
        TokenKind::DoubleSlash => "a predicate opens with one `/`",
        _ => "a condition stands between slashes, the body in braces: `/ arg0 > 1 / { … }`",
    }
}

/// What other tools call the points.
pub(super) fn point(word: &str) -> Option<&'static str> {
    match word {
        "call" | "enter" | "begin" | "start" | "before" => Some("entry"),
        "return" | "leave" | "end" | "finish" | "after" => Some("exit"),
        _ => nearest(word, ["entry", "exit"]),
    }
}

/// The help for a prefix of a string.
pub(super) fn string_prefix(prefix: &str) -> &'static str {
    let prefix = prefix.to_ascii_lowercase();
    if prefix.contains('f') {
        "capture the values as fields of their own: `capture(name=arg0);`"
    } else if prefix.contains('r') {
        "write it without the prefix, with `\\\\` for a backslash"
    } else {
        "write it without the prefix"
    }
}

/// Whether an operator of this kind stands between two operands.
pub(super) const fn is_infix(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Or
            | TokenKind::DoubleBar
            | TokenKind::And
            | TokenKind::DoubleAmpersand
            | TokenKind::Equal
            | TokenKind::NotEqual
            | TokenKind::Less
            | TokenKind::LessEqual
            | TokenKind::Greater
            | TokenKind::GreaterEqual
            | TokenKind::In
            | TokenKind::Is
            | TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Star
            | TokenKind::Slash
            | TokenKind::DoubleSlash
            | TokenKind::Percent
    )
}

/// Whether a token of this kind begins an operand.
pub(super) const fn begins_operand(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Name
            | TokenKind::Variable
            | TokenKind::Number
            | TokenKind::String
            | TokenKind::None
            | TokenKind::True
            | TokenKind::False
    )
}
