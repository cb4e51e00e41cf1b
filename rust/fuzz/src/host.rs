//! A host that gives arbitrary answers and checks what the machine promises it.

use hogtrace_core::VerifiedProgram;
use hogtrace_core::bytecode::{BinaryOp, CompareOp, Function, Probe, Program, Scope, UnaryOp};
use hogtrace_core::limits;
use hogtrace_core::pattern::Pattern;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{Fault, FaultKind, Host, Outcome, run};

/// Runs every probe of a program several times, over hosts that answer differently.
///
/// # Panics
/// When the machine breaks a promise.
pub(crate) fn run_all(program: &VerifiedProgram) {
    // What one program may take of a fuzzer's time.
    for (index, probe) in program.probes().iter().enumerate().take(16) {
        for seed in 0..4 {
            let mut host = Checking {
                program: program.program(),
                probe: &program.program().probes[index],
                state: seed,
                questions: 0,
                faults: 0,
            };
            let outcome = run(probe, &mut host);
            if outcome == Outcome::Failed {
                assert_eq!(host.faults, 1, "a predicate fails once");
            }
        }
    }
}

/// A host that gives arbitrary answers and checks the questions.
struct Checking<'a> {
    program: &'a Program,
    probe: &'a Probe,
    state: u64,
    questions: usize,
    faults: usize,
}

type Held = Value<u8>;

impl Checking<'_> {
    /// The next arbitrary number.
    fn next(&mut self) -> u64 {
        // No instruction asks more than once, and none runs twice.
        self.questions += 1;
        assert!(self.questions <= limits::INSTRUCTIONS, "a run ends");
        self.state = self
            .state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        self.state >> 33
    }

    fn value(&mut self) -> Held {
        match self.next() % 11 {
            0 => Value::None,
            1 => Value::Bool(true),
            2 => Value::Bool(false),
            3 => Value::Int(0),
            4 => Value::Int(i64::MIN),
            5 => Value::Int(-1),
            6 => Value::Float(f64::NAN),
            7 => Value::Float(-0.0),
            8 => Value::Float(1e308),
            _ => Value::Object(7),
        }
    }

    fn answer(&mut self) -> Result<Held, Fault> {
        if self.next().is_multiple_of(8) {
            return Err(Fault::new(FaultKind::Value, "an arbitrary fault"));
        }
        self.questions -= 1;
        Ok(self.value())
    }

    fn check_name(&self, name: u16) {
        assert!(usize::from(name) < self.program.names.len());
    }
}

impl Host for Checking<'_> {
    type Object = u8;

    fn draw(&mut self) -> f64 {
        f64::from(u16::try_from(self.next() % 1000).unwrap_or(0)) / 1000.0
    }

    fn input(&mut self, slot: u16) -> Result<Held, Fault> {
        assert!(self.probe.inputs[usize::from(slot)].exists_at(self.probe.point));
        self.answer()
    }

    fn constant(&mut self, index: u16) -> Held {
        assert!(usize::from(index) < self.program.constants.len());
        self.value()
    }

    fn variable(&mut self, _: Scope, name: u16) -> Held {
        self.check_name(name);
        self.value()
    }

    fn set_variable(&mut self, _: Scope, name: u16, _: Held) -> Result<(), Fault> {
        self.check_name(name);
        self.answer().map(drop)
    }

    fn attribute(&mut self, _: &Held, name: u16) -> Result<Held, Fault> {
        self.check_name(name);
        self.answer()
    }

    fn item(&mut self, _: &Held, _: &Held) -> Result<Held, Fault> {
        self.answer()
    }

    fn slice(&mut self, _: &Held, _: &Held, _: &Held) -> Result<Held, Fault> {
        self.answer()
    }

    fn truth(&mut self, _: &u8) -> Result<bool, Fault> {
        self.answer().map(|value| value == Value::None)
    }

    fn unary(&mut self, _: UnaryOp, _: &Held) -> Result<Held, Fault> {
        self.answer()
    }

    fn binary(&mut self, _: BinaryOp, _: &Held, _: &Held) -> Result<Held, Fault> {
        self.answer()
    }

    fn compare(&mut self, _: CompareOp, left: &Held, right: &Held) -> Result<bool, Fault> {
        assert!(
            left.scalar().is_none() || right.scalar().is_none(),
            "scalars are the machine's"
        );
        self.answer().map(|value| value == Value::None)
    }

    fn call(&mut self, function: Function, arguments: &[Held]) -> Result<Held, Fault> {
        let (least, most) = function.arity();
        assert!((usize::from(least)..=usize::from(most)).contains(&arguments.len()));
        self.answer()
    }

    fn matches(&mut self, pattern: &Pattern, _: &Held) -> Result<bool, Fault> {
        const TEXTS: [&str; 4] = [
            "",
            "GET /orders/17?x=1",
            "naïve \u{10ffff}\n",
            "aaaaaaaaaab",
        ];
        let text = TEXTS[usize::try_from(self.next() % 4).unwrap_or(0)];
        pattern
            .is_in(text)
            .map_err(|gave_up| Fault::new(FaultKind::Limit, gave_up.to_string()))
    }

    fn capture(&mut self, index: u16, values: &[Held]) -> Result<(), Fault> {
        assert_eq!(
            self.probe.captures[usize::from(index)].fields.len(),
            values.len()
        );
        self.answer().map(drop)
    }

    fn fault(&mut self, fault: Fault, field: Option<u16>) {
        self.faults += 1;
        assert_ne!(fault.kind, FaultKind::Internal, "{fault}");
        if let Some(field) = field {
            let field = usize::from(field);
            assert!(
                self.probe
                    .captures
                    .iter()
                    .any(|capture| field < capture.fields.len())
            );
        }
    }
}
