//! What programs that were made to be large cost: decoding and verifying ends, within bounds, whatever the bytes are.

use std::time::{Duration, Instant};

use hogtrace_core::bytecode::{
    Capture, Code, Constant, Function, Input, Op, Point, Probe, Program, Scope,
};
use hogtrace_core::verify::verify;
use hogtrace_core::{limits, wire};

/// Far more than any of them takes, even without optimisation: it is there for what never ends.
const GUARD: Duration = Duration::from_secs(120);

/// How large the programs are: as large as they may be, or less where nothing is optimised.
const BYTES: usize = if cfg!(debug_assertions) {
    limits::PROGRAM_BYTES / 8
} else {
    limits::PROGRAM_BYTES
};

const END: Op = Op::End;

fn code(ops: &[Op]) -> Code {
    let mut bytes = Vec::new();
    for op in ops {
        op.encode(&mut bytes);
    }
    Code {
        bytes,
        positions: Vec::new(),
    }
}

/// The byte offset behind `ops`.
fn behind(ops: &[Op]) -> u16 {
    u16::try_from(code(ops).bytes.len()).expect("short code")
}

/// As many probes of that code as fit.
fn repeated(predicate: &[Op], body: &[Op], captures: &[Capture]) -> Program {
    let mut program = Program {
        name: "large".to_owned(),
        names: (0..1000).map(|number| format!("name_{number}")).collect(),
        constants: vec![Constant::Int(1), Constant::Str("key".to_owned())],
        probes: Vec::new(),
    };
    let probe = |count: usize| Probe {
        id: if count == 1 {
            "m.f:exit".to_owned()
        } else {
            format!("m.f:exit#{count}")
        },
        target: "m.f".to_owned(),
        point: Point::Exit,
        sample: None,
        inputs: vec![Input::Args, Input::Retval],
        captures: captures.to_vec(),
        predicate: code(predicate),
        body: code(body),
    };
    program.probes.push(probe(1));
    let one = wire::encode(&program).len();
    program.probes.push(probe(2));
    let each = wire::encode(&program).len() - one + 8;
    let count = ((BYTES - one) / each).min(limits::PROBES);
    program.probes.extend((3..=count).map(probe));
    program
}

/// Decodes and verifies; gives whether the program was accepted, after telling what it took.
fn measure(what: &str, bytes: &[u8]) -> bool {
    assert!(
        bytes.len() <= limits::PROGRAM_BYTES,
        "{what}: {}",
        bytes.len()
    );
    let start = Instant::now();
    let accepted = wire::decode(bytes).is_ok_and(|program| verify(program).is_ok());
    let took = start.elapsed();
    println!(
        "{what}: {} bytes, {took:?}, accepted: {accepted}",
        bytes.len()
    );
    assert!(took < GUARD, "{what}: {took:?}");
    accepted
}

#[test]
fn as_many_instructions_as_fit() {
    let mut predicate = vec![Op::Constant(0)];
    predicate.extend(vec![Op::Truth; limits::INSTRUCTIONS - 3]);
    predicate.push(END);
    let program = repeated(&predicate, &[END], &[]);
    assert!(program.probes.len() > 400);
    assert!(measure("instructions", &wire::encode(&program)));
}

#[test]
fn as_many_ways_as_fit_that_meet_with_a_full_stack() {
    let mut predicate = vec![Op::Input(0); limits::STACK - 1];
    // Jumps are as long as the inputs between them.
    let ways = (limits::INSTRUCTIONS - 2 * limits::STACK - 2) / 2;
    let sample = [Op::Input(1), Op::JumpIfTrueOrPop(0)];
    let target = behind(&predicate) + u16::try_from(ways).expect("few") * behind(&sample) + 3;
    for _ in 0..ways {
        predicate.extend([Op::Input(1), Op::JumpIfTrueOrPop(target)]);
    }
    predicate.push(Op::Input(0));
    predicate.extend(vec![Op::Nip; limits::STACK - 1]);
    predicate.push(END);
    let program = repeated(&predicate, &[END], &[]);
    assert!(measure("ways", &wire::encode(&program)));
}

#[test]
fn values_that_are_captured_again_and_again() {
    let mut inner = vec![Op::Input(0)];
    for name in 0..900 {
        inner.extend([Op::Attribute(name)]);
    }
    inner.push(Op::Input(1));
    inner.extend(vec![Op::Tuck; limits::STACK - 2]);
    inner.push(Op::Capture(0, 64));
    let mut body = vec![Op::Statement(behind(&inner) + 3)];
    body.extend(inner);
    body.push(END);
    let fields = (0..64).map(|field| format!("f{field}")).collect();
    let program = repeated(&[], &body, &[Capture { fields }]);
    let accepted = measure("flows", &wire::encode(&program));
    // A program of full size has more of them than the verifier follows.
    assert!(!accepted || BYTES < limits::PROGRAM_BYTES);
}

#[test]
fn as_many_stores_as_fit() {
    let mut body = Vec::new();
    for store in 0..1000 {
        // Each statement has 14 bytes.
        body.extend([
            Op::Statement((store + 1) * 14),
            Op::LoadVariable(Scope::Call, store),
            Op::Call(Function::Str, 1),
            Op::StoreVariable(Scope::Request, store % 3),
        ]);
    }
    body.push(END);
    let program = repeated(&[], &body, &[]);
    assert!(measure("stores", &wire::encode(&program)));
}

#[test]
fn as_many_fields_as_fit() {
    let mut body = Vec::new();
    let mut captures = Vec::new();
    for capture in 0..60 {
        let mut inner = vec![Op::Constant(0); 64];
        inner.push(Op::Capture(capture, 64));
        let end = behind(&body) + behind(&inner) + 3;
        body.push(Op::Statement(end));
        body.extend(inner);
        captures.push(Capture {
            fields: (0..64).map(|field| format!("f{field}")).collect(),
        });
    }
    body.push(END);
    let program = repeated(&[], &body, &captures);
    assert!(measure("fields", &wire::encode(&program)));
}

#[test]
fn tables_that_are_full() {
    let digits = format!("1{}", "7".repeat(1232));
    let mut program = repeated(&[], &[END], &[]);
    program.probes.truncate(1);
    program.constants = vec![Constant::BigInt(digits); BYTES / 1300];
    assert!(measure("integers", &wire::encode(&program)));
    program.constants =
        vec![Constant::List(vec![Constant::None; limits::LIST_ITEMS]); BYTES / 41_000];
    assert!(measure("lists", &wire::encode(&program)));
    program.constants = vec![Constant::Str("k".repeat(limits::STRING_BYTES)); BYTES / 66_000];
    assert!(measure("strings", &wire::encode(&program)));
    program.constants.clear();
    program.names = (0..BYTES / 256)
        .map(|number| format!("{}{number}", "n".repeat(240)))
        .collect();
    assert!(measure("names", &wire::encode(&program)));
}

#[test]
fn bytes_that_announce_as_much_as_they_can() {
    // Each is a program whose repeated field has as many empty entries as fit: two bytes each.
    let nested = |tags: &[u8], entry: [u8; 2]| {
        let mut bytes = entry.repeat(BYTES / 2 - 32);
        for &tag in tags.iter().rev() {
            let mut outer = vec![tag];
            let mut length = bytes.len();
            while length > 0x7f {
                outer.push(u8::try_from(length & 0x7f | 0x80).expect("a byte"));
                length >>= 7;
            }
            outer.push(u8::try_from(length).expect("a byte"));
            outer.append(&mut bytes);
            bytes = outer;
        }
        let mut program = vec![0x08, 0x01];
        program.append(&mut bytes);
        program
    };
    for (what, tags, entry) in [
        ("items of a list", &[0x22, 0x3a][..], [0x0a, 0x00]),
        ("inputs", &[0x2a], [0x22, 0x00]),
        ("captures", &[0x2a], [0x2a, 0x00]),
        ("fields of a capture", &[0x2a, 0x2a], [0x0a, 0x00]),
        ("positions", &[0x2a, 0x3a], [0x12, 0x00]),
        ("unknown fields", &[0x2a], [0x7a, 0x00]),
    ] {
        assert!(!measure(what, &nested(tags, entry)));
    }
}
