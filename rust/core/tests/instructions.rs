//! The tables of instructions and operands in `docs/wire.md` are those of the code. `HOGTRACE_WRITE_DOCS=1` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use hogtrace_core::bytecode::{
    BinaryOp, Code, CompareOp, Function, Op, Point, Probe, Program, Scope, Singleton, UnaryOp,
    disasm,
};

const PAGE: &str = "docs/wire.md";

/// The operands of an instruction, in the order of their bytes, and what it does.
const fn described(op: Op) -> (&'static str, &'static str) {
    match op {
        Op::Constant(_) => ("constant: 2", "puts a constant"),
        Op::Input(_) => ("input: 2", "puts an input of the probe"),
        Op::LoadVariable(..) => ("name: 2, scope: 1", "puts a variable, or `None`"),
        Op::StoreVariable(..) => ("name: 2, scope: 1", "sets a variable"),
        Op::Attribute(_) => ("name: 2", "an object → its attribute of that name"),
        Op::Item => ("", "an object, a key → the item"),
        Op::Slice => (
            "",
            "an object, start, stop → the slice; `None` is an open end",
        ),
        Op::Unary(_) => ("unary operator: 1", "a number → the result"),
        Op::Binary(_) => ("binary operator: 1", "left, right → the result"),
        Op::Compare(_) => ("comparison: 1", "left, right → a boolean"),
        Op::Is(_) => ("singleton: 1", "a value → whether it is that singleton"),
        Op::Truth => ("", "a value → its truth, a boolean"),
        Op::Not => ("", "a value → the opposite of its truth"),
        Op::Call(..) => ("function: 1, count: 1", "the arguments → the result"),
        Op::Matches(_) => (
            "constant: 2",
            "a string → whether the pattern is found in it",
        ),
        Op::JumpIfFalseOrPop(_) => (
            "target: 2",
            "a false value: keeps it and jumps; else drops it",
        ),
        Op::JumpIfTrueOrPop(_) => (
            "target: 2",
            "a true value: keeps it and jumps; else drops it",
        ),
        Op::Jump(_) => ("target: 2", "jumps"),
        Op::Tuck => ("", "a, b → b, a, b"),
        Op::Nip => ("", "a, b → b"),
        Op::Field(_) => (
            "end: 2",
            "a captured field begins; a fault before its end puts `None` and goes there",
        ),
        Op::FieldEnd => ("", "a captured field ends"),
        Op::Capture(..) => ("capture: 2, count: 1", "the fields → an event"),
        Op::Statement(_) => (
            "end: 2",
            "a statement begins; a fault in it is reported, and the run goes on at its end",
        ),
        Op::End => ("", "the section ends"),
    }
}

/// One instruction of each opcode, found by asking the decoder for all of them.
fn instructions() -> Vec<(u8, Op, usize)> {
    (0..=u8::MAX)
        .filter_map(|opcode| {
            let bytes = [opcode, 0, 0, 0, 0, 0];
            let (op, length) = Op::decode(&bytes, 0).ok()?;
            Some((opcode, op, length))
        })
        .collect()
}

/// The name of an instruction in listings.
fn name(op: Op) -> String {
    let mut bytes = Vec::new();
    op.encode(&mut bytes);
    let program = Program {
        name: String::new(),
        names: Vec::new(),
        constants: Vec::new(),
        probes: vec![Probe {
            id: "m.f:entry".to_owned(),
            target: "m.f".to_owned(),
            point: Point::Entry,
            sample: None,
            inputs: Vec::new(),
            captures: Vec::new(),
            predicate: Code::default(),
            body: Code {
                bytes,
                positions: Vec::new(),
            },
        }],
    };
    let listing = disasm::listing(&program);
    let line = listing.lines().last().expect("a line");
    // Before it stand the offset, the depth of the stack, and a label where something jumps here.
    let mut words = line.split_whitespace().skip(2);
    let name = words.find(|word| !word.ends_with(':')).expect("a name");
    name.to_owned()
}

fn instruction_table() -> String {
    let mut table = "| opcode | name | operands and their bytes | takes | puts | what it does |\n\
                     | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (opcode, op, length) in instructions() {
        let (operands, does) = described(op);
        let bytes: usize = operands
            .split(", ")
            .filter_map(|operand| operand.rsplit(": ").next()?.parse::<usize>().ok())
            .sum();
        assert_eq!(length, bytes + 1, "{op:?}");
        let effect = op.effect();
        let counted = matches!(op, Op::Call(..) | Op::Capture(..));
        let takes = if counted {
            "count".to_owned()
        } else {
            effect.pops.to_string()
        };
        let puts = if effect.pushes_at_target > 0 {
            format!(
                "{}; {} where it jumps",
                effect.pushes, effect.pushes_at_target
            )
        } else {
            effect.pushes.to_string()
        };
        let name = name(op);
        let _ = writeln!(
            table,
            "| 0x{opcode:02x} | `{name}` | {operands} | {takes} | {puts} | {does} |"
        );
    }
    table
}

fn operand_table() -> String {
    let mut table = "| operand | values |\n| --- | --- |\n".to_owned();
    let mut row = |what: &str, values: Vec<(u8, &str)>| {
        let values: Vec<String> = values
            .iter()
            .map(|(code, text)| format!("{code} `{text}`"))
            .collect();
        let _ = writeln!(table, "| {what} | {} |", values.join(", "));
    };
    macro_rules! rows {
        ($($what:literal $operand:ident,)+) => {
            $(row($what, $operand::ALL.iter().map(|item| (item.code(), item.as_str())).collect());)+
        };
    }
    rows! {
        "scope" Scope,
        "unary operator" UnaryOp,
        "binary operator" BinaryOp,
        "comparison" CompareOp,
        "singleton" Singleton,
        "function" Function,
    }
    table
}

fn function_table() -> String {
    let mut counts: BTreeMap<(u8, u8), Vec<&str>> = BTreeMap::new();
    for function in Function::ALL {
        counts
            .entry(function.arity())
            .or_default()
            .push(function.as_str());
    }
    let mut table = "| arguments | functions |\n| --- | --- |\n".to_owned();
    for ((least, most), functions) in counts {
        let count = match most {
            u8::MAX => format!("{least} or more"),
            _ if least == most => least.to_string(),
            _ => format!("{least} to {most}"),
        };
        let functions: Vec<String> = functions.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(table, "| {count} | {} |", functions.join(", "));
    }
    table
}

#[test]
fn the_page_has_the_tables_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(PAGE);
    let mut page = fs::read_to_string(&path).expect("the page");
    for (mark, table) in [
        ("instructions", instruction_table()),
        ("operands", operand_table()),
        ("functions", function_table()),
    ] {
        let begin = format!("<!-- {mark}: written by cargo test --test instructions -->\n");
        let start = page.find(&begin).expect("the mark") + begin.len();
        let rows = page[start..].split_inclusive('\n');
        let old: usize = rows
            .take_while(|row| row.starts_with('|'))
            .map(str::len)
            .sum();
        page.replace_range(start..start + old, &table);
    }
    if std::env::var_os("HOGTRACE_WRITE_DOCS").is_some() {
        fs::write(&path, &page).expect("the page");
    }
    assert!(
        fs::read_to_string(&path).expect("the page") == page,
        "{PAGE} is out of date: run with HOGTRACE_WRITE_DOCS=1"
    );
}
