//! Mutations of programs as what they are, so that most of what comes out still has the form of one.

use hogtrace_core::bytecode::{
    BinaryOp, Capture, Code, CompareOp, Constant, Function, Input, Op, Point, Position, Probe,
    Program, Scope, Singleton, UnaryOp,
};
use hogtrace_core::wire;

use crate::Random;

/// Changes the bytes of a program in a few places; `None` where they are none.
#[must_use]
pub fn mutate(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut program = wire::decode(bytes).ok()?;
    for _ in 0..=random.below(3) {
        change(&mut program, random);
    }
    Some(wire::encode(&program))
}

fn change(program: &mut Program, random: &mut Random) {
    match random.below(10) {
        0 => change_tables(program, random),
        1 => change_probes(program, random),
        _ => {}
    }
    let count = program.probes.len();
    if count == 0 {
        return;
    }
    let sizes = (program.constants.len(), program.names.len());
    let probe = &mut program.probes[random.below(count)];
    match random.below(12) {
        0 => {
            let input = input(sizes.1, random);
            put(&mut probe.inputs, input, random);
        }
        1 => {
            let fields = (0..random.below(4)).map(|field| format!("f{field}"));
            let capture = Capture {
                fields: fields.collect(),
            };
            put(&mut probe.captures, capture, random);
        }
        2 => probe.point = *random.of(&[Point::Entry, Point::Exit, Point::Line(3)]),
        3 => probe.body.positions = positions(random),
        _ => {
            let tables = Sizes {
                constants: sizes.0,
                names: sizes.1,
                inputs: probe.inputs.len(),
                captures: probe.captures.len(),
            };
            let code = if random.below(3) == 0 {
                &mut probe.predicate
            } else {
                &mut probe.body
            };
            change_code(code, &tables, random);
        }
    }
    fix_ids(&mut program.probes);
}

/// Puts an item in the place of another, or at the end.
fn put<T>(items: &mut Vec<T>, item: T, random: &mut Random) {
    let place = random.below(items.len() + 1);
    match items.get_mut(place) {
        Some(old) => *old = item,
        None => items.push(item),
    }
}

fn change_tables(program: &mut Program, random: &mut Random) {
    if random.below(2) == 0 {
        let name = random.of(&["a", "b", "password", "_x", "é", "__x__", "1", ""]);
        put(&mut program.names, (*name).to_owned(), random);
    } else {
        let constant = constant(random, 0);
        put(&mut program.constants, constant, random);
    }
}

fn constant(random: &mut Random, depth: usize) -> Constant {
    match random.below(if depth == 0 { 10 } else { 8 }) {
        0 => Constant::None,
        1 => Constant::Bool(random.below(2) == 0),
        2 => Constant::Int(*random.of(&[0, 1, -1, i64::MAX, i64::MIN])),
        3 => Constant::Float(*random.of(&[0.0, -0.0, 1.5, f64::NAN, f64::INFINITY])),
        4 => Constant::BigInt("9223372036854775808".to_owned()),
        5 => Constant::BigInt((*random.of(&["1", "-0", "x", "99999999999999999999"])).to_owned()),
        6 => Constant::Str("key".to_owned()),
        7 => Constant::Str((*random.of(&["", "a+b", "(", "[a-z]{3}$"])).to_owned()),
        _ => Constant::List((0..random.below(3)).map(|_| constant(random, 1)).collect()),
    }
}

fn input(names: usize, random: &mut Random) -> Input {
    let index = |bound, random: &mut Random| small(random.below(bound + 1));
    match random.below(9) {
        0 => Input::Args,
        1 => Input::Arg(index(3, random)),
        2 => Input::Kwargs,
        3 => Input::SelfArgument,
        4 => Input::Name(index(names, random)),
        5 => Input::Locals,
        6 => Input::Retval,
        7 => Input::Exception,
        _ => Input::Duration,
    }
}

fn small(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn positions(random: &mut Random) -> Vec<Position> {
    (0..random.below(3))
        .map(|index| Position {
            offset: small(index * random.below(4)),
            line: 1,
            column: 1,
        })
        .collect()
}

fn change_probes(probes: &mut Program, random: &mut Random) {
    let probes = &mut probes.probes;
    if probes.is_empty() {
        return;
    }
    let place = random.below(probes.len());
    if random.below(2) == 0 && probes.len() > 1 {
        probes.remove(place);
    } else if probes.len() < 16 {
        let probe = probes[place].clone();
        probes.push(probe);
    }
}

/// Gives each probe the id that it must have.
fn fix_ids(probes: &mut [Probe]) {
    for index in 0..probes.len() {
        let place = (probes[index].target.clone(), probes[index].point);
        let before = probes[..index]
            .iter()
            .filter(|probe| (&probe.target, probe.point) == (&place.0, place.1))
            .count();
        let mut id = format!("{}:{}", place.0, place.1);
        if before > 0 {
            id = format!("{id}#{}", before + 1);
        }
        probes[index].id = id;
    }
}

/// How many entries the tables have that instructions name.
struct Sizes {
    constants: usize,
    names: usize,
    inputs: usize,
    captures: usize,
}

/// Changes, adds, moves or takes out instructions; jumps still lead to the instructions that they led to.
fn change_code(code: &mut Code, sizes: &Sizes, random: &mut Random) {
    let mut ops = Vec::new();
    let mut offset = 0;
    while let Ok((op, next)) = Op::decode(&code.bytes, offset) {
        ops.push((offset, op));
        offset = next;
    }
    // Targets become numbers of instructions; one that leads nowhere leads behind the end.
    let index = |target: u16| {
        let found = ops.binary_search_by_key(&usize::from(target), |&(offset, _)| offset);
        small(found.unwrap_or(ops.len()))
    };
    let mut numbered: Vec<Op> = ops
        .iter()
        .map(|&(_, op)| target(op).map_or(op, |target| op.with_target(index(target))))
        .collect();
    let place = random.below(numbered.len() + 1);
    match random.below(5) {
        0 if place < numbered.len() => {
            numbered.remove(place);
            shift(&mut numbered, place, false);
        }
        1 if place < numbered.len() => numbered[place] = instruction(sizes, numbered.len(), random),
        2 if place + 1 < numbered.len() => numbered.swap(place, place + 1),
        // A value and what takes it keep the stack as it is.
        3 => {
            for op in [Op::Truth, Op::Not, Op::Unary(UnaryOp::Negate)]
                .into_iter()
                .take(1 + random.below(2))
            {
                shift(&mut numbered, place, true);
                numbered.insert(place, op);
            }
        }
        _ => {
            let op = instruction(sizes, numbered.len(), random);
            shift(&mut numbered, place, true);
            numbered.insert(place, op);
        }
    }
    let mut offsets = Vec::new();
    let mut bytes = Vec::new();
    for op in &numbered {
        offsets.push(small(bytes.len()));
        op.encode(&mut bytes);
    }
    let end = small(bytes.len());
    bytes.clear();
    for op in numbered {
        let at = target(op).map(|index| offsets.get(usize::from(index)).copied().unwrap_or(end));
        at.map_or(op, |at| op.with_target(at)).encode(&mut bytes);
    }
    code.bytes = bytes;
    // Positions must name the starts of instructions, and are there for messages alone.
    if random.below(8) != 0 {
        code.positions.clear();
    }
}

/// Moves the targets behind a place by one instruction.
fn shift(ops: &mut [Op], place: usize, longer: bool) {
    for op in ops {
        if let Some(index) = target(*op)
            && usize::from(index) > place
        {
            let moved = if longer {
                index.saturating_add(1)
            } else {
                index - 1
            };
            *op = op.with_target(moved);
        }
    }
}

fn target(op: Op) -> Option<u16> {
    match op {
        Op::Field(target) | Op::Statement(target) => Some(target),
        op => op.jump_target(),
    }
}

/// An instruction; a target is the number of an instruction.
fn instruction(sizes: &Sizes, length: usize, random: &mut Random) -> Op {
    // One past the end now and then.
    let mut index = |bound: usize| small(random.below(bound + usize::from(bound == 0)));
    let (constant, name, slot, capture, at) = (
        index(sizes.constants),
        index(sizes.names),
        index(sizes.inputs),
        index(sizes.captures),
        index(length + 1),
    );
    let scope = *random.of(Scope::ALL);
    match random.below(25) {
        0 | 1 => Op::Constant(constant),
        2 | 3 => Op::Input(slot),
        4 => Op::LoadVariable(scope, name),
        5 => Op::StoreVariable(scope, name),
        6 => Op::Attribute(name),
        7 => Op::Item,
        8 => Op::Slice,
        9 => Op::Unary(*random.of(UnaryOp::ALL)),
        10 => Op::Binary(*random.of(BinaryOp::ALL)),
        11 => Op::Compare(*random.of(CompareOp::ALL)),
        12 => Op::Is(*random.of(Singleton::ALL)),
        13 => Op::Truth,
        14 => Op::Not,
        15 => {
            let function = *random.of(Function::ALL);
            Op::Call(function, function.arity().0)
        }
        16 => Op::Matches(constant),
        17 => Op::JumpIfFalseOrPop(at),
        18 => Op::JumpIfTrueOrPop(at),
        19 => Op::Jump(at),
        20 => Op::Tuck,
        21 => Op::Nip,
        22 => Op::Field(at),
        23 => Op::Capture(capture, u8::try_from(random.below(3)).unwrap_or(0)),
        _ => *random.of(&[Op::FieldEnd, Op::Statement(at), Op::End]),
    }
}
