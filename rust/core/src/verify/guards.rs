//! The shape of a body: statements one after another, captured fields within them.

use crate::bytecode::Op;

/// Where the walk through a section stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// The instruction behind the statement that is open.
    pub(super) statement: Option<usize>,
    /// The field that is open.
    pub(super) field: Option<Field>,
    /// Whether a field of the statement was closed: from then on only the capture may take values.
    has_fields: bool,
}

/// An open field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its `FieldEnd`.
    pub(super) end: usize,
    /// The depth of the stack below it, which is its number.
    pub(super) depth: usize,
}

impl Shape {
    /// Follows the shape to instruction `index`, with `depth` values on the stack before it, and tells what is wrong.
    ///
    /// `next` is the instruction at an index, `target` the index that the operand of a guard names.
    pub(super) fn enter(
        &mut self,
        index: usize,
        op: Op,
        depth: usize,
        target: Option<usize>,
        next: impl Fn(usize) -> Option<Op>,
    ) -> Result<(), &'static str> {
        if self.statement == Some(index) {
            if depth != 0 {
                return Err("the statement leaves values on the stack");
            }
            self.statement = None;
        }
        let Some(statement) = self.statement else {
            return match op {
                Op::Statement(_) => {
                    let end = target.filter(|&end| end > index);
                    let end = end.ok_or("the statement does not end behind its start")?;
                    if !matches!(next(end), Some(Op::Statement(_) | Op::End)) {
                        return Err(
                            "behind the statement there is neither a statement nor the end",
                        );
                    }
                    self.statement = Some(end);
                    self.has_fields = false;
                    Ok(())
                }
                Op::End => Ok(()),
                _ => Err("the instruction is not part of a statement"),
            };
        };
        if let Some(field) = self.field {
            return self.enter_in_field(index, op, depth, field);
        }
        match op {
            Op::Statement(_) => Err("a statement begins within a statement"),
            Op::End => Err("the section ends within a statement"),
            Op::FieldEnd => Err("no field is open"),
            Op::Field(_) => {
                let end = target.filter(|&end| end > index && end < statement);
                let end = end.ok_or("the field does not end within its statement")?;
                if !matches!(next(end), Some(Op::FieldEnd)) {
                    return Err("the field does not end at the end of a field");
                }
                self.field = Some(Field { end, depth });
                self.has_fields = true;
                Ok(())
            }
            Op::Constant(_) | Op::LoadVariable(..) | Op::Capture(..) => Ok(()),
            // A field's number is the depth below it, so nothing may move the fields.
            _ if self.has_fields => Err("between the fields of a capture only fields may stand"),
            _ => Ok(()),
        }
    }

    fn enter_in_field(
        &mut self,
        index: usize,
        op: Op,
        depth: usize,
        field: Field,
    ) -> Result<(), &'static str> {
        if index == field.end {
            if depth != field.depth + 1 {
                return Err("the field does not leave one value");
            }
            self.field = None;
            return Ok(());
        }
        match op {
            Op::Field(_) => Err("a field begins within a field"),
            Op::FieldEnd => Err("the field ends before its end"),
            Op::Statement(_) | Op::End => Err("a statement ends within a field"),
            Op::Capture(..) | Op::StoreVariable(..) => Err("a field has an effect"),
            _ if depth < field.depth + usize::from(op.effect().pops) => {
                Err("a field takes values from below it")
            }
            _ => Ok(()),
        }
    }

    /// The last instruction that a jump from here may name.
    pub(super) fn jump_bound(&self) -> Option<usize> {
        self.field.map(|field| field.end).or(self.statement)
    }
}
