//! Each limit of the language: at the limit it works, one past it an error names it.

use std::fmt::Write as _;
use std::thread;

use hogtrace_core::error::Code;
use hogtrace_core::{compile, limits, wire};

/// The codes of all errors of a source; none if it compiles.
fn codes(source: &str) -> Vec<Code> {
    match compile(source, "test.hogtrace") {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .diagnostics()
            .iter()
            .map(|error| error.code)
            .collect(),
    }
}

#[track_caller]
fn assert_limit(at_limit: &str, beyond: &str, code: Code) {
    assert_eq!(codes(at_limit), []);
    assert_eq!(codes(beyond), [code]);
}

fn captures(value: &str) -> String {
    format!("fn:m.f:entry {{ capture(x={value}); }}")
}

#[test]
fn source() {
    let fill = |length: usize| {
        let probe = captures("1");
        format!("{probe}#{}", " ".repeat(length - probe.len() - 1))
    };
    let (at_limit, beyond) = (fill(limits::SOURCE_BYTES), fill(limits::SOURCE_BYTES + 1));
    assert_limit(&at_limit, &beyond, Code::SourceTooLarge);
}

#[test]
fn probes() {
    let mut source = "fn:m.f:entry { }\n".repeat(limits::PROBES);
    let program = compile(&source, "test").expect("at the limit");
    assert_eq!(program.probes().len(), limits::PROBES);
    assert_eq!(
        program.program().probes[limits::PROBES - 1].id,
        "m.f:entry#10000"
    );
    source.push_str("fn:m.f:entry { }");
    assert_eq!(codes(&source), [Code::TooManyProbes]);
}

#[test]
fn nesting_of_brackets() {
    let nested = |depth: usize| captures(&format!("{}1{}", "(".repeat(depth), ")".repeat(depth)));
    assert_limit(
        &nested(limits::NESTING),
        &nested(limits::NESTING + 1),
        Code::TooDeep,
    );
}

#[test]
fn nesting_of_signs() {
    // The operand is the lowest of the levels.
    let signs = |depth: usize| captures(&format!("{}x", "-".repeat(depth)));
    assert_limit(
        &signs(limits::NESTING - 1),
        &signs(limits::NESTING),
        Code::TooDeep,
    );
}

#[test]
fn nesting_of_accesses() {
    let chain = |length: usize| captures(&format!("x{}", ".y".repeat(length)));
    assert_limit(
        &chain(limits::NESTING - 1),
        &chain(limits::NESTING),
        Code::TooDeep,
    );
    let sum = |terms: usize| captures(&vec!["x"; terms].join(" + "));
    assert_limit(
        &sum(limits::NESTING),
        &sum(limits::NESTING + 1),
        Code::TooDeep,
    );
}

#[test]
fn conditions_side_by_side_are_not_nested() {
    assert_eq!(codes(&captures(&vec!["x == 1"; 300].join(" or "))), []);
    assert_eq!(codes(&captures(&vec!["x"; 300].join(" < "))), []);
}

#[test]
fn the_deepest_expression_needs_little_stack() {
    // Every level of precedence on every level of brackets, on a thread with a quarter of the usual stack.
    let level = "not a or b and c < d + e * -";
    let depth = 9;
    let expression = format!(
        "{}x{}",
        format!("{level}(").repeat(depth),
        ")".repeat(depth)
    );
    let brackets = format!("{}x{}", "1 + [".repeat(4000), "]".repeat(4000));
    let worker = thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(move || {
            let deep = format!("fn:m.f:entry / {expression} / {{ capture(x={expression}); }}");
            (codes(&deep), codes(&captures(&brackets)))
        });
    let (deep, too_deep) = worker.expect("a thread").join().expect("no overflow");
    assert_eq!((deep, too_deep), (vec![], vec![Code::TooDeep]));
}

#[test]
fn instructions() {
    // Each assignment is three instructions; the end of the body is one more.
    let body = |count: usize, rest: &str| {
        format!(
            "fn:m.f:entry / x{rest} / {{ {} }}",
            "$req.a = 1;".repeat(count)
        )
    };
    let count = (limits::INSTRUCTIONS - 1 - 3) / 3;
    let used = 3 * count + 1;
    // The predicate takes its operand, its end, and an attribute for each instruction that is left.
    let left = limits::INSTRUCTIONS - used - 2;
    let (at_limit, beyond) = (
        body(count, &".y".repeat(left)),
        body(count, &".y".repeat(left + 1)),
    );
    assert_limit(&at_limit, &beyond, Code::TooManyInstructions);
    let program = compile(&at_limit, "test").expect("at the limit");
    assert!(wire::decode(&wire::encode(program.program())).is_ok());
    assert_eq!(codes(&body(90_000, "")), [Code::TooManyInstructions]);
}

#[test]
fn stack() {
    let fields = |count: usize, last: &str| {
        let names: Vec<String> = (1..count)
            .map(|number| format!("f{number}=arg{number}"))
            .collect();
        format!(
            "fn:m.f:entry {{ capture({}, last={last}); }}",
            names.join(", ")
        )
    };
    assert_limit(
        &fields(limits::STACK, "x"),
        &fields(limits::STACK, "x + y"),
        Code::StackTooDeep,
    );
    assert_eq!(codes(&fields(limits::STACK + 1, "1")), [Code::StackTooDeep]);
    assert_eq!(codes(&fields(1000, "1")), [Code::StackTooDeep]);
    let arguments = |count: usize| captures(&format!("max({})", vec!["x"; count].join(", ")));
    assert_limit(
        &arguments(limits::STACK),
        &arguments(limits::STACK + 1),
        Code::StackTooDeep,
    );
}

#[test]
fn strings() {
    let text = |length: usize| captures(&format!("\"{}\"", "x".repeat(length)));
    assert_limit(
        &text(limits::STRING_BYTES),
        &text(limits::STRING_BYTES + 1),
        Code::LiteralTooLarge,
    );
}

#[test]
fn names_in_events() {
    // As the name of its own field the text and its quotes count.
    let unnamed = |length: usize| {
        let text = "x".repeat(length - 2);
        format!("fn:m.f:entry {{ capture(\"{text}\"); }}")
    };
    assert_limit(
        &unnamed(limits::NAME_BYTES),
        &unnamed(limits::NAME_BYTES + 1),
        Code::LiteralTooLarge,
    );
    let target = |length: usize| format!("fn:m.{}:entry {{ }}", "f".repeat(length - 2));
    assert_limit(
        &target(limits::TARGET_BYTES),
        &target(limits::TARGET_BYTES + 1),
        Code::BadTarget,
    );
    // A control character in the text of an expression is written as an escape there.
    for control in (0..=u32::from(u8::MAX)).filter_map(char::from_u32) {
        if control.is_control() && control != '\n' && control != '\r' && control != '\0' {
            let source = format!("fn:m.f:entry {{ capture(locals[\"{control}\"]); }}");
            assert_eq!(codes(&source), [], "{control:?}");
        }
        let source = format!(
            "fn:m.f:entry {{ capture(locals[\"\\x{:02x}\"]); }}",
            u32::from(control)
        );
        assert_eq!(codes(&source), [], "{source}");
    }
    // Of a program's name the end is kept.
    let name = format!("é{}", "/programs".repeat(200));
    let program = compile("fn:m.f:entry { }", &name).expect("any name will do");
    let kept = &program.program().name;
    assert!(name.ends_with(kept.as_str()));
    assert_eq!(kept.len(), limits::NAME_BYTES);
}

#[test]
fn integers() {
    let digits = |count: usize| captures(&format!("0x{}", "f".repeat(count)));
    let most = usize::try_from(limits::INTEGER_BITS / 4).expect("a small number");
    assert_limit(&digits(most), &digits(most + 1), Code::LiteralTooLarge);
    assert_eq!(
        codes(&captures(&"9".repeat(500_000))),
        [Code::LiteralTooLarge]
    );
}

#[test]
fn list_literals() {
    let list = |length: usize| captures(&format!("x in [{}]", "1,".repeat(length)));
    assert_limit(
        &list(limits::LIST_ITEMS),
        &list(limits::LIST_ITEMS + 1),
        Code::LiteralTooLarge,
    );
}

#[test]
fn patterns() {
    let search = |pattern: &str| captures(&format!("matches(x, \"{pattern}\")"));
    assert_limit(
        &search(&"a".repeat(limits::PATTERN_BYTES)),
        &search(&"a".repeat(limits::PATTERN_BYTES + 1)),
        Code::BadPattern,
    );
    let groups = |depth: u32| {
        let depth = depth as usize;
        search(&format!("{}a{}", "(".repeat(depth), ")".repeat(depth)))
    };
    assert_limit(
        &groups(limits::PATTERN_NESTING),
        &groups(limits::PATTERN_NESTING + 1),
        Code::BadPattern,
    );
    let different = |count: usize| {
        let probe = |number| format!("fn:m.f:entry / matches(x, \"a{number}\") / {{ }}");
        (0..count).map(probe).collect::<String>()
    };
    assert_limit(
        &different(limits::PATTERNS),
        &different(limits::PATTERNS + 1),
        Code::TooManyPatterns,
    );
    assert_eq!(codes(&different(limits::PATTERNS).repeat(2)), []);
}

#[test]
fn frames() {
    let stack = |count: u32| captures(&format!("stack({count})"));
    let most = u32::from(limits::FRAMES);
    assert_limit(&stack(most), &stack(most + 1), Code::WrongArguments);
    assert_limit(&stack(1), &stack(0), Code::WrongArguments);
}

#[test]
fn lines_of_points() {
    let at = |line: u32| format!("fn:m.f:entry+{line} {{ }}");
    assert_limit(
        &at(limits::POINT_LINES),
        &at(limits::POINT_LINES + 1),
        Code::UnknownPoint,
    );
}

#[test]
fn tables() {
    // Short statements, in probes of 200, with all names of up to four letters that are no words of the language.
    let source = |names: usize| {
        let mut source = String::new();
        for number in 0..names {
            if number % 1000 == 0 {
                source.push_str(if number == 0 {
                    "fn:m.f:exit{"
                } else {
                    "}fn:m.f:exit{"
                });
            }
            let _ = write!(source, "$req.{}=1;", name(number));
        }
        source + "}"
    };
    assert_limit(
        &source(limits::TABLE_ENTRIES),
        &source(limits::TABLE_ENTRIES + 1),
        Code::TableFull,
    );
}

/// Different short names that are no words of the language.
fn name(mut number: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMOPQRSTUVWXYZ_";
    let mut name = String::new();
    loop {
        name.push(char::from(LETTERS[number % LETTERS.len()]));
        number /= LETTERS.len();
        if number == 0 {
            return name;
        }
    }
}

#[test]
fn reports_are_bounded() {
    let source = "fn:m.f:entry { capture(lenn(1)); }\n".repeat(5000);
    let errors = compile(&source, "test").unwrap_err();
    assert_eq!(errors.diagnostics().len(), limits::DIAGNOSTICS);
    assert!(
        errors
            .render(false)
            .ends_with("5000 errors in test, the first 100 shown")
    );
}
