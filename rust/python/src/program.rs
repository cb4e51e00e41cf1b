//! `Program`, `Probe` and `ProbeSpec`: what `compile` gives.

use std::sync::Arc;

use hogtrace_core::bytecode::{Point, disasm};
use hogtrace_core::verify::{VerifiedProgram, verify};
use hogtrace_core::wire;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use crate::errors::{compile_error, program_error};
use crate::linked::Tables;

/// Compiles a program's source text.
#[pyfunction]
#[pyo3(signature = (source, *, name = "<string>"))]
pub(crate) fn compile(py: Python<'_>, source: &str, name: &str) -> PyResult<Program> {
    let compiled = py.detach(|| hogtrace_core::compile(source, name));
    match compiled {
        Ok(program) => Ok(Program {
            verified: Arc::new(program),
            tables: PyOnceLock::new(),
        }),
        Err(errors) => Err(compile_error(py, &errors)),
    }
}

/// A compiled and verified program.
#[pyclass(frozen, module = "hogtrace")]
pub(crate) struct Program {
    pub(crate) verified: Arc<VerifiedProgram>,
    tables: PyOnceLock<Arc<Tables>>,
}

impl Program {
    /// Its constants and names as Python objects, made when they are first asked for.
    pub(crate) fn tables(&self, py: Python<'_>) -> PyResult<Arc<Tables>> {
        let tables = self.tables.get_or_try_init(py, || {
            Tables::new(py, self.verified.program()).map(Arc::new)
        })?;
        Ok(Arc::clone(tables))
    }
}

#[pymethods]
impl Program {
    /// The name given to the compiler.
    #[getter]
    fn name(&self) -> &str {
        &self.verified.program().name
    }

    /// The version of the bytecode.
    #[getter]
    #[expect(
        clippy::unused_self,
        reason = "a property for Python, the same for every program of this build"
    )]
    fn version(&self) -> u32 {
        wire::VERSION
    }

    /// The probes, in source order.
    #[getter]
    fn probes(&self) -> Vec<Probe> {
        (0..self.verified.probes().len())
            .map(|index| Probe {
                program: Arc::clone(&self.verified),
                index,
            })
            .collect()
    }

    /// The program as Protocol Buffers bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &wire::encode(self.verified.program()))
    }

    /// Reads what `to_bytes` wrote and verifies it.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let program = wire::decode(data)
            .map_err(|error| program_error(py, &error.to_string(), error.offset))?;
        match verify(program) {
            Ok(program) => Ok(Self {
                verified: Arc::new(program),
                tables: PyOnceLock::new(),
            }),
            Err(error) => Err(program_error(py, &error.to_string(), error.offset)),
        }
    }

    /// A listing of the bytecode for people; with the lines of the source that the program was compiled from, if given.
    #[pyo3(signature = (source = None))]
    fn disassemble(&self, source: Option<&str>) -> String {
        let program = self.verified.program();
        match source {
            Some(source) => disasm::listing_with_source(program, source),
            None => disasm::listing(program),
        }
    }

    fn __repr__(&self) -> String {
        let count = self.verified.probes().len();
        let probes = if count == 1 { "probe" } else { "probes" };
        format!(
            "<hogtrace.Program {:?}, {count} {probes}>",
            self.verified.program().name
        )
    }
}

/// One probe of a program.
#[pyclass(frozen, module = "hogtrace")]
pub(crate) struct Probe {
    pub(crate) program: Arc<VerifiedProgram>,
    pub(crate) index: usize,
}

impl Probe {
    pub(crate) fn plain(&self) -> &hogtrace_core::bytecode::Probe {
        &self.program.program().probes[self.index]
    }
}

#[pymethods]
impl Probe {
    /// Unique in the program: `target:point`, with `#2`, `#3`, … where that repeats.
    #[getter]
    fn id(&self) -> &str {
        &self.plain().id
    }

    /// What the probe instruments.
    #[getter]
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            specifier: self.plain().target.clone(),
            point: self.plain().point,
        }
    }

    /// The predicate's bytecode; empty when there is none.
    #[getter]
    fn predicate<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.plain().predicate.bytes)
    }

    /// The body's bytecode.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.plain().body.bytes)
    }

    fn __repr__(&self) -> String {
        format!("<hogtrace.Probe {}>", self.plain().id)
    }
}

/// Which function a probe instruments, and where.
#[pyclass(frozen, module = "hogtrace")]
pub(crate) struct ProbeSpec {
    specifier: String,
    point: Point,
}

#[pymethods]
impl ProbeSpec {
    /// The dotted target, as written.
    #[getter]
    fn specifier(&self) -> &str {
        &self.specifier
    }

    /// `entry`, `exit` or `entry+N`.
    #[getter]
    fn point(&self) -> String {
        self.point.to_string()
    }

    /// The older name of `point`.
    #[getter]
    fn target(&self) -> String {
        self.point.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<hogtrace.ProbeSpec fn:{}:{}>", self.specifier, self.point)
    }
}
