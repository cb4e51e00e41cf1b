//! A probe file's tree as nested words, which snapshots show better than Rust's own debug text.

use hogtrace_core::syntax::ast::{
    Comparison, Expr, ExprKind, File, Literal, Logic, Probe, Statement, Test,
};

/// The tree of a whole file.
pub(crate) fn file(file: &File) -> String {
    file.probes.iter().map(probe).collect::<Vec<_>>().join("\n")
}

fn probe(probe: &Probe) -> String {
    let mut lines = vec![format!("probe {} {}", probe.target, probe.point)];
    if let Some(predicate) = &probe.predicate {
        lines.push(format!("  when {}", expression(predicate)));
    }
    for statement in &probe.body {
        match statement {
            Statement::Sample { share, .. } => lines.push(format!("  sample {share}")),
            Statement::Assign {
                scope, name, value, ..
            } => {
                lines.push(format!("  set {scope}.{} {}", name.text, expression(value)));
            }
            Statement::Capture { fields, .. } => {
                lines.push("  capture".to_owned());
                for field in fields {
                    let name = field.name.as_ref().map(|name| format!("{} = ", name.text));
                    let value = expression(&field.value);
                    lines.push(format!("    {}{value}", name.unwrap_or_default()));
                }
            }
        }
    }
    lines.join("\n")
}

fn expression(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Literal(literal) => self::literal(literal),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Variable(scope, name) => format!("{scope}.{}", name.text),
        ExprKind::Attribute(object, name) => format!("(. {} {})", expression(object), name.text),
        ExprKind::Item(object, key, _) => {
            format!("(item {} {})", expression(object), expression(key))
        }
        ExprKind::Slice(object, start, stop, _) => {
            let bound = |bound: &Option<Box<Expr>>| {
                bound.as_deref().map_or_else(|| "_".to_owned(), expression)
            };
            format!(
                "(slice {} {} {})",
                expression(object),
                bound(start),
                bound(stop)
            )
        }
        ExprKind::Unary(op, operand) => format!("({op} {})", expression(operand)),
        ExprKind::Not(operand) => format!("(not {})", expression(operand)),
        ExprKind::Binary(op, _, left, right) => {
            format!("({op} {} {})", expression(left), expression(right))
        }
        ExprKind::Compare(left, chain) => {
            let links: Vec<String> = chain.iter().map(comparison).collect();
            format!("(compare {} {})", expression(left), links.join(" "))
        }
        ExprKind::Logic(logic, operands) => {
            let word = match logic {
                Logic::And => "and",
                Logic::Or => "or",
            };
            format!("({word} {})", list(operands))
        }
        ExprKind::Call(name, arguments) => {
            let values: Vec<Expr> = arguments.iter().map(|a| a.value.clone()).collect();
            format!("(call {} {})", name.text, list(&values)).replace(" )", ")")
        }
        ExprKind::List(items) => format!("[{}]", list(items)),
        ExprKind::Wrong => "wrong".to_owned(),
    }
}

fn comparison(comparison: &Comparison) -> String {
    let test = match comparison.test {
        Test::Compare(op) => op.to_string(),
        Test::Is => "is".to_owned(),
        Test::IsNot => "is not".to_owned(),
    };
    format!("{test} {}", expression(&comparison.right))
}

fn list(items: &[Expr]) -> String {
    items.iter().map(expression).collect::<Vec<_>>().join(" ")
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::None => "None".to_owned(),
        Literal::Bool(value) => format!("bool:{value}"),
        Literal::Int(value) => format!("int:{value}"),
        Literal::BigInt(digits) => format!("bigint:{digits}"),
        Literal::Float(value) => format!("float:{value:?}"),
        Literal::Str(text) => format!("{text:?}"),
    }
}
