//! Programs as bytes: the round trip, what decoding refuses, and bytes that were damaged on the way.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hogtrace_core::bytecode::{Constant, Program};
use hogtrace_core::value::Value;
use hogtrace_core::verify::verify;
use hogtrace_core::{compile, limits, wire};

use host::{World, dict, instance, list, text};

mod host;

/// Every valid sample program with its name.
fn samples() -> Vec<(String, Program)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/valid");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of samples")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 20, "the samples are there");
    paths
        .into_iter()
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let source = fs::read_to_string(&path).expect("UTF-8");
            let program = compile(&source, &name).unwrap_or_else(|errors| panic!("{errors}"));
            (name, program.program().clone())
        })
        .collect()
}

fn world() -> World {
    let user = instance("User", [("id", Value::Int(1)), ("role", text("admin"))]);
    World::new([
        ("args", list([user.clone(), Value::Int(2), text("three")])),
        ("arg0", user.clone()),
        ("arg1", Value::Int(2)),
        ("kwargs", dict([(text("k"), Value::Int(1))])),
        ("self", user),
        ("a", Value::Int(3)),
        ("b", Value::Float(0.5)),
        ("c", text("c")),
        ("x", Value::Int(i64::MAX)),
        ("retval", Value::Float(2.5)),
        ("exception", Value::None),
    ])
}

/// Runs every probe of a program that the verifier accepts; panics are what the caller looks for.
fn run_all(program: Program, world: &mut World) -> bool {
    let Ok(program) = verify(program) else {
        return false;
    };
    for probe in 0..program.probes().len() {
        world.run(&program, probe);
        world.forget();
    }
    true
}

#[test]
fn every_sample_survives_the_round_trip() {
    for (name, program) in samples() {
        let bytes = wire::encode(&program);
        assert_eq!(wire::decode(&bytes).as_ref(), Ok(&program), "{name}");
        assert!(run_all(program, &mut world()), "{name}");
    }
}

#[test]
fn constants_of_every_kind_survive() {
    let program = Program {
        name: "name".to_owned(),
        names: Vec::new(),
        constants: vec![
            Constant::None,
            Constant::Bool(false),
            Constant::Int(0),
            Constant::Int(i64::MIN),
            Constant::BigInt("-9223372036854775809".to_owned()),
            Constant::Float(-0.0),
            Constant::Float(f64::NEG_INFINITY),
            Constant::Str(String::new()),
            Constant::Str("\0\u{10ffff}".to_owned()),
            Constant::List(vec![Constant::None, Constant::Str("x".to_owned())]),
            Constant::List(Vec::new()),
        ],
        probes: Vec::new(),
    };
    let decoded = wire::decode(&wire::encode(&program)).expect("a program");
    assert_eq!(decoded, program);
    let Constant::Float(zero) = decoded.constants[5] else {
        panic!("a float stays a float")
    };
    assert!(zero.is_sign_negative());
    assert!(verify(decoded).is_ok());
}

#[test]
fn other_versions_are_told_as_such() {
    let (_, program) = samples().swap_remove(0);
    let mut bytes = wire::encode(&program);
    assert_eq!(bytes[..2], [0x08, 0x01], "the version comes first");
    bytes[1] = 2;
    let error = wire::decode(&bytes).unwrap_err();
    assert_eq!(error.reason, "a program of version 2; this reads version 1");
    assert_eq!(
        wire::decode(&[]).unwrap_err().reason,
        "not a program: it has no version"
    );
}

#[test]
fn a_line_belongs_to_its_point() {
    let source = "fn:m.f:entry+300 { } fn:m.f:entry { sample 1/8; }";
    let program = compile(source, "n").expect("valid").program().clone();
    let bytes = wire::encode(&program);
    assert_eq!(wire::decode(&bytes), Ok(program));
    // Point 3 in field 3, and 300 in field 9.
    let place = |wanted: &[u8]| {
        let found = bytes.windows(wanted.len()).position(|part| part == wanted);
        found.expect("the field is there")
    };
    let _ = place(&[0x48, 0xac, 0x02]);
    let mut entry = bytes.clone();
    entry[place(&[0x18, 0x03]) + 1] = 1;
    assert_eq!(
        wire::decode(&entry).unwrap_err().reason,
        "a probe has a line where its point has none"
    );
    let mut unknown = bytes.clone();
    unknown[place(&[0x18, 0x03]) + 1] = 4;
    assert_eq!(
        wire::decode(&unknown).unwrap_err().reason,
        "a probe is of no known point"
    );
    // A rate of zero that is there is not the same as none.
    let mut never = bytes.clone();
    let rate = place(&[&[0x41][..], &0.125_f64.to_le_bytes()].concat());
    never[rate + 1..rate + 9].fill(0);
    let decoded = wire::decode(&never).expect("still a program");
    assert!(
        verify(decoded)
            .unwrap_err()
            .reason
            .contains("sampling rate")
    );
}

#[test]
fn unknown_fields_are_passed_over() {
    let (_, program) = samples().swap_remove(0);
    let mut bytes = wire::encode(&program);
    // Field 99, a string of two bytes.
    bytes.extend([0x9a, 0x06, 0x02, b'h', b'i']);
    assert_eq!(wire::decode(&bytes), Ok(program));
}

#[test]
fn what_repeats_too_often_is_refused_before_it_is_built() {
    let mut bytes = vec![0x08, 0x01];
    for _ in 0..=limits::PROBES {
        bytes.extend([0x2a, 0x00]);
    }
    let error = wire::decode(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "offset 20002: not a program: more than 10000 probes"
    );

    let mut bytes = vec![0x08, 0x01];
    for _ in 0..=limits::TABLE_ENTRIES {
        bytes.extend([0x1a, 0x00]);
    }
    assert_eq!(
        wire::decode(&bytes).unwrap_err().reason,
        "not a program: more than 65536 names"
    );

    let too_long = vec![0; limits::PROGRAM_BYTES + 1];
    assert!(
        wire::decode(&too_long)
            .unwrap_err()
            .reason
            .ends_with("of at most 16777216")
    );
    // At the limit it is looked at.
    assert!(
        !wire::decode(&too_long[1..])
            .unwrap_err()
            .reason
            .ends_with("of at most 16777216")
    );
}

#[test]
fn every_beginning_of_a_program_is_refused_or_harmless() {
    let mut world = world();
    for (_, program) in samples() {
        let bytes = wire::encode(&program);
        for end in 0..bytes.len() {
            if let Ok(program) = wire::decode(&bytes[..end]) {
                run_all(program, &mut world);
            }
        }
    }
}

/// Every byte of a program becomes every other byte; what is still a program is run. Gives how many were tried and
/// how many were run.
fn mutate(program: &Program) -> (u32, u32) {
    let (mut tried, mut accepted) = (0, 0);
    let mut world = world();
    let bytes = wire::encode(program);
    let mut damaged = bytes.clone();
    for (place, &original) in bytes.iter().enumerate() {
        for byte in (0..=u8::MAX).filter(|&byte| byte != original) {
            damaged[place] = byte;
            tried += 1;
            if let Ok(program) = wire::decode(&damaged) {
                accepted += u32::from(run_all(program, &mut world));
            }
        }
        damaged[place] = original;
    }
    (tried, accepted)
}

#[test]
fn every_single_byte_mutation_is_refused_or_harmless() {
    let samples = samples();
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let totals = thread::scope(|scope| {
        let work = || {
            let mut totals = (0, 0);
            while let Some((_, program)) = samples.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (tried, accepted) = mutate(program);
                totals = (totals.0 + tried, totals.1 + accepted);
            }
            totals
        };
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().expect("no mutation makes a panic"))
            .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    });
    // Most damage is found; damage to a number or a name makes another valid program.
    assert!(totals.0 > 1_000_000, "{totals:?}");
    assert!(totals.1 < totals.0 / 2, "{totals:?}");
}
