//! Programs of any shape that compile, with comments and blanks in any place, for property tests.

use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

/// The tokens of a part of a program.
type Words = Vec<String>;

fn words(text: &str) -> Words {
    text.split(' ').map(str::to_owned).collect()
}

fn select(texts: &'static [&'static str]) -> impl Strategy<Value = Words> {
    proptest::sample::select(texts).prop_map(words)
}

fn literal() -> BoxedStrategy<Words> {
    select(&[
        "None",
        "True",
        "False",
        "0",
        "42",
        "1_000",
        "0xfF",
        "1.5",
        "1e3",
        ".5",
        "1.",
        "123456789012345678901234567890",
        "'a'",
        r#""b""#,
        r"'it\'s'",
        r#"'"'"#,
        r#""\u00e9\n""#,
        "''",
    ])
    .boxed()
}

fn joined(parts: impl IntoIterator<Item = Words>, between: &str) -> Words {
    let mut all = Words::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            all.push(between.to_owned());
        }
        all.extend(part);
    }
    all
}

fn enclosed(open: &str, inner: Words, close: &str) -> Words {
    [vec![open.to_owned()], inner, vec![close.to_owned()]].concat()
}

fn expression() -> BoxedStrategy<Words> {
    let leaf = prop_oneof![
        literal(),
        select(&[
            "arg0",
            "args",
            "retval",
            "total",
            "a_name_that_is_rather_long_for_a_name",
            "locals"
        ]),
        select(&["$req . user", "$request . user", "$call . started"]),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let bracketed = inner.clone().prop_map(|e| enclosed("(", e, ")"));
        // Operands in brackets are valid everywhere; those without show what needs none.
        let operand = prop_oneof![
            bracketed.clone(),
            literal(),
            Just(words("arg1")),
            Just(words("arg2 . price"))
        ]
        .boxed();
        let binary = (
            operand.clone(),
            proptest::collection::vec(
                (
                    select(&[
                        "+", "-", "*", "//", "%", "==", "!=", "<", ">=", "in", "not in", "and",
                        "or", "&&", "||",
                    ]),
                    operand.clone(),
                ),
                1..5,
            ),
        )
            .prop_map(|(first, rest)| {
                rest.into_iter()
                    .fold(first, |all, (op, operand)| [all, op, operand].concat())
            });
        let list = proptest::collection::vec(literal(), 0..30)
            .prop_map(|items| enclosed("[", joined(items, ","), "]"));
        let members = (operand.clone(), list).prop_map(|(e, list)| [e, words("in"), list].concat());
        let call = proptest::collection::vec(inner.clone(), 2..5).prop_map(|arguments| {
            [words("max"), enclosed("(", joined(arguments, ","), ")")].concat()
        });
        let prefixed = (
            select(&["not", "!", "-", "not not", "! -"]),
            operand.clone(),
        )
            .prop_map(|(op, e)| enclosed("(", [op, e].concat(), ")"));
        let reached = (
            bracketed.clone(),
            select(&[". name", "[ 0 ]", "[ 1 : ]", "[ : arg0 ]", "[ : ]"]),
        )
            .prop_map(|(e, access)| [e, access].concat());
        prop_oneof![bracketed, binary, members, call, prefixed, reached]
    })
    .prop_filter("`%` formats no strings", |words| {
        !words.iter().any(|word| word == "%")
    })
    .boxed()
}

fn statement() -> impl Strategy<Value = Words> {
    let name = proptest::sample::select(vec!["$req . a", "$call . bc"]);
    let assignment = (name, expression())
        .prop_map(|(name, e)| [words(name), words("="), e, words(";")].concat());
    let capture = (proptest::collection::vec(expression(), 0..6), any::<bool>()).prop_map(
        |(fields, comma)| {
            let named = fields.into_iter().enumerate();
            let mut fields = joined(
                named.map(|(index, e)| [vec![format!("f{index}"), "=".to_owned()], e].concat()),
                ",",
            );
            if comma && !fields.is_empty() {
                fields.push(",".to_owned());
            }
            [words("capture"), enclosed("(", fields, ")"), words(";")].concat()
        },
    );
    prop_oneof![assignment, capture]
}

fn probe() -> impl Strategy<Value = Words> {
    let target = select(&[
        "fn:a.b",
        "fn:a.**.c_*",
        "fn:a.b.<locals>.c",
        "fn:some.long.path.to_a.function_with_a.long_name",
    ]);
    let predicate = proptest::option::of(expression())
        .prop_map(|e| e.map_or_else(Words::new, |e| enclosed("/", e, "/")));
    let body = proptest::collection::vec(statement(), 0..4)
        .prop_map(|statements| enclosed("{", statements.concat(), "}"));
    (target, predicate, body)
        .prop_map(|(target, predicate, body)| [target, words(": exit"), predicate, body].concat())
}

/// What may stand between two tokens, with a comment in it or not.
fn gap() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        12 => Just(" "),
        2 => Just("\n"),
        1 => Just("\n\n\n"),
        1 => Just(" # trailing  \n"),
        1 => Just("\n# own line\n"),
        1 => Just("\n\n\t#\n\n  # 'two\"\n"),
    ]
}

/// The text of a program that compiles.
pub(crate) fn program() -> impl Strategy<Value = String> {
    proptest::collection::vec(probe(), 0..4)
        .prop_map(|probes| probes.concat())
        .prop_flat_map(|words| {
            let gaps = proptest::collection::vec(gap(), words.len() + 1);
            (Just(words), gaps)
        })
        .prop_map(|(words, gaps)| {
            let mut text = gaps[0].to_owned();
            for (word, gap) in words.iter().zip(&gaps[1..]) {
                text.push_str(word);
                text.push_str(gap);
            }
            text
        })
}
