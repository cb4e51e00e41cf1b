//! Programs whose tables break a rule of the verifier: names, constants, ids, inputs, fields.

use hogtrace_core::bytecode::{Capture, Code, Constant, Input, Op, Point, Probe, Program};
use hogtrace_core::verify::{VerifyError, verify};

/// A program of one probe at exit, with something in every table.
fn program() -> Program {
    let mut end = Vec::new();
    Op::End.encode(&mut end);
    Program {
        name: "test".to_owned(),
        names: vec!["a".to_owned(), "b".to_owned()],
        constants: vec![Constant::Int(1), Constant::Str("key".to_owned())],
        probes: vec![Probe {
            id: "m.f:exit".to_owned(),
            target: "m.f".to_owned(),
            point: Point::Exit,
            sample: None,
            inputs: vec![Input::Args, Input::Name(1), Input::Retval],
            captures: Vec::new(),
            predicate: Code::default(),
            body: Code {
                bytes: end,
                positions: Vec::new(),
            },
        }],
    }
}

fn refusal(program: Program) -> VerifyError {
    verify(program).expect_err("the program breaks a rule")
}

/// What is changed in the program, and a part of what the refusal says.
type Case = (fn(&mut Program), &'static str);

/// Asserts that the program is accepted as it is, and refused with each of the changes.
fn check(cases: &[Case]) {
    verify(program()).expect("sound");
    for (change, reason) in cases {
        let mut program = program();
        change(&mut program);
        let error = refusal(program);
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!((error.section, error.offset), (None, None), "{error}");
    }
}

#[test]
fn names_are_identifiers_that_a_probe_can_read() {
    check(&[
        (|p| p.names[0] = "__class__".to_owned(), "name 0 is none"),
        (|p| p.names[1] = "a b".to_owned(), "name 1 is none"),
        (|p| p.names[1] = String::new(), "name 1 is none"),
        (|p| p.names[1] = "__a__".to_owned(), "name 1 is none"),
        (|p| p.names[1] = "a\0".to_owned(), "name 1 is none"),
        (|p| p.names[1] = "1a".to_owned(), "name 1 is none"),
        (|p| p.names[1] = "a".repeat(65_537), "name 1 is none"),
        (
            |p| p.name = "n".repeat(1025),
            "the name of the program has 1025 bytes, of at most 1024",
        ),
        (|p| p.names = vec!["a".to_owned(); 65_537], "65537 names"),
    ]);
}

#[test]
fn constants_are_in_their_one_form() {
    check(&[
        (
            |p| p.constants = vec![Constant::None; 65_537],
            "65537 constants, of at most 65536",
        ),
        (
            |p| p.constants[0] = Constant::BigInt("12".to_owned()),
            "constant 0: the digits are not those of an integer that needs them",
        ),
        (
            |p| p.constants[0] = Constant::BigInt("09223372036854775808".to_owned()),
            "constant 0",
        ),
        (
            |p| p.constants[0] = Constant::BigInt("-9223372036854775808".to_owned()),
            "constant 0",
        ),
        (
            |p| {
                p.constants[0] = Constant::List(vec![Constant::BigInt("1".to_owned())]);
            },
            "constant 0",
        ),
        (
            |p| p.constants[0] = Constant::List(vec![Constant::Str("x".repeat(65_537))]),
            "constant 0: the string is too long",
        ),
        (
            |p| p.constants[0] = Constant::BigInt("9".repeat(2000)),
            "constant 0",
        ),
        (
            |p| p.constants[1] = Constant::Str("x".repeat(65_537)),
            "constant 1",
        ),
        (
            |p| p.constants[0] = Constant::List(vec![Constant::List(Vec::new())]),
            "a list holds a list",
        ),
        (
            |p| p.constants[0] = Constant::List(vec![Constant::None; 10_001]),
            "the list is too long",
        ),
    ]);
}

#[test]
fn probes_are_what_their_ids_and_targets_say() {
    check(&[
        (
            |p| p.probes = vec![p.probes[0].clone(); 10_001],
            "10001 probes, of at most 10000",
        ),
        (
            |p| p.probes[0].inputs = vec![Input::Args; 4097],
            "probe 0: 4097 inputs, of at most 4096",
        ),
        (
            |p| p.probes[0].captures = vec![Capture::default(); 4097],
            "probe 0: 4097 captures, of at most 4096",
        ),
        (
            |p| {
                p.probes[0].target = format!("m.{}", "f".repeat(4095));
                p.probes[0].id = format!("{}:exit", p.probes[0].target);
            },
            "a target has at most 4,096 bytes",
        ),
        (|p| p.probes[0].target = "m".to_owned(), "id is not made"),
        (
            |p| p.probes[0].id = "m.f:entry".to_owned(),
            "id is not made",
        ),
        (
            |p| p.probes[0].id = "m.f:exit#2".to_owned(),
            "id is not made",
        ),
        (
            |p| p.probes.push(p.probes[0].clone()),
            "probe 1: the id is not made",
        ),
        (
            |p| {
                p.probes[0].target = "m..f".to_owned();
                p.probes[0].id = "m..f:exit".to_owned();
            },
            "segment of the target is empty",
        ),
        (
            |p| p.probes[0].inputs.push(Input::Name(2)),
            "input 3 has a name",
        ),
        (
            |p| {
                p.probes[0].point = Point::Entry;
                p.probes[0].id = "m.f:entry".to_owned();
            },
            "input 2 has no value at `entry`",
        ),
    ]);
}

#[test]
fn fields_have_proper_names() {
    let fields = |fields: &[&str]| {
        let mut program = program();
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        program.probes[0].captures = vec![Capture { fields }];
        refusal(program).reason
    };
    assert!(fields(&["a", "a"]).contains("twice"));
    for name in ["", "a\n", "\u{1b}[2J", "\u{9b}", &"f".repeat(1025)] {
        assert!(
            fields(&[name]).contains("without a proper name"),
            "{name:?}"
        );
    }
    assert!(fields(&["a"; 65]).contains("more than 64 fields"));
}
