//! What the page of each error code says; the pages under `docs/errors` are made from it.

use super::code::{Code, Explanation};

/// Puts an explanation together.
const fn page(
    text: &'static str,
    wrong: Option<&'static str>,
    right: Option<&'static str>,
) -> Explanation {
    Explanation { text, wrong, right }
}

/// What the page of `code` says.
#[expect(
    clippy::too_many_lines,
    reason = "one entry per code, and nothing else"
)]
pub(super) const fn explanation(code: Code) -> Explanation {
    match code {
        Code::SourceTooLarge => page(
            "A program has at most 1 MiB of source text. Split the file; any number of programs can be installed \
             side by side.",
            None,
            None,
        ),
        Code::UnknownCharacter => page(
            "The character is part of no name, number, string or operator. Often it came with a copied text: \
             typographic quotes, a long dash, a character that cannot be seen. Comments begin with `#` and may \
             hold anything.",
            Some("fn:shop.cart.add:entry / arg1 ≥ 10 / { capture(arg1); }"),
            Some("fn:shop.cart.add:entry / arg1 >= 10 / { capture(arg1); }"),
        ),
        Code::UnclosedString => page(
            "A string ends in the quote that it began with, on the same line. A backslash at the end of the line \
             goes on in the next.",
            Some(r#"fn:shop.cart.add:entry { capture(kind="add); }"#),
            Some(r#"fn:shop.cart.add:entry { capture(kind="add"); }"#),
        ),
        Code::BadEscape => page(
            "In strings the escapes of Python stand for characters: `\\\\ \\' \\\" \\a \\b \\f \\n \\r \\t \\v`, octal `\\0`, \
             `\\x41`, `\\u00e9`, `\\U0001f600`. Python lets others pass and keeps the backslash, with a warning; \
             HogTrace refuses them, and names (`\\N{…}`) and halves of surrogate pairs as well.",
            Some(r#"fn:shop.files.read:entry / arg0 == "C:\data" / { capture(arg0); }"#),
            Some(r#"fn:shop.files.read:entry / arg0 == "C:\\data" / { capture(arg0); }"#),
        ),
        Code::BadNumber => page(
            "Numbers are written as in Python: `42`, `1_000`, `0xff`, `0o17`, `0b1`, `1.5`, `.5`, `1e9`. An \
             underscore stands between two digits; an integer does not begin with zeros; there are no imaginary \
             numbers.",
            Some("fn:shop.cart.add:entry / arg1 > 007 / { capture(arg1); }"),
            Some("fn:shop.cart.add:entry / arg1 > 7 / { capture(arg1); }"),
        ),
        Code::LiteralTooLarge => page(
            "An integer has at most 4,096 bits, a string at most 65,536 bytes, a list literal at most 10,000 \
             items, and an expression that names its own field at most 65,536 bytes of text.",
            None,
            None,
        ),
        Code::StringForm => page(
            "A string stands in one single or double quote on either side, without a prefix. There are no raw \
             strings, no bytes, no formatted strings, and none in triple quotes.",
            Some(r#"fn:shop.cart.add:entry { capture(text=f"{arg0}"); }"#),
            Some("fn:shop.cart.add:entry { capture(text=str(arg0)); }"),
        ),
        Code::Unexpected => page(
            "The grammar needs something else at this place; the message says what would fit. Often a bracket or \
             a comma is missing just before it, or `=` stands where `==` compares.",
            Some("fn:shop.cart.add:entry / arg1 = 10 / { capture(arg1); }"),
            Some("fn:shop.cart.add:entry / arg1 == 10 / { capture(arg1); }"),
        ),
        Code::NotAProbe => page(
            "A file holds probes and comments, nothing else. A probe begins with `fn:` and its target.",
            Some("shop.cart.add:entry { capture(args); }"),
            Some("fn:shop.cart.add:entry { capture(args); }"),
        ),
        Code::BadTarget => page(
            "A target is a dotted path of module, perhaps class, and function. Segments are names of Python; `*` \
             matches inside of a segment, `**` is a segment that matches any number of them, and `<locals>` \
             stands between a function and what is defined in it; `<lambda>`, there alone, is a lambda. There are no blanks \
             in a target.",
            Some("fn:shop..add:entry { capture(args); }"),
            Some("fn:shop.cart.add:entry { capture(args); }"),
        ),
        Code::UnknownPoint => page(
            "A probe fires at `entry`, when the body of the call begins, or at `exit`, when it ends by return or \
             by exception. `entry+3` fires inside of the body, before the statement that starts 3 lines below the \
             `def` line.",
            Some("fn:shop.cart.add:return { capture(retval); }"),
            Some("fn:shop.cart.add:exit { capture(retval); }"),
        ),
        Code::EmptyPredicate => page(
            "Between the slashes stands a condition. A probe that always fires has no slashes.",
            Some("fn:shop.cart.add:entry / / { capture(args); }"),
            Some("fn:shop.cart.add:entry { capture(args); }"),
        ),
        Code::UnclosedPredicate => page(
            "The predicate ends in a `/` whose next token is the `{` of the body. Every other `/` divides.",
            Some("fn:shop.cart.add:entry / arg1 > 10 { capture(arg1); }"),
            Some("fn:shop.cart.add:entry / arg1 > 10 / { capture(arg1); }"),
        ),
        Code::UnclosedBody => page(
            "What a probe does stands in braces behind its point and its predicate. `{ }` does nothing and is \
             valid.",
            Some("fn:shop.cart.add:entry { capture(args);"),
            Some("fn:shop.cart.add:entry { capture(args); }"),
        ),
        Code::MissingSemicolon => page(
            "Every statement ends in `;`, the last one too.",
            Some("fn:shop.cart.add:entry { capture(args) }"),
            Some("fn:shop.cart.add:entry { capture(args); }"),
        ),
        Code::NotAStatement => page(
            "A statement captures something or sets a variable. An expression alone would compute a value and \
             forget it.",
            Some("fn:shop.cart.add:entry { len(args); }"),
            Some("fn:shop.cart.add:entry { capture(len(args)); }"),
        ),
        Code::NotAssignable => page(
            "A probe never changes the application: neither its variables nor its objects. What can be set are \
             variables of the request, `$req.name`, and of the call, `$call.name`.",
            Some("fn:shop.cart.add:entry { total = arg1; }"),
            Some("fn:shop.cart.add:entry { $call.total = arg1; }"),
        ),
        Code::TooDeep => page(
            "An expression nests at most 64 deep: brackets, operators and accesses within one another. Put a part \
             of it into a `$call` variable.",
            Some(
                "fn:shop.cart.add:entry { capture(x=(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((arg0)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))); }",
            ),
            Some("fn:shop.cart.add:entry { capture(x=arg0); }"),
        ),
        Code::ForeignOperator => page(
            "HogTrace has the operators `+ - * / // %`, `== != < <= > >=`, `in`, `is`, `and or not` and `&& || \
             !`. It has no powers, no bit operations, no conditional expression, and no assignment that computes.",
            Some("fn:shop.cart.add:entry / arg1 > 1 & arg2 > 1 / { capture(args); }"),
            Some("fn:shop.cart.add:entry / arg1 > 1 and arg2 > 1 / { capture(args); }"),
        ),
        Code::UnclosedBracket => page(
            "A round or square bracket has no counterpart before the statement or the predicate ends.",
            Some("fn:shop.cart.add:entry { capture(total=(arg1 + arg2 * 2); }"),
            Some("fn:shop.cart.add:entry { capture(total=(arg1 + arg2) * 2); }"),
        ),
        Code::ForeignSyntax => page(
            "HogTrace borrows the expressions of Python, not all of its syntax: no conditional expressions, \
             lambdas, comprehensions, tuples, dicts, sets or steps of slices, and `None`, `True`, `False` are \
             written as in Python. Conditions belong into the predicate.",
            Some("fn:shop.cart.add:entry { capture(first=args[::2]); }"),
            Some("fn:shop.cart.add:entry { capture(first=args[0], third=args[2]); }"),
        ),
        Code::UnknownFunction => page(
            "The functions are `timestamp rand len str int float bool type startswith endswith lower abs min max \
             round stack matches`. No other function can be called, neither of Python nor of the application.",
            Some("fn:shop.cart.add:entry / length(args) > 2 / { capture(args); }"),
            Some("fn:shop.cart.add:entry / len(args) > 2 / { capture(args); }"),
        ),
        Code::WrongArguments => page(
            "Each function takes a certain number of arguments, and none of them by name.",
            Some("fn:shop.cart.add:entry { capture(low=min(arg1)); }"),
            Some("fn:shop.cart.add:entry { capture(low=min(arg1, arg2)); }"),
        ),
        Code::MethodCall => page(
            "A probe reads; it never runs code of the application. A method call would. Read attributes and items \
             instead, or use a function of the language.",
            Some(
                r#"fn:shop.pages.show:entry / arg0.path.startswith("/admin") / { capture(arg0.path); }"#,
            ),
            Some(
                r#"fn:shop.pages.show:entry / startswith(arg0.path, "/admin") / { capture(arg0.path); }"#,
            ),
        ),
        Code::NotAtThisPoint => page(
            "`retval`, `exception` and `duration` tell how a call ended, so they exist at `exit` only. A local \
             variable of one of these names is read by `locals[\"name\"]`.",
            Some("fn:shop.cart.add:entry { capture(retval); }"),
            Some("fn:shop.cart.add:exit { capture(retval); }"),
        ),
        Code::DunderName => page(
            "Names with two underscores at both ends lead from objects to the machinery of Python, and from there \
             to everything. Probes cannot read them. `type(x)` names an object's class.",
            Some("fn:shop.cart.add:entry { capture(arg0.__class__); }"),
            Some("fn:shop.cart.add:entry { capture(type(arg0)); }"),
        ),
        Code::UnknownScope => page(
            "Variables of HogTrace live in the request, `$req.name` or `$request.name`, or in the call, \
             `$call.name`. Both need a name behind them.",
            Some("fn:shop.cart.add:entry { $user = arg0; }"),
            Some("fn:shop.cart.add:entry { $req.user = arg0; }"),
        ),
        Code::ArgumentNumber => page(
            "Positional arguments are numbered from 0: `arg0`, `arg1`, … Numbers beyond 65,535 are not taken.",
            Some("fn:shop.cart.add:entry { capture(arg70000); }"),
            Some("fn:shop.cart.add:entry { capture(arg7); }"),
        ),
        Code::ActionInExpression => page(
            "`capture` and `send` are statements of their own. They have no value.",
            Some("fn:shop.cart.add:entry { $req.seen = capture(args); }"),
            Some("fn:shop.cart.add:entry { $req.seen = True; capture(args); }"),
        ),
        Code::ListPlace => page(
            "A list in square brackets is what `in` and `not in` search. It is no value that can be captured, \
             assigned or passed on.",
            Some("fn:shop.cart.add:entry { capture(pair=[arg0, arg1]); }"),
            Some("fn:shop.cart.add:entry { capture(first=arg0, second=arg1); }"),
        ),
        Code::ListItem => page(
            "A list literal is made once, when the program is compiled, so it holds literals only.",
            Some(r#"fn:shop.cart.add:entry / arg0 in [arg1, "x"] / { capture(arg0); }"#),
            Some(r#"fn:shop.cart.add:entry / arg0 == arg1 or arg0 == "x" / { capture(arg0); }"#),
        ),
        Code::IsOperand => page(
            "Whether two names mean the same object is an accident of the implementation for most values; `is` \
             therefore takes `None`, `True` or `False` on its right. `== None` means `is None`.",
            Some(r#"fn:shop.cart.add:entry / arg0 is "x" / { capture(arg0); }"#),
            Some(r#"fn:shop.cart.add:entry / arg0 == "x" / { capture(arg0); }"#),
        ),
        Code::StringModulo => page(
            "`%` is the remainder of a division. It does not format strings: formatting would run code of the \
             objects that are formatted.",
            Some(r#"fn:shop.cart.add:entry { capture(text="%s" % arg0); }"#),
            Some("fn:shop.cart.add:entry { capture(text=str(arg0)); }"),
        ),
        Code::BadPattern => page(
            "The second argument of `matches` is a regular expression in the syntax of the Rust crate `regex`, which \
             is that of Python's `re` for the most part. It is searched for in linear time, so there is no look-around \
             and no backreference. In a string a backslash is written `\\\\`. A pattern has at most 1,024 bytes, and \
             256 KiB once it is compiled.",
            Some(r#"fn:shop.show:entry / matches(arg0, "^/orders/(?!new)") / { capture(arg0); }"#),
            Some(
                r#"fn:shop.show:entry / matches(arg0, "^/orders/") and not matches(arg0, "new") / { capture(arg0); }"#,
            ),
        ),
        Code::PatternNotLiteral => page(
            "A pattern is compiled together with the probe, once, so it stands there as a string. A value of the \
             call cannot be a pattern.",
            Some("fn:shop.pages.show:entry / matches(arg0.path, arg1) / { capture(arg0.path); }"),
            Some(
                r#"fn:shop.pages.show:entry / matches(arg0.path, "^/orders/[0-9]+$") / { capture(arg0.path); }"#,
            ),
        ),
        Code::PositionalAfterNamed => page(
            "Fields without a name come first, as positional arguments do in Python.",
            Some("fn:shop.cart.add:entry { capture(total=arg1, arg0); }"),
            Some("fn:shop.cart.add:entry { capture(arg0, total=arg1); }"),
        ),
        Code::DuplicateField => page(
            "Each field of a capture has a name of its own. A field without a given name has the text of its \
             expression, so the same expression twice is an error too.",
            Some("fn:shop.cart.add:entry { capture(arg0, arg0=1); }"),
            Some("fn:shop.cart.add:entry { capture(arg0, count=1); }"),
        ),
        Code::BadSample => page(
            "`sample` takes a percentage, `10%` or `0.5%`, or a fraction, `1/100`. It says in how many of the requests \
             the probe fires: in some of them, and in no more than all. A probe that fires always has no `sample`.",
            Some("fn:shop.cart.add:entry { sample 0.1; capture(args); }"),
            Some("fn:shop.cart.add:entry { sample 10%; capture(args); }"),
        ),
        Code::MisplacedDirective => page(
            "`sample` decides whether the probe fires at all, before its predicate is looked at. It stands once, \
             before the other statements.",
            Some("fn:shop.cart.add:entry { capture(args); sample 10%; }"),
            Some("fn:shop.cart.add:entry { sample 10%; capture(args); }"),
        ),
        Code::TooManyProbes => page(
            "A program has at most 10,000 probes. Split the file, or use a wildcard in the target.",
            None,
            None,
        ),
        Code::TooManyInstructions => page(
            "The predicate and the body of one probe have at most 4,096 instructions of bytecode together. \
             Several probes can stand at the same point; they run in the order of the file.",
            None,
            None,
        ),
        Code::StackTooDeep => page(
            "The machine holds at most 64 values at once. Each field of a capture is one, and so is each operand \
             that waits for the rest of its expression.",
            None,
            None,
        ),
        Code::TableFull => page(
            "A program has at most 65,536 different names, and as many different constants.",
            None,
            None,
        ),
        Code::TooManyPatterns => page(
            "The probes of one program have at most 100 different patterns for `matches`. One that several use counts \
             once.",
            None,
            None,
        ),
        Code::NotAvailable => page(
            "The word is reserved for a part of the language that this version does not have yet: `rate`, `limit`, \
             `speculate`, `commit`, `discard`, and aggregations (`@name`).",
            Some("fn:shop.cart.add:entry { rate 10/s; capture(args); }"),
            Some("fn:shop.cart.add:entry { sample 1%; capture(args); }"),
        ),
        Code::Internal => page(
            "The compiler made bytecode that the verifier refuses. Nothing was run. This is a defect of HogTrace: \
             please report it with the probe.",
            None,
            None,
        ),
    }
}
