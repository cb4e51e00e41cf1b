//! What the verifier finds out about code that it accepts: what fields are read through, and which scopes are in use.

use hogtrace_core::bytecode::{Constant, Input};
use hogtrace_core::compile;
use hogtrace_core::verify::Flow;

/// The flows of the fields of `capture(…)` as texts: names, keys and inputs.
fn flows(fields: &str) -> Vec<String> {
    let source = format!("fn:m.f:exit {{ capture({fields}); }}");
    let verified = compile(&source, "test").unwrap_or_else(|errors| panic!("{errors}"));
    let program = verified.program();
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
    let text = |flow: &Flow| {
        let mut parts: Vec<String> = flow.names.iter().map(name).collect();
        parts.extend(flow.keys.iter().map(key));
        parts.extend(flow.inputs.iter().map(input));
        parts.join(" ")
    };
    verified.probes()[0].flows()[0].iter().map(text).collect()
}

#[test]
fn flows_tell_what_a_field_was_read_through() {
    for (field, flow) in [
        ("arg0.user.name", "user name <arg0>"),
        ("arg0[\"k\"]", "\"k\" <arg0>"),
        ("args[0]", "<Args>"),
        ("args[1:n]", "n <Args> <n>"),
        ("total", "total <total>"),
        ("$req.token", "token"),
        ("$call.a.b", "a b"),
        ("\"text\"", ""),
        ("\"text\" + arg0", "<arg0>"),
        ("arg0[\"pass\" + \"word\"]", "\"pass\" \"word\" <arg0>"),
        ("arg0[lower($req.x)][\"y\"]", "x \"y\" <arg0>"),
        ("arg0 + arg1.b", "b <arg0> <arg1>"),
        ("-arg0.a", "a <arg0>"),
        ("str(arg0.a)", "a <arg0>"),
        ("min(arg0, arg1, c)", "c <arg0> <arg1> <c>"),
        ("round(arg0.a, 2)", "a <arg0>"),
        ("lower(retval)", "<Retval>"),
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
        ("timestamp() - $req.start", "start"),
    ] {
        assert_eq!(flows(&format!("x={field}")), [flow], "{field}");
    }
    assert_eq!(flows("arg0.a, b=1, c=arg1"), ["a <arg0>", "", "<arg1>"]);
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
