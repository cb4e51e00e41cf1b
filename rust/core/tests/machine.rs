//! What programs do when they run, over a host without Python.

use hogtrace_core::value::Value;
use hogtrace_core::vm::{FaultKind, Outcome};
use hogtrace_core::{VerifiedProgram, compile};

use host::{Held, Object, World, dict, instance, list, text};

mod host;

fn program(source: &str) -> VerifiedProgram {
    compile(source, "test.hogtrace").unwrap_or_else(|errors| panic!("{errors}"))
}

/// A world with something of everything.
fn world() -> World {
    let profile = instance("Profile", [("name", text("Ada")), ("age", Value::Int(36))]);
    let user = instance("User", [("profile", profile), ("role", text("admin"))]);
    let args = [
        Value::Int(7),
        text("seven"),
        list([Value::Int(1), Value::Int(2), Value::Int(3)]),
    ];
    World::new([
        ("args", list(args.clone())),
        ("arg0", args[0].clone()),
        ("arg1", args[1].clone()),
        ("arg2", args[2].clone()),
        ("kwargs", dict([(text("k"), Value::Int(1))])),
        ("self", user),
        (
            "headers",
            dict([(text("X"), text("y")), (Value::Int(1), text("one"))]),
        ),
        ("retval", Value::Float(2.5)),
        ("exception", Value::None),
        ("duration", Value::Float(0.125)),
        ("flag", Value::Bool(true)),
    ])
}

/// Captures one expression at exit: its value, or the kind and message of its fault.
fn evaluate(expression: &str) -> Result<Held, (FaultKind, String)> {
    let program = program(&format!("fn:m.f:exit {{ capture(x={expression}); }}"));
    let mut world = world();
    assert_eq!(world.run(&program, 0), Outcome::Passed);
    let (name, value) = world.captures[0][0].clone();
    assert_eq!(name, "x");
    match world.faults.pop() {
        None => Ok(value),
        Some((fault, field)) => {
            assert_eq!((value, field), (Value::None, Some(0)), "{expression}");
            Err((fault.kind, fault.message.into_owned()))
        }
    }
}

fn check(expectations: &[(&str, Held)]) {
    for (expression, expected) in expectations {
        assert_eq!(evaluate(expression).as_ref(), Ok(expected), "{expression}");
    }
}

fn check_faults(expectations: &[(&str, FaultKind)]) {
    for (expression, kind) in expectations {
        let found = evaluate(expression).map_err(|(kind, _)| kind);
        assert_eq!(found, Err(*kind), "{expression}");
    }
}

#[test]
fn names_and_accesses() {
    check(&[
        ("arg0", Value::Int(7)),
        ("args[1]", text("seven")),
        ("args[-1][0]", Value::Int(1)),
        ("self.profile.name", text("Ada")),
        ("headers[\"X\"]", text("y")),
        ("headers[True]", text("one")),
        ("kwargs[\"k\"]", Value::Int(1)),
        ("retval", Value::Float(2.5)),
        ("exception", Value::None),
        ("arg2[1:]", list([Value::Int(2), Value::Int(3)])),
        ("arg2[:-1]", list([Value::Int(1), Value::Int(2)])),
        ("arg1[1:3]", text("ev")),
        ("arg1[:]", text("seven")),
        ("arg1[arg0 - 7]", text("s")),
    ]);
}

#[test]
fn arithmetic_of_the_machine_and_of_the_host() {
    check(&[
        ("arg0 / 2", Value::Float(3.5)),
        ("-arg0 // 2", Value::Int(-4)),
        ("-arg0 % 3", Value::Int(2)),
        ("flag + flag", Value::Int(2)),
        ("arg0 * 2 + 1", Value::Int(15)),
        ("arg1 + \"!\"", text("seven!")),
        ("\"ab\" * 3", text("ababab")),
        (
            "9223372036854775807 + arg0",
            Value::Object(Object::Big(9_223_372_036_854_775_814)),
        ),
        (
            "9223372036854775807 + arg0 - 9223372036854775807",
            Value::Int(7),
        ),
        (
            "-(-9223372036854775807 - arg0 + 6)",
            Value::Object(Object::Big(1 << 63)),
        ),
    ]);
}

#[test]
fn comparisons_and_chains() {
    check(&[
        ("arg0 == 7.0", Value::Bool(true)),
        ("1 < arg0 < 10", Value::Bool(true)),
        ("1 < arg0 < 5 < nothing", Value::Bool(false)),
        ("10 < arg0 < nothing", Value::Bool(false)),
        ("1 < arg0 == 7 != retval < 3", Value::Bool(true)),
        ("arg0 < retval < nothing", Value::Bool(false)),
        ("retval < arg0 > duration", Value::Bool(true)),
        ("exception == None", Value::Bool(true)),
        ("exception != None", Value::Bool(false)),
        ("None != arg1", Value::Bool(true)),
        ("None == exception == exception", Value::Bool(true)),
        ("None == arg0 == nothing", Value::Bool(false)),
        ("exception == None == exception", Value::Bool(true)),
        ("exception is None is True", Value::Bool(false)),
        ("flag is True", Value::Bool(true)),
        ("arg0 is not None", Value::Bool(true)),
        ("1 is True", Value::Bool(false)),
        ("arg1 in [\"six\", \"seven\"]", Value::Bool(true)),
        ("arg0 not in [1, 2, 7.0]", Value::Bool(false)),
        ("\"ev\" in arg1", Value::Bool(true)),
        ("\"k\" in kwargs and not 2 in kwargs", Value::Bool(true)),
        ("arg1 < \"six\"", Value::Bool(true)),
    ]);
}

#[test]
fn logic_gives_booleans_and_stops_early() {
    check(&[
        ("arg0 and arg1", Value::Bool(true)),
        ("exception or arg0", Value::Bool(true)),
        ("exception and nothing", Value::Bool(false)),
        ("arg1 or nothing", Value::Bool(true)),
        ("exception or 0 or \"\"", Value::Bool(false)),
        ("not arg2", Value::Bool(false)),
        ("!exception && !0", Value::Bool(true)),
        ("flag and (exception or arg0 > 5)", Value::Bool(true)),
    ]);
    let program = program("fn:m.f:exit / exception and nothing / { }");
    let mut world = world();
    assert_eq!(world.run(&program, 0), Outcome::NotPassed);
    assert_eq!(world.asked, ["exception"]);
}

#[test]
fn functions() {
    check(&[
        ("timestamp()", Value::Float(1_700_000_000.5)),
        ("rand()", Value::Float(0.25)),
        ("len(args)", Value::Int(3)),
        ("len(arg1) + len(kwargs)", Value::Int(6)),
        ("str(arg0)", text("7")),
        ("int(\" 12 \") + int(2.9) + int(flag)", Value::Int(15)),
        ("float(arg0)", Value::Float(7.0)),
        ("bool(exception)", Value::Bool(false)),
        ("bool(arg1)", Value::Bool(true)),
        ("type(self)", text("User")),
        ("type(arg0)", text("int")),
        ("startswith(arg1, \"se\")", Value::Bool(true)),
        ("endswith(arg1, \"x\")", Value::Bool(false)),
        ("lower(\"ÄB\")", text("äb")),
        ("abs(-arg0)", Value::Int(7)),
        ("min(arg0, 2, retval)", Value::Int(2)),
        ("max(arg0, 2, retval)", Value::Int(7)),
        ("min(flag, 1)", Value::Bool(true)),
        ("round(retval)", Value::Float(2.0)),
    ]);
}

#[test]
fn faults_have_kinds() {
    check_faults(&[
        ("nothing", FaultKind::Name),
        ("arg0.name", FaultKind::Attribute),
        ("args[3]", FaultKind::Lookup),
        ("headers[\"Y\"]", FaultKind::Lookup),
        ("arg0[0]", FaultKind::Type),
        ("arg0 / 0", FaultKind::Arithmetic),
        ("arg0 // 0.0", FaultKind::Arithmetic),
        ("exception + 1", FaultKind::Type),
        ("arg0 < exception", FaultKind::Type),
        ("arg0 in 3", FaultKind::Type),
        ("-exception", FaultKind::Type),
        ("abs(exception)", FaultKind::Type),
        ("int(retval * 1e999)", FaultKind::Arithmetic),
        ("int(1e999 - retval * 1e999)", FaultKind::Value),
        ("int(arg1)", FaultKind::Value),
        ("not self", FaultKind::Refused),
        ("arg1 * 100000", FaultKind::Limit),
        ("arg1 + 1", FaultKind::Type),
    ]);
}

#[test]
fn the_predicate_passes_on_true_alone() {
    for (predicate, outcome) in [
        ("True", Outcome::Passed),
        ("arg0 == 7", Outcome::Passed),
        ("flag", Outcome::Passed),
        ("arg0", Outcome::NotPassed),
        ("1", Outcome::NotPassed),
        ("arg1", Outcome::NotPassed),
        ("exception", Outcome::NotPassed),
        ("arg0 > 7", Outcome::NotPassed),
        ("bool(arg0)", Outcome::Passed),
        ("nothing", Outcome::Failed),
        ("arg0.name == 1", Outcome::Failed),
        ("arg0 / 0 > 1", Outcome::Failed),
    ] {
        let program = program(&format!(
            "fn:m.f:exit / {predicate} / {{ capture(done=True); }}"
        ));
        let mut world = world();
        assert_eq!(world.run(&program, 0), outcome, "{predicate}");
        assert_eq!(
            world.captures.len(),
            usize::from(outcome == Outcome::Passed)
        );
        assert_eq!(world.faults.len(), usize::from(outcome == Outcome::Failed));
    }
}

#[test]
fn variables_keep_values_between_runs() {
    let program = program(
        "fn:m.f:entry { $req.n = arg0; $call.n = arg1; }
         fn:m.f:exit { capture($request.n, $call.n, $req.unset, $call.unset); $req.n = $req.n + 1; }",
    );
    let mut world = world();
    world.run(&program, 0);
    world.run(&program, 1);
    world.run(&program, 1);
    let values: Vec<Held> = world.captures[1]
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(
        values,
        [Value::Int(8), text("seven"), Value::None, Value::None]
    );
    assert!(world.faults.is_empty());
}

#[test]
fn failing_fields_are_reported_with_number_and_place() {
    let source = "fn:m.f:exit {
    capture($req.x, a=1, b=arg0.missing,
        c=1 < arg0 < nothing, d=min(1, 2, 3 + exception), e=arg1);
}";
    let program = program(source);
    let mut world = world();
    assert_eq!(world.run(&program, 0), Outcome::Passed);
    let values: Vec<Held> = world.captures[0]
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(
        values,
        [
            Value::None,
            Value::Int(1),
            Value::None,
            Value::None,
            Value::None,
            text("seven")
        ]
    );
    let faults: Vec<_> = world
        .faults
        .iter()
        .map(|(fault, field)| (fault.kind, *field, fault.position))
        .collect();
    assert_eq!(
        faults,
        [
            (FaultKind::Attribute, Some(2), Some((2, 33))),
            (FaultKind::Name, Some(3), Some((3, 22))),
            (FaultKind::Type, Some(4), Some((3, 45))),
        ]
    );
}

#[test]
fn a_failing_statement_is_reported_and_the_next_one_runs() {
    let program = program(
        "fn:m.f:exit {
    $req.a = arg0.missing;
    $req.b = 1;
    $req.c = 1 + (2 + nothing);
    capture($req.a, $req.b, $req.c);
}",
    );
    let mut world = world();
    assert_eq!(world.run(&program, 0), Outcome::Passed);
    let values: Vec<Held> = world.captures[0]
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(values, [Value::None, Value::Int(1), Value::None]);
    let places: Vec<_> = world
        .faults
        .iter()
        .map(|(fault, field)| (fault.position, *field))
        .collect();
    assert_eq!(places, [(Some((2, 19)), None), (Some((4, 23)), None)]);
}

#[test]
fn a_full_scope_fails_the_assignment_alone() {
    let program = program("fn:m.f:entry { $req.a = 1; $req.b = 2; capture($req.a, $req.b); }");
    let mut world = World {
        room: Some(1),
        ..World::default()
    };
    world.run(&program, 0);
    assert_eq!(world.faults[0].0.kind, FaultKind::Limit);
    assert_eq!(world.faults[0].0.position, Some((1, 28)));
    assert_eq!(world.captures[0][0].1, Value::Int(1));
    assert_eq!(world.captures[0][1].1, Value::None);
}

#[test]
fn several_captures_and_empty_ones() {
    let program = program("fn:m.f:entry { capture(); send(arg0); capture(arg1, again=arg1); }");
    let mut world = world();
    world.run(&program, 0);
    let sizes: Vec<usize> = world.captures.iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 1, 2]);
}

#[test]
fn the_probes_of_the_seed_run_as_written() {
    let source = include_str!("inputs/valid/seed_request_variables.hogtrace");
    let program = program(source);
    let request = instance(
        "Request",
        [("headers", dict([(text("X-Request-ID"), text("r-1"))]))],
    );
    let user = instance("User", [("id", Value::Int(42))]);
    let mut world = World::new([
        ("arg0", request),
        ("retval", instance("Session", [("user", user)])),
    ]);
    world.variables.insert(
        ("$req", "start_time".to_owned()),
        Value::Float(1_700_000_000.0),
    );
    for probe in 0..3 {
        assert_eq!(world.run(&program, probe), Outcome::Passed);
    }
    assert_eq!(
        world.captures,
        [vec![
            ("request_id".to_owned(), text("r-1")),
            ("user_id".to_owned(), Value::Int(42)),
            ("duration".to_owned(), Value::Float(0.5)),
        ]]
    );
    assert!(world.faults.is_empty());
}

#[test]
fn folded_and_unfolded_expressions_agree() {
    // The same operators on variables, which cannot be folded, give the same values.
    for (folded, run) in [
        ("7 / 2", "$req.seven / 2"),
        ("-7 // 2", "-$req.seven // 2"),
        ("-7 % 3", "-$req.seven % 3"),
        ("6 < 7.0 == 7", "6 < $req.seven * 1.0 == 7"),
        ("not 7", "not $req.seven"),
        ("max(7, 2.5)", "max($req.seven, 2.5)"),
        ("7 - True", "$req.seven - True"),
        ("7 and 0 or 7", "$req.seven and 0 or $req.seven"),
    ] {
        let program = program(&format!(
            "fn:m.f:exit {{ $req.seven = 7; capture(a={folded}, b={run}); }}"
        ));
        let mut world = world();
        world.run(&program, 0);
        assert_eq!(world.faults, [], "{run}");
        assert_eq!(world.captures[0][0].1, world.captures[0][1].1, "{folded}");
    }
}

#[test]
fn a_draw_below_the_rate_fires() {
    let program = program(
        "fn:m.f:exit / flag / { sample 25%; capture(arg0); } fn:m.f:exit / flag / { capture(arg0); }",
    );
    let mut world = world();
    for (draw, outcome) in [
        (0.0, Outcome::Passed),
        (0.249, Outcome::Passed),
        (0.25, Outcome::SampledOut),
        (0.999, Outcome::SampledOut),
    ] {
        world.draw = draw;
        world.forget();
        assert_eq!(world.run(&program, 0), outcome, "{draw}");
        // The draw comes before the predicate, and nothing comes after one that is lost.
        let asked: &[&str] = if outcome == Outcome::Passed {
            &["draw", "flag", "arg0"]
        } else {
            &["draw"]
        };
        assert_eq!(world.asked, asked, "{draw}");
        world.forget();
        assert_eq!(world.run(&program, 1), Outcome::Passed);
        assert_eq!(world.asked, ["flag", "arg0"], "no rate, no draw");
    }
}

#[test]
fn patterns_are_searched_for_in_strings() {
    check(&[
        (r#"matches(arg1, "^se.en$")"#, Value::Bool(true)),
        (r#"matches(arg1, "\\d")"#, Value::Bool(false)),
        (
            r#"matches(arg1 + "1", "\\d") and not matches(arg1, "\\d")"#,
            Value::Bool(true),
        ),
        (r#"matches("abc", "b")"#, Value::Bool(true)),
    ]);
    let (kind, message) = evaluate(r#"matches(arg0, "7")"#).unwrap_err();
    assert_eq!(
        (kind, message.as_str()),
        (FaultKind::Type, "a pattern is searched for in strings")
    );
    // In a predicate and in a body, the same pattern and others.
    let program = program(
        r#"fn:m.f:exit / matches(arg1, "s") and matches(arg1, "e") / { capture(a=matches(arg1, "e"), b=matches(arg1, "x")); }"#,
    );
    let mut world = world();
    assert_eq!(world.run(&program, 0), Outcome::Passed);
    let found: Vec<&str> = world.asked.iter().map(String::as_str).collect();
    assert_eq!(
        found,
        [
            "arg1",
            "matches s",
            "arg1",
            "matches e",
            "arg1",
            "matches e",
            "arg1",
            "matches x"
        ]
    );
}

#[test]
fn frames_are_the_hosts() {
    check(&[
        ("len(stack())", Value::Int(1)),
        ("stack(1)[0]", text("shop.py:3 add")),
        ("stack(arg0)[0]", text("shop.py:3 add")),
    ]);
}
