//! Hand-written bytecode against each rule of the verifier.

use hogtrace_core::bytecode::{
    BinaryOp, Capture, Code, CompareOp, Constant, Function, Input, Op, Point, Position, Probe,
    Program, Scope, Singleton, UnaryOp,
};
use hogtrace_core::limits;
use hogtrace_core::verify::{Section, VerifyError, verify};

/// Encodes instructions whose targets are given as indices of instructions.
fn assemble(ops: &[Op]) -> Code {
    let mut offsets = Vec::new();
    let mut bytes = Vec::new();
    for op in ops {
        offsets.push(u16::try_from(bytes.len()).expect("short code"));
        op.encode(&mut bytes);
    }
    let end = u16::try_from(bytes.len()).expect("short code");
    let at = |index: u16| offsets.get(usize::from(index)).copied().unwrap_or(end);
    bytes.clear();
    for op in ops {
        let target = match *op {
            Op::Field(target) | Op::Statement(target) => Some(target),
            op => op.jump_target(),
        };
        op.with_target(target.map_or(0, at)).encode(&mut bytes);
    }
    Code {
        bytes,
        positions: Vec::new(),
    }
}

/// A program of one probe at exit, with something in every table.
fn program(predicate: &[Op], body: &[Op]) -> Program {
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
            predicate: assemble(predicate),
            body: assemble(body),
        }],
    }
}

fn with_captures(body: &[Op], fields: &[usize]) -> Program {
    let mut program = program(&[], body);
    program.probes[0].captures = fields
        .iter()
        .map(|&count| Capture {
            fields: (0..count).map(|number| format!("f{number}")).collect(),
        })
        .collect();
    program
}

fn refusal(program: Program) -> VerifyError {
    verify(program).expect_err("the program breaks a rule")
}

/// Asserts that a body is refused at an instruction for a reason that contains `reason`.
#[track_caller]
fn refuse_body(body: &[Op], instruction: usize, reason: &str) {
    check_refusal(program(&[], body), Section::Body, body, instruction, reason);
}

#[track_caller]
fn refuse_predicate(predicate: &[Op], instruction: usize, reason: &str) {
    let program = program(predicate, &[Op::End]);
    check_refusal(program, Section::Predicate, predicate, instruction, reason);
}

#[track_caller]
fn check_refusal(program: Program, section: Section, ops: &[Op], instruction: usize, reason: &str) {
    let error = refusal(program);
    assert!(error.reason.contains(reason), "{error}");
    let mut bytes = Vec::new();
    for op in &ops[..instruction] {
        op.encode(&mut bytes);
    }
    assert_eq!(
        (error.probe, error.section, error.offset),
        (Some(0), Some(section), Some(bytes.len())),
        "{error}"
    );
}

const ONE: Op = Op::Constant(0);
const ARGS: Op = Op::Input(0);
const STORE: Op = Op::StoreVariable(Scope::Request, 0);

#[test]
fn plain_code_is_accepted() {
    verify(program(
        &[ONE, Op::End],
        &[Op::Statement(3), ONE, STORE, Op::End],
    ))
    .expect("sound");
    verify(program(&[], &[Op::End])).expect("sound");
    verify(with_captures(
        &[Op::Statement(2), Op::Capture(0, 0), Op::End],
        &[0],
    ))
    .expect("sound");
}

#[test]
fn opcodes_and_operands_exist() {
    let told = |bytes: &[u8]| {
        let mut program = program(&[], &[Op::End]);
        program.probes[0].predicate.bytes = bytes.to_vec();
        refusal(program).to_string()
    };
    let at = |offset: usize, reason: &str| format!("probe 0, predicate, offset {offset}: {reason}");
    let cut = "the section ends in the middle of an instruction";
    for (bytes, offset, reason) in [
        (&[0xee][..], 0, "no instruction has the opcode 0xee"),
        (&[0x00], 0, "no instruction has the opcode 0x00"),
        (&[0x01, 0, 0, 0xff], 3, "no instruction has the opcode 0xff"),
        (&[0x01, 0x00], 0, cut),
        (&[0x01, 0, 0, 0x0e, 0x02], 3, cut),
        // A unary, a binary operator, a comparison, a singleton, a function, a scope.
        (&[0x08, 0x09], 0, "no such operand: 0x09"),
        (&[0x09, 0x06], 0, "no such operand: 0x06"),
        (&[0x0a, 0x08], 0, "no such operand: 0x08"),
        (&[0x0b, 0x03], 0, "no such operand: 0x03"),
        (&[0x0e, 0xfe, 0], 0, "no such operand: 0xfe"),
        (&[0x03, 0, 0, 0x02], 0, "no such operand: 0x02"),
    ] {
        assert_eq!(told(bytes), at(offset, reason), "{bytes:?}");
    }

    refuse_predicate(&[Op::Constant(2), Op::End], 0, "no constant 2");
    refuse_predicate(&[Op::Input(3), Op::End], 0, "no input 3");
    refuse_predicate(&[ARGS, Op::Attribute(2), Op::End], 1, "no name 2");
    refuse_predicate(&[Op::LoadVariable(Scope::Call, 9), Op::End], 0, "no name 9");
    refuse_body(
        &[
            Op::Statement(3),
            ONE,
            Op::StoreVariable(Scope::Call, 2),
            Op::End,
        ],
        2,
        "no name 2",
    );
    refuse_body(
        &[Op::Statement(2), Op::Capture(0, 0), Op::End],
        1,
        "no capture 0",
    );
    refuse_predicate(&[Op::Call(Function::Len, 0), Op::End], 0, "does not take 0");
    refuse_predicate(
        &[ONE, ONE, Op::Call(Function::Rand, 2), Op::End],
        2,
        "does not take 2",
    );
    refuse_predicate(
        &[ONE, Op::Call(Function::Max, 1), Op::End],
        1,
        "does not take 1",
    );
}

#[test]
fn patterns_are_regular_expressions() {
    refuse_predicate(&[ARGS, Op::Matches(2), Op::End], 1, "no constant 2");
    refuse_predicate(&[ARGS, Op::Matches(0), Op::End], 1, "not a string");
    refuse_predicate(&[Op::Matches(1), Op::End], 0, "more values than there are");
    let with = |patterns: &[String]| {
        let mut predicate = vec![ARGS];
        for number in 0..patterns.len() {
            let constant = u16::try_from(number).expect("few");
            // Each looks at the result of the one before, which is no business of the verifier's.
            predicate.push(Op::Matches(constant));
        }
        predicate.push(Op::End);
        let mut program = program(&predicate, &[Op::End]);
        program.constants = patterns.iter().cloned().map(Constant::Str).collect();
        verify(program).map_err(|error| error.reason)
    };
    assert!(with(&["^a+$".to_owned()]).is_ok());
    for (pattern, reason) in [
        ("(", "constant 0 is no pattern: unclosed group"),
        ("(?=a)", "look-around"),
        (r"(a)\1", "backreferences"),
        (r"\w{5000}", "at most 256 KiB"),
    ] {
        let error = with(&[pattern.to_owned()]).expect_err(pattern);
        assert!(error.contains(reason), "{error}");
    }
    let long = "a".repeat(limits::PATTERN_BYTES + 1);
    assert!(with(&[long]).unwrap_err().contains("at most 1024 bytes"));
    let different = |count: usize| {
        (0..count)
            .map(|number| format!("a{number}"))
            .collect::<Vec<_>>()
    };
    assert!(with(&different(limits::PATTERNS)).is_ok());
    assert_eq!(
        with(&different(limits::PATTERNS + 1)).unwrap_err(),
        "a program has at most 100 different patterns"
    );
}

#[test]
fn one_pattern_counts_once_and_is_compiled_once() {
    let search = [ARGS, Op::Matches(1), Op::End];
    let mut all = program(&search, &[Op::End]);
    for number in 2..=limits::PATTERNS + 5 {
        let mut probe = all.probes[0].clone();
        probe.id = format!("m.f:exit#{number}");
        all.probes.push(probe);
    }
    assert!(verify(all).is_ok());
}

#[test]
fn sampling_rates_are_above_zero_and_at_most_one() {
    let sampled = |rate: f64| {
        let mut program = program(&[], &[Op::End]);
        program.probes[0].sample = Some(rate);
        verify(program).map_err(|error| error.reason)
    };
    for rate in [1.0, 0.5, f64::MIN_POSITIVE, f64::from_bits(1)] {
        let verified = sampled(rate).expect("a rate");
        assert_eq!(verified.probes()[0].sample(), Some(rate));
    }
    for rate in [
        0.0,
        -0.0,
        -0.1,
        1.0 + f64::EPSILON,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ] {
        assert_eq!(
            sampled(rate).unwrap_err(),
            "the sampling rate is not above 0 and at most 1"
        );
    }
}

#[test]
fn points_at_lines_are_within_the_limit_and_have_no_end() {
    let at = |line: u32| {
        let mut program = program(&[], &[Op::End]);
        program.probes[0].point = Point::Line(line);
        program.probes[0].id = format!("m.f:entry+{line}");
        program
    };
    let mut sound = at(limits::POINT_LINES);
    sound.probes[0].inputs.truncate(2);
    assert!(verify(sound).is_ok());
    assert_eq!(refusal(at(3)).reason, "input 2 has no value at `entry+3`");
    assert_eq!(
        refusal(at(limits::POINT_LINES + 1)).reason,
        "the point lies more than 65535 lines below the `def` line"
    );
    let mut misnamed = at(3);
    misnamed.probes[0].id = "m.f:entry+03".to_owned();
    assert!(refusal(misnamed).reason.contains("the id is not made"));
}

#[test]
fn jumps_go_forward_to_instructions() {
    refuse_predicate(&[ONE, Op::Jump(0), Op::End], 1, "does not go forward");
    refuse_predicate(&[ONE, Op::Jump(1), Op::End], 1, "does not go forward");
    refuse_predicate(
        &[ONE, Op::JumpIfTrueOrPop(9), Op::End],
        1,
        "not the start of an instruction",
    );
    // Into the operand of the second constant, and where a target that wraps around would lead.
    for target in [7_u16, 3 + 256, u16::MAX, u16::MAX - 2] {
        let mut middle = program(&[ONE, Op::Jump(2), ONE, Op::End], &[Op::End]);
        middle.probes[0].predicate.bytes[4..6].copy_from_slice(&target.to_le_bytes());
        assert_eq!(
            refusal(middle).to_string(),
            "probe 0, predicate, offset 3: the target is not the start of an instruction"
        );
    }
    // The same of what jumps on a fault alone.
    let mut statement = program(&[], &[Op::Statement(3), ONE, STORE, Op::End]);
    statement.probes[0].body.bytes[1] = 8;
    assert_eq!(
        refusal(statement).to_string(),
        "probe 0, body, offset 0: the target is not the start of an instruction"
    );
}

#[test]
fn the_stack_has_one_depth_within_the_limit() {
    refuse_predicate(&[Op::Truth, Op::End], 0, "more values than there are");
    refuse_predicate(
        &[ONE, Op::Binary(BinaryOp::Add), Op::End],
        1,
        "more values than there are",
    );
    refuse_predicate(&[ONE, Op::Tuck, Op::End], 1, "more values than there are");
    refuse_predicate(
        &[ONE, Op::JumpIfFalseOrPop(4), ONE, ONE, Op::End],
        4,
        "2 on one way to the instruction and 1 on another",
    );
    let mut deep = vec![ONE; limits::STACK];
    deep.extend(vec![Op::Nip; limits::STACK - 1]);
    deep.push(Op::End);
    verify(program(&deep, &[Op::End])).expect("the limit itself is allowed");
    deep.insert(0, ONE);
    refuse_predicate(&deep, limits::STACK, "more than 64 values");
}

#[test]
fn every_instruction_is_reachable_and_the_end_comes_last() {
    refuse_predicate(&[ONE, Op::Jump(3), ONE, Op::End], 2, "no way leads to");
    refuse_predicate(&[ONE, Op::End, Op::End], 1, "behind the end");
    refuse_predicate(&[ONE], 0, "does not end in `end`");
    let mut empty = program(&[], &[Op::End]);
    empty.probes[0].body.bytes.clear();
    assert_eq!(refusal(empty).reason, "the section is empty");
    let mut positions = program(&[], &[Op::End]);
    positions.probes[0].predicate.positions = vec![Position {
        offset: 0,
        line: 1,
        column: 1,
    }];
    assert_eq!(refusal(positions).reason, "the section is empty");
}

#[test]
fn sections_end_with_the_depth_that_they_need() {
    refuse_predicate(&[ONE, ONE, Op::End], 2, "one value, not 2");
    refuse_predicate(&[Op::End], 0, "one value, not 0");
    refuse_body(&[Op::Statement(2), ONE, Op::End], 2, "leaves values");
}

#[test]
fn a_predicate_has_no_effects() {
    refuse_predicate(
        &[ONE, STORE, ONE, Op::End],
        1,
        "cannot stand in a predicate",
    );
    let mut captures = with_captures(&[Op::Statement(2), Op::Capture(0, 0), Op::End], &[0]);
    captures.probes[0].predicate = assemble(&[Op::Capture(0, 0), ONE, Op::End]);
    assert!(
        refusal(captures)
            .reason
            .contains("cannot stand in a predicate")
    );
    refuse_predicate(
        &[Op::Statement(1), ONE, Op::End],
        0,
        "cannot stand in a predicate",
    );
    refuse_predicate(
        &[Op::Field(2), ONE, Op::FieldEnd, Op::End],
        0,
        "cannot stand in a predicate",
    );
}

#[test]
fn statements_stand_one_after_another() {
    refuse_body(&[ONE, STORE, Op::End], 0, "not part of a statement");
    refuse_body(
        &[Op::Statement(0), ONE, STORE, Op::End],
        0,
        "does not end behind its start",
    );
    refuse_body(
        &[Op::Statement(2), ONE, STORE, Op::End],
        0,
        "neither a statement nor the end",
    );
    refuse_body(
        &[
            Op::Statement(5),
            Op::Statement(3),
            ONE,
            STORE,
            Op::Statement(5),
            Op::End,
        ],
        1,
        "within a statement",
    );
    refuse_body(
        &[
            Op::Statement(4),
            ONE,
            Op::JumpIfTrueOrPop(7),
            STORE,
            Op::Statement(7),
            ONE,
            STORE,
            Op::End,
        ],
        2,
        "leaves its statement",
    );
}

/// Asserts that a body with captures of that many fields is refused at an instruction for a reason.
#[track_caller]
fn refuse_captures(body: &[Op], fields: &[usize], instruction: usize, reason: &str) {
    let program = with_captures(body, fields);
    check_refusal(program, Section::Body, body, instruction, reason);
}

#[test]
fn fields_nest_in_statements_and_leave_one_value() {
    let field = |inner: &[Op]| {
        let end = u16::try_from(inner.len()).expect("short") + 2;
        let mut ops = vec![Op::Statement(end + 2), Op::Field(end)];
        ops.extend(inner);
        ops.extend([Op::FieldEnd, Op::Capture(0, 1), Op::End]);
        ops
    };
    verify(with_captures(&field(&[ARGS]), &[1])).expect("sound");
    for (inner, instruction, reason) in [
        (&[][..], 2, "does not leave one value"),
        (&[ONE, ONE], 4, "does not leave one value"),
        (&[ONE, STORE, ONE], 3, "has an effect"),
        (&[Op::Capture(0, 0), ONE], 2, "has an effect"),
        (&[Op::FieldEnd], 2, "ends before its end"),
        (
            &[ONE, Op::Statement(6)],
            3,
            "a statement ends within a field",
        ),
        (&[ONE, Op::End], 3, "a statement ends within a field"),
        (
            &[ONE, Op::JumpIfTrueOrPop(6), ONE],
            3,
            "leaves its statement or its field",
        ),
    ] {
        refuse_captures(&field(inner), &[1], instruction, reason);
    }
    let below = [
        Op::Statement(6),
        ONE,
        Op::Field(4),
        Op::Unary(UnaryOp::Negate),
        Op::FieldEnd,
        Op::Capture(0, 1),
        Op::End,
    ];
    refuse_captures(&below, &[1], 3, "takes values from below it");
    let nested = [
        Op::Statement(7),
        Op::Field(5),
        Op::Field(4),
        ONE,
        Op::FieldEnd,
        Op::FieldEnd,
        Op::Capture(0, 1),
        Op::End,
    ];
    refuse_captures(&nested, &[1], 2, "a field begins within a field");
    let alone = [
        Op::Statement(4),
        ONE,
        Op::FieldEnd,
        Op::Capture(0, 1),
        Op::End,
    ];
    refuse_captures(&alone, &[1], 2, "no field is open");
    let beyond = [Op::Statement(3), Op::Field(3), ONE, Op::End];
    refuse_captures(&beyond, &[1], 1, "does not end within its statement");
    let unclosed = [
        Op::Statement(5),
        Op::Field(3),
        ONE,
        ONE,
        Op::Capture(0, 1),
        Op::End,
    ];
    refuse_captures(&unclosed, &[1], 1, "does not end at the end of a field");
    let moved = [
        Op::Statement(7),
        Op::Field(3),
        ONE,
        Op::FieldEnd,
        ONE,
        Op::Nip,
        Op::Capture(0, 1),
        Op::End,
    ];
    refuse_captures(&moved, &[1], 5, "only fields may stand");
    let into = [
        Op::Statement(7),
        ONE,
        Op::JumpIfTrueOrPop(5),
        Op::Field(5),
        ONE,
        Op::FieldEnd,
        Op::Capture(0, 1),
        Op::End,
    ];
    refuse_captures(&into, &[1], 3, "leads into it");
    refuse_body(
        &[Op::Statement(2), Op::End, Op::End],
        1,
        "ends within a statement",
    );
}

#[test]
fn captures_are_used_once_with_their_fields() {
    let body = [Op::Statement(2), Op::Capture(0, 0), Op::End];
    refuse_captures(&body, &[1], 1, "does not have 0 fields");
    let unused = refusal(with_captures(&body, &[0, 0]));
    assert_eq!(unused.to_string(), "probe 0: a capture is not used");
    let twice = [
        Op::Statement(2),
        Op::Capture(0, 0),
        Op::Statement(4),
        Op::Capture(0, 0),
        Op::End,
    ];
    refuse_captures(&twice, &[0], 3, "capture 0 is used twice");
}

#[test]
fn positions_name_instructions_in_order() {
    let place = |offset, line, column| Position {
        offset,
        line,
        column,
    };
    let unordered = "the positions are not those of instructions in order";
    let uncounted = "lines and columns are counted from 1";
    for (positions, offset, reason) in [
        (vec![place(1, 1, 1)], 1, unordered),
        (vec![place(3, 1, 1), place(0, 1, 1)], 0, unordered),
        (vec![place(0, 1, 1), place(0, 1, 2)], 0, unordered),
        (vec![place(9, 1, 1)], 9, unordered),
        (vec![place(u16::MAX, 1, 1)], 65_535, unordered),
        (vec![place(0, 0, 1)], 0, uncounted),
        (vec![place(0, 1, 1), place(3, 1, 0)], 3, uncounted),
    ] {
        let mut program = program(&[ONE, Op::End], &[Op::End]);
        program.probes[0].predicate.positions = positions;
        let error = refusal(program);
        assert_eq!(
            error.to_string(),
            format!("probe 0, predicate, offset {offset}: {reason}")
        );
    }
    let mut program = program(&[ONE, Op::End], &[Op::End]);
    program.probes[0].predicate.positions = vec![place(0, 9, 1), place(3, 2, 1)];
    verify(program).expect("lines may go back");
}

#[test]
fn a_probe_is_no_longer_than_the_limit() {
    let mut body: Vec<Op> = Vec::new();
    while body.len() + 16 < limits::INSTRUCTIONS {
        let next = u16::try_from(body.len() + 3).expect("short");
        body.extend([Op::Statement(next), ONE, STORE]);
    }
    body.push(Op::End);
    let length = body.len();
    verify(program(&[], &body)).expect("within the limit");
    let mut predicate = vec![ONE];
    predicate.extend(vec![Op::Truth; limits::INSTRUCTIONS - length - 2]);
    predicate.push(Op::End);
    verify(program(&predicate, &body)).expect("the limit itself is allowed");
    predicate.insert(1, Op::Truth);
    let error = refusal(program(&predicate, &body));
    assert_eq!(error.reason, "more than 4096 instructions");
    assert_eq!(error.section, Some(Section::Body));
}

#[test]
fn the_offsets_of_long_code_do_not_wrap() {
    // Past the last offset that two bytes hold there are more instructions than a probe has.
    let mut long = program(&[], &[Op::End]);
    let mut end = Vec::new();
    Op::End.encode(&mut end);
    long.probes[0].predicate.bytes = end.repeat(70_000);
    assert_eq!(
        refusal(long).to_string(),
        "probe 0, predicate, offset 4096: more than 4096 instructions"
    );
}

#[test]
fn values_that_take_too_long_to_follow_are_refused() {
    // One value of many parts, captured in many fields, in many probes.
    let mut inner = vec![ONE, Op::Input(0)];
    inner.extend(vec![Op::Attribute(0); 3900]);
    inner.extend(vec![Op::Tuck; limits::STACK - 2]);
    let end = u16::try_from(inner.len()).expect("short") + 2;
    let mut body = vec![Op::Statement(end)];
    body.extend(inner);
    body.extend([Op::Capture(0, 64), Op::End]);
    let mut program = with_captures(&body, &[64]);
    verify(program.clone()).expect("one of them is followed");
    for number in 2..=64 {
        let mut probe = program.probes[0].clone();
        probe.id = format!("m.f:exit#{number}");
        program.probes.push(probe);
    }
    let error = refusal(program);
    assert!(error.probe.is_some_and(|probe| probe > 10), "{error}");
    assert!(error.reason.contains("too long to follow"), "{error}");
    assert!(error.offset.is_some());
}

#[test]
fn flows_join_where_ways_meet() {
    // `retval or args` without `truth`, as no compiler of ours writes it: either value may come out.
    let body = [
        Op::Statement(7),
        Op::Field(5),
        Op::Input(2),
        Op::JumpIfTrueOrPop(5),
        Op::Input(1),
        Op::FieldEnd,
        Op::Capture(0, 1),
        Op::End,
    ];
    let verified = verify(with_captures(&body, &[1])).expect("sound");
    let flow = &verified.probes()[0].flows()[0][0];
    assert_eq!((&*flow.inputs, &*flow.names), (&[1, 2][..], &[1][..]));
}

#[test]
fn the_table_of_effects_and_the_encoding_cover_every_instruction() {
    let all = [
        Op::Constant(1),
        Op::Input(2),
        Op::LoadVariable(Scope::Request, 3),
        Op::StoreVariable(Scope::Call, 4),
        Op::Attribute(5),
        Op::Item,
        Op::Slice,
        Op::Unary(UnaryOp::Plus),
        Op::Binary(BinaryOp::Modulo),
        Op::Compare(CompareOp::NotIn),
        Op::Is(Singleton::False),
        Op::Truth,
        Op::Not,
        Op::Call(Function::Round, 2),
        Op::JumpIfFalseOrPop(6),
        Op::JumpIfTrueOrPop(7),
        Op::Jump(8),
        Op::Tuck,
        Op::Nip,
        Op::Field(9),
        Op::FieldEnd,
        Op::Capture(10, 11),
        Op::Statement(12),
        Op::End,
        Op::Matches(13),
    ];
    for op in all {
        let mut bytes = vec![0xff];
        op.encode(&mut bytes);
        assert_eq!(Op::decode(&bytes, 1), Ok((op, bytes.len())), "{op:?}");
        assert!(Op::decode(&bytes[..bytes.len() - 1], 1).is_err(), "{op:?}");
        let effect = op.effect();
        assert_eq!(
            effect.pushes_at_target > 0,
            matches!(op, Op::JumpIfFalseOrPop(_) | Op::JumpIfTrueOrPop(_))
        );
    }
    assert_eq!(size_of::<Op>(), 4);
}
