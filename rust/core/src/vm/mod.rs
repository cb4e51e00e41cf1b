//! The virtual machine: the run loop, and what it asks of the world around it.

mod fault;
mod glance;
mod host;
mod machine;

pub use fault::{Fault, FaultKind};
pub use glance::glance;
pub use host::Host;
pub use machine::{Outcome, perform, run};
