//! The proof that a program is safe to run: nothing else makes a [`VerifiedProgram`].
//!
//! Proved are: every operand is in range and every function has its arguments; jumps go forward, to the start of an
//! instruction; each instruction has one depth of the stack, within the limit, and is reachable; each section ends
//! with the depth that it needs; guards nest as the machine expects; names have values at the probe's point; and all
//! limits of the language hold, for patterns and sampling rates too. From that follows that a run never panics, never loops and never reads out of bounds.

mod flow;
mod glance;
mod guards;
mod patterns;
mod ready;
mod section;
mod tables;

use std::fmt;

use crate::bytecode::Program;
use crate::limits;

pub use flow::{Flow, Store};
pub use glance::Glance;
pub(crate) use glance::{Shape, Step};
use patterns::Patterns;
pub(crate) use ready::Ready;
pub use ready::VerifiedProbe;

/// Which code of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// The predicate.
    Predicate,
    /// The statements.
    Body,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Predicate => "predicate",
            Self::Body => "body",
        })
    }
}

/// Why a program was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The index of the probe, if it is one probe's fault.
    pub probe: Option<usize>,
    /// The code of the probe, if it is the code's fault.
    pub section: Option<Section>,
    /// The byte offset of the instruction in that code.
    pub offset: Option<usize>,
    /// What is wrong; no trailing full stop.
    pub reason: String,
}

impl VerifyError {
    /// An error of the program as a whole.
    fn program(reason: impl Into<String>) -> Self {
        Self {
            probe: None,
            section: None,
            offset: None,
            reason: reason.into(),
        }
    }

    /// An error of one probe as a whole.
    fn probe(probe: usize, reason: impl Into<String>) -> Self {
        Self {
            probe: Some(probe),
            ..Self::program(reason)
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(probe) = self.probe {
            write!(f, "probe {probe}")?;
            separator = ", ";
        }
        if let Some(section) = self.section {
            write!(f, "{separator}{section}")?;
            separator = ", ";
        }
        if let Some(offset) = self.offset {
            write!(f, "{separator}offset {offset}")?;
            separator = ", ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for VerifyError {}

/// A program that cannot panic, overflow, loop or read out of bounds.
#[derive(Clone, Debug)]
pub struct VerifiedProgram {
    program: Program,
    probes: Vec<VerifiedProbe>,
}

impl VerifiedProgram {
    /// The program as plain data.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Its probes, ready to run, in the order of [`Program::probes`].
    #[must_use]
    pub fn probes(&self) -> &[VerifiedProbe] {
        &self.probes
    }
}

/// Proves that `program` is safe to run.
///
/// # Errors
/// The first thing that is wrong with it, and where.
pub fn verify(program: Program) -> Result<VerifiedProgram, VerifyError> {
    tables::check(&program)?;
    // Following values through code that was made to be slow is bounded over the whole program.
    let mut steps = limits::FLOW_STEPS;
    let mut patterns = Patterns::default();
    let probes = (0..program.probes.len())
        .map(|index| {
            tables::check_probe(&program, index)?;
            section::check(&program, index, &mut steps, &mut patterns)
        })
        .collect::<Result<_, _>>()?;
    Ok(VerifiedProgram { program, probes })
}
