//! What the verifier finds out about code that it accepts: what fields are read through, and which scopes are in use.

use hogtrace_core::bytecode::{Constant, Input, Program};
use hogtrace_core::compile;
use hogtrace_core::verify::{Flow, Store};

/// A flow as a text: names, keys, inputs and variables, `[…]` where a key is computed, `~` where the value is derived.
fn text(program: &Program, flow: &Flow) -> String {
    let name = |&index: &u16| program.names[usize::from(index)].clone();
    let key = |&index: &u16| match &program.constants[usize::from(index)] {
        Constant::Str(text) => format!("{text:?}"),
        other => panic!("a key is a string, not {other:?}"),
    };
    let input = |&slot: &u16| match &program.probes[0].inputs[usize::from(slot)] {
        Input::Name(index) => format!("<{}>", name(index)),
        Input::Arg(number) => format!("<arg{number}>"),
        other => format!("<{other:?}>"),
    };
    let mut parts: Vec<String> = flow.names.iter().map(name).collect();
    parts.extend(flow.keys.iter().map(key));
    parts.extend(flow.inputs.iter().map(input));
    parts.extend(
        flow.variables
            .iter()
            .map(|(scope, index)| format!("{scope}.{}", name(index))),
    );
    parts.extend(flow.computed_key.then(|| "[…]".to_owned()));
    parts.extend(flow.derived.then(|| "~".to_owned()));
    parts.join(" ")
}

/// The flows of the fields of `capture(…)`.
fn flows(fields: &str) -> Vec<String> {
    let source = format!("fn:m.f:exit {{ capture({fields}); }}");
    let verified = compile(&source, "test").unwrap_or_else(|errors| panic!("{errors}"));
    let flows = &verified.probes()[0].flows()[0];
    flows
        .iter()
        .map(|flow| text(verified.program(), flow))
        .collect()
}

/// The variables that `statements` set, and their flows.
fn stores(statements: &str) -> Vec<String> {
    let source = format!("fn:m.f:exit {{ {statements} }}");
    let verified = compile(&source, "test").unwrap_or_else(|errors| panic!("{errors}"));
    let program = verified.program();
    let told = |store: &Store| {
        let name = &program.names[usize::from(store.name)];
        format!("{}.{name} = {}", store.scope, text(program, &store.flow))
    };
    verified.probes()[0].stores().iter().map(told).collect()
}

#[test]
fn flows_tell_what_a_field_was_read_through() {
    for (field, flow) in [
        ("arg0.user.name", "user name <arg0> ~"),
        ("arg0[\"k\"]", "\"k\" <arg0> ~"),
        ("arg0[3]", "<arg0> ~"),
        ("args[0]", "<Args> ~"),
        ("args[1:n]", "n <Args> <n> ~"),
        ("\"text\"[1:]", "~"),
        ("total", "total <total>"),
        ("$req.token", "token $req.token"),
        ("$call.a.b", "a b $call.a ~"),
        ("\"text\"", ""),
        ("\"text\" + arg0", "<arg0> ~"),
        (
            "arg0[\"pass\" + \"word\"]",
            "\"pass\" \"word\" <arg0> […] ~",
        ),
        ("arg0[lower($req.x)][\"y\"]", "x \"y\" <arg0> $req.x […] ~"),
        ("arg0[arg1]", "<arg0> <arg1> […] ~"),
        ("arg0[len(arg1)]", "<arg0> […] ~"),
        ("arg0[-arg1]", "<arg0> <arg1> […] ~"),
        ("arg0[type(arg1)].x", "x <arg0> […] ~"),
        ("locals[$call.k]", "k <Locals> $call.k […] ~"),
        ("1 in arg0[arg1]", ""),
        ("arg0 + arg1.b", "b <arg0> <arg1> ~"),
        ("-arg0.a", "a <arg0> ~"),
        ("str(arg0.a)", "a <arg0> ~"),
        ("min(arg0, arg1, c)", "c <arg0> <arg1> <c> ~"),
        ("round(arg0.a, 2)", "a <arg0> ~"),
        ("lower(retval)", "<Retval> ~"),
        ("len(arg0.a)", ""),
        ("type(arg0)", ""),
        ("bool(arg0)", ""),
        ("startswith(arg0, \"x\")", ""),
        ("arg0 == arg1", ""),
        ("\"x\" in arg0", ""),
        ("arg0 is None", ""),
        ("not arg0", ""),
        ("arg0 and arg1", ""),
        ("1 < arg0.a < 3", ""),
        ("timestamp() - $req.start", "start $req.start ~"),
    ] {
        assert_eq!(flows(&format!("x={field}")), [flow], "{field}");
    }
    assert_eq!(flows("arg0.a, b=1, c=arg1"), ["a <arg0> ~", "", "<arg1>"]);
}

#[test]
fn flows_of_stores_are_those_of_all_values_of_the_variable() {
    assert_eq!(
        stores("$req.x = arg0.password; $req.y = $req.x; $call.x = 1; $req.x = \"p:\" + b;"),
        [
            "$req.x = password b <arg0> <b> ~",
            "$req.y = x $req.x",
            "$call.x = ",
        ]
    );
    assert_eq!(
        stores("$req.x = arg0[$req.k];"),
        ["$req.x = k <arg0> $req.k […] ~"]
    );
    assert_eq!(stores("$req.x = arg0.a == 1 or arg1;"), ["$req.x = "]);
    assert!(stores("capture($req.x);").is_empty());
}

#[test]
fn scopes_in_use_are_known() {
    let scopes = |source: &str| {
        let verified = compile(source, "test").expect("valid");
        let probe = &verified.probes()[0];
        (probe.uses_request_scope(), probe.uses_call_scope())
    };
    assert_eq!(scopes("fn:m.f:exit { capture(args); }"), (false, false));
    assert_eq!(
        scopes("fn:m.f:exit / $call.x / { capture(args); }"),
        (false, true)
    );
    assert_eq!(scopes("fn:m.f:exit { $req.x = 1; }"), (true, false));
}

#[test]
fn a_body_that_is_one_capture_of_inputs_is_known_for_it() {
    let known = |body: &str| {
        let source = format!("fn:m.f:exit / a > 1 / {{ {body} }}");
        let verified = compile(&source, "test").unwrap_or_else(|errors| panic!("{errors}"));
        verified.probes()[0].captures_inputs()
    };
    assert_eq!(
        known("capture(b, retval, a, again=b);"),
        Some((0, vec![1, 2, 0, 1]))
    );
    assert_eq!(known("capture();"), Some((0, vec![])));
    for other in [
        "",
        "capture(a, 1);",
        "capture(a.b);",
        "capture(a, $req.x);",
        "capture(a); capture(b);",
        "$call.x = a; capture(a);",
        "capture(a + b);",
        "capture(a && b);",
    ] {
        assert_eq!(known(other), None, "{other}");
    }
}
