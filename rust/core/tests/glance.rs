//! A first look at a predicate says what a run says, or nothing.

use std::collections::BTreeMap;

use hogtrace_core::bytecode::Input;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{Outcome, glance};
use hogtrace_core::{VerifiedProgram, compile};
use proptest::prelude::*;

use host::{Held, World, text};

mod host;

type Inputs = BTreeMap<&'static str, Held>;

fn program(predicate: &str) -> VerifiedProgram {
    let source = format!("fn:m.f:entry / {predicate} / {{}}");
    compile(&source, "test.hogtrace").unwrap_or_else(|errors| panic!("{source}: {errors}"))
}

/// What a look at the predicate of the program's only probe says.
fn look(program: &VerifiedProgram, inputs: &Inputs) -> Option<bool> {
    let plain = program.program();
    glance(program.probes()[0].glance()?, |slot| {
        let Input::Name(name) = plain.probes[0].inputs[usize::from(slot)] else {
            return None;
        };
        inputs
            .get(plain.names[usize::from(name)].as_str())?
            .scalar()
    })
}

fn run(program: &VerifiedProgram, inputs: &Inputs) -> Outcome {
    World::new(inputs.clone()).run(program, 0)
}

fn inputs() -> Inputs {
    Inputs::from([
        ("a", Value::Int(7)),
        ("b", Value::Float(2.5)),
        ("c", Value::None),
        ("d", Value::Bool(true)),
        ("s", text("seven")),
    ])
}

#[test]
fn scalars_settle_it() {
    for (predicate, expected) in [
        ("a > 5", true),
        ("a > 7", false),
        ("a == 7.0", true),
        ("b < 3 and a != 2", true),
        ("b > 3 or c == None", true),
        ("c is not None", false),
        ("d is True", true),
        ("not d", false),
        ("a % 2 == 0", false),
        ("-a < 0", true),
        ("5 < a < 7", false),
        ("5 < a <= 7", true),
        // Not `True` itself.
        ("a", false),
        ("d", true),
        // What decides it comes first.
        ("a == 0 and s == 'seven'", false),
        ("a == 7 or s.upper == 1", true),
    ] {
        let program = program(predicate);
        assert_eq!(look(&program, &inputs()), Some(expected), "{predicate}");
        let outcome = run(&program, &inputs());
        assert_eq!(outcome == Outcome::Passed, expected, "{predicate}");
    }
}

#[test]
fn the_rest_is_left_to_a_run() {
    for predicate in [
        "s == 'seven'",
        "s",
        "c is not None or s is None",
        "a == 7 and s == 'seven'",
        "len(s) > 2 and a == 0",
        // Faults, which a run reports.
        "a < None",
        "a / 0 == 1",
        "missing == 1",
        "9223372036854775807 + a > 0",
    ] {
        assert_eq!(look(&program(predicate), &inputs()), None, "{predicate}");
    }
}

#[test]
fn a_sample_comes_before_any_look() {
    let source = "fn:m.f:entry / a > 5 / { sample 50%; }";
    let program = compile(source, "test.hogtrace").unwrap_or_else(|errors| panic!("{errors}"));
    assert!(program.probes()[0].glance().is_none());
}

fn scalars() -> impl Strategy<Value = Held> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..4).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int),
        (-3_i32..4).prop_map(|number| Value::Float(f64::from(number) / 2.0)),
        Just(text("text")),
    ]
}

fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned),
        2 => (-2_i64..3).prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["0.5", "None", "True", "'text'", "len(a)"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 24, 2, |inner| {
        let operators = vec![
            "==", "!=", "<", "<=", ">", ">=", "and", "or", "+", "-", "*", "%", "//",
        ];
        prop_oneof![
            6 => (inner.clone(), prop::sample::select(operators), inner.clone())
                .prop_map(|(left, operator, right)| format!("(({left}) {operator} ({right}))")),
            1 => inner.clone().prop_map(|operand| format!("(not {operand})")),
            1 => inner.clone().prop_map(|operand| format!("(-({operand}))")),
            1 => inner.clone().prop_map(|operand| format!("({operand} is not None)")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(low, middle, high)| format!("({low} < {middle} <= {high})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_look_says_what_a_run_says(
        predicate in expressions(),
        a in scalars(),
        b in scalars(),
        c in scalars(),
    ) {
        let source = format!("fn:m.f:entry / {predicate} / {{}}");
        // Constants that cannot be computed are refused.
        let Ok(program) = compile(&source, "test.hogtrace") else { return Ok(()) };
        let inputs = Inputs::from([("a", a), ("b", b), ("c", c)]);
        if let Some(passes) = look(&program, &inputs) {
            let expected = if passes { Outcome::Passed } else { Outcome::NotPassed };
            prop_assert_eq!(run(&program, &inputs), expected, "{}", source);
        }
    }
}
