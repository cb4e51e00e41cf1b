//! What a run allocates: nothing, as long as the host does not and nothing fails.

use allocation_counter::measure;
use hogtrace_core::bytecode::{BinaryOp, CompareOp, Function, Scope, UnaryOp};
use hogtrace_core::compile;
use hogtrace_core::pattern::Pattern;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{Fault, FaultKind, Host, Outcome, run};

/// A host whose inputs are the number 7 and which counts captures.
#[derive(Default)]
struct Plain {
    constants: Vec<Value<()>>,
    captured: usize,
    faults: usize,
}

type Answer = Result<Value<()>, Fault>;

fn refuse() -> Fault {
    Fault::new(FaultKind::Type, "numbers only")
}

impl Host for Plain {
    type Object = ();

    fn draw(&mut self) -> f64 {
        0.5
    }

    fn input(&mut self, _: u16) -> Answer {
        Ok(Value::Int(7))
    }

    fn constant(&mut self, index: u16) -> Value<()> {
        self.constants[usize::from(index)].clone()
    }

    fn variable(&mut self, _: Scope, _: u16) -> Value<()> {
        Value::None
    }

    fn set_variable(&mut self, _: Scope, _: u16, _: Value<()>) -> Result<(), Fault> {
        Ok(())
    }

    fn attribute(&mut self, _: &Value<()>, _: u16) -> Answer {
        Err(refuse())
    }

    fn item(&mut self, _: &Value<()>, _: &Value<()>) -> Answer {
        Err(refuse())
    }

    fn slice(&mut self, _: &Value<()>, _: &Value<()>, _: &Value<()>) -> Answer {
        Err(refuse())
    }

    fn truth(&mut self, (): &()) -> Result<bool, Fault> {
        Ok(true)
    }

    fn unary(&mut self, _: UnaryOp, _: &Value<()>) -> Answer {
        Err(refuse())
    }

    fn binary(&mut self, _: BinaryOp, _: &Value<()>, _: &Value<()>) -> Answer {
        Err(refuse())
    }

    fn compare(&mut self, _: CompareOp, _: &Value<()>, _: &Value<()>) -> Result<bool, Fault> {
        Err(refuse())
    }

    fn call(&mut self, _: Function, _: &[Value<()>]) -> Answer {
        Ok(Value::Float(0.5))
    }

    fn matches(&mut self, pattern: &Pattern, _: &Value<()>) -> Result<bool, Fault> {
        pattern.is_in("GET /orders/17").map_err(|_| refuse())
    }

    fn capture(&mut self, _: u16, values: &[Value<()>]) -> Result<(), Fault> {
        self.captured += values.len();
        Ok(())
    }

    fn fault(&mut self, _: Fault, _: Option<u16>) {
        self.faults += 1;
    }
}

fn constants(program: &hogtrace_core::bytecode::Program) -> Vec<Value<()>> {
    use hogtrace_core::bytecode::Constant;
    let value = |constant: &Constant| match constant {
        Constant::Int(value) => Value::Int(*value),
        Constant::Float(value) => Value::Float(*value),
        Constant::Bool(value) => Value::Bool(*value),
        _ => Value::None,
    };
    program.constants.iter().map(value).collect()
}

#[test]
fn a_run_without_faults_allocates_nothing() {
    let source = "fn:m.f:exit / 1 < arg0 <= 10 and arg0 % 2 == 1 and not arg1 < 3 and max(arg0, 2) / 2 > 3 / {
        $req.start = timestamp() - arg1;
        capture(a=arg0, b=-arg0 + 1, c=arg0 or True);
    }";

    let program = compile(source, "test").unwrap_or_else(|errors| panic!("{errors}"));
    let mut host = Plain {
        constants: constants(program.program()),
        ..Plain::default()
    };
    let mut outcome = Outcome::Failed;
    let info = measure(|| outcome = run(&program.probes()[0], &mut host));
    assert_eq!(
        (outcome, host.captured, host.faults),
        (Outcome::Passed, 3, 0)
    );
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_predicate_that_does_not_pass_allocates_nothing() {
    let program = compile("fn:m.f:exit / arg0 > 100 / { capture(arg0); }", "test").expect("valid");
    let mut host = Plain {
        constants: constants(program.program()),
        ..Plain::default()
    };
    let mut outcome = Outcome::Failed;
    let info = measure(|| outcome = run(&program.probes()[0], &mut host));
    assert_eq!(outcome, Outcome::NotPassed);
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_probe_that_is_sampled_out_allocates_nothing() {
    let source = "fn:m.f:exit / arg0 == 7 / { sample 1/4; capture(arg0); }";
    let program = compile(source, "test").expect("valid");
    let mut host = Plain::default();
    let mut outcome = Outcome::Failed;
    let info = measure(|| outcome = run(&program.probes()[0], &mut host));
    assert_eq!(outcome, Outcome::SampledOut);
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_pattern_that_knows_its_text_allocates_nothing() {
    let source = r#"fn:m.f:exit / matches(arg0, "^POST /orders/\\d+$") / { capture(arg0); }"#;
    let program = compile(source, "test").expect("valid");
    let mut host = Plain::default();
    // The first search finds out what the pattern does with such a text.
    assert_eq!(run(&program.probes()[0], &mut host), Outcome::NotPassed);
    let mut outcome = Outcome::Failed;
    let info = measure(|| outcome = run(&program.probes()[0], &mut host));
    assert_eq!(outcome, Outcome::NotPassed);
    assert_eq!(info.count_total, 0);
}
