//! `hogtrace._engine`: the HogTrace core as a Python module. Registration only.

mod access;
mod ambient;
mod answer;
mod body;
mod call_world;
mod counter;
mod current;
mod errors;
mod event;
mod executor;
mod frame_world;
mod frames;
mod function;
mod governor;
mod hooks;
mod host;
mod line_hook;
mod linked;
mod losses;
mod number;
mod place;
mod probe;
mod program;
mod queue;
mod random;
mod redact;
mod request_info;
mod route;
mod running;
mod scope;
mod secrecy;
mod site;
mod site_probe;
mod snapshot;
mod store;
mod tally;
mod text;
mod trust;

use hogtrace_core::error::Code;
use hogtrace_core::wire;
use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The Rust engine. Private: import the public names from `hogtrace` and its modules.
// Counters and tokens rely on the lock, so a free-threaded interpreter turns it on for this module.
#[pymodule(gil_used = true)]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    refuse_subinterpreter()?;
    running::silence_panics();
    ambient::know_modules(py);
    module.add("ENGINE_VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("BYTECODE_VERSION", wire::VERSION)?;
    let codes = Code::ALL
        .iter()
        .map(|(code, title)| (code.as_str(), *title));
    module.add("ERROR_CODES", PyTuple::new(py, codes.collect::<Vec<_>>())?)?;
    module.add("CURRENT_STORE", current::variable(py)?)?;
    module.add("ROW_COLUMNS", PyTuple::new(py, event::COLUMNS)?)?;
    module.add("Mark", snapshot::mark_class(py)?)?;
    event::register_fork_hook(py)?;
    module.add_class::<program::Program>()?;
    module.add_class::<program::Probe>()?;
    module.add_class::<program::ProbeSpec>()?;
    module.add_class::<executor::ProbeExecutor>()?;
    module.add_class::<store::RequestLocalStore>()?;
    module.add_class::<route::RouteWays>()?;
    module.add_class::<answer::AnswerNote>()?;
    module.add_class::<scope::Activation>()?;
    module.add_class::<scope::RequestScope>()?;
    module.add_class::<body::ScopedBody>()?;
    module.add_class::<event::CaptureEvent>()?;
    module.add_class::<event::ResourceClass>()?;
    module.add_class::<queue::EventQueue>()?;
    module.add_class::<trust::TrustList>()?;
    module.add_class::<redact::Redaction>()?;
    module.add_class::<snapshot::CopyLimits>()?;
    module.add_class::<governor::Governor>()?;
    module.add_class::<probe::LinkedProbe>()?;
    module.add_class::<site::Site>()?;
    module.add_class::<site::Call>()?;
    module.add_class::<line_hook::LineHook>()?;
    hooks::install(py)?;
    module.add_function(wrap_pyfunction!(program::compile, module)?)?;
    module.add_function(wrap_pyfunction!(text::format, module)?)?;
    module.add_function(wrap_pyfunction!(text::explain, module)?)?;
    module.add_function(wrap_pyfunction!(executor::execute_probe, module)?)?;
    module.add_function(wrap_pyfunction!(function::swap_code, module)?)?;
    module.add_function(wrap_pyfunction!(site::inert_site, module)?)?;
    module.add_function(wrap_pyfunction!(line_hook::inert_line_hook, module)?)?;
    module.add_function(wrap_pyfunction!(event::encode_lines, module)?)?;
    module.add_function(wrap_pyfunction!(event::encode_rows, module)?)?;
    module.add_function(wrap_pyfunction!(queue::mute_thread, module)?)?;
    module.add_function(wrap_pyfunction!(losses::count_lost, module)?)?;
    Ok(())
}

/// Objects of this module are kept once for the process, and must not be handed from one interpreter to another.
fn refuse_subinterpreter() -> PyResult<()> {
    // SAFETY: a module is made by a thread that holds the GIL, and so has a current interpreter.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "HogTrace runs in the main interpreter of a process, and this is a subinterpreter; \
         mod_wsgi runs an application in the main one if it is told WSGIApplicationGroup %{GLOBAL}",
    ))
}
