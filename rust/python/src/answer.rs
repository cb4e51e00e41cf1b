//! Notes what an application answers, between it and its server.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};

use crate::access::{plain_item, text_of};
use crate::store::RequestLocalStore;

/// Calls `call` with what it is called with, and gives what that gives. Before that it notes in `store` what the
/// application answers: the number in a WSGI status line (`start_response`), the status of an ASGI message
/// `http.response.start`, the code of a `websocket.close` (`send`). Whatever else it is asked for is that of `call`.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct AnswerNote {
    store: Py<RequestLocalStore>,
    call: Py<PyAny>,
}

#[pymethods]
impl AnswerNote {
    #[new]
    pub(crate) const fn new(store: Py<RequestLocalStore>, call: Py<PyAny>) -> Self {
        Self { store, call }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(status) = answer(py, args, kwargs) {
            let store = self.store.get();
            store.answered(status);
            // Flask takes its request out of the environ before the body is made.
            store.seek_route(py);
        }
        self.call.bind(py).call(args, kwargs)
    }

    fn __getattr__<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call.bind(py);
        // What tells an object to be a coroutine function where its code does not, to `asyncio` and to `inspect`.
        let mark = match &*name.to_string_lossy() {
            "_is_coroutine" => "asyncio.coroutines",
            "_is_coroutine_mark" => "inspect",
            _ => return call.getattr(name),
        };
        let inspect = py.import(intern!(py, "inspect"))?;
        if inspect
            .call_method1(intern!(py, "iscoroutinefunction"), (call,))?
            .is_truthy()?
        {
            py.import(mark)?.getattr(name)
        } else {
            call.getattr(name)
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let call = self.call.bind(py).repr()?;
        Ok(format!("<AnswerNote around {call}>"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)?;
        visit.call(&self.call)
    }
}

/// What is answered by a call of `start_response` or `send`.
fn answer(
    py: Python<'_>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> Option<i64> {
    let first = match args.iter_borrowed().next() {
        Some(first) => first.to_owned(),
        None => plain_item(kwargs?, intern!(py, "status"))?,
    };
    if let Ok(line) = first.cast::<PyString>() {
        return text_of(line).get(..3)?.parse().ok();
    }
    let message = first.cast::<PyDict>().ok()?;
    let kind = plain_item(message, intern!(py, "type"))?;
    let kind = kind.cast::<PyString>().ok()?;
    if kind == "http.response.start" || kind == "websocket.http.response.start" {
        number(&plain_item(message, intern!(py, "status"))?)
    } else if kind == "websocket.close" {
        // Without a code that is a normal end.
        plain_item(message, intern!(py, "code")).map_or(Some(1000), |code| number(&code))
    } else {
        None
    }
}

/// An integer, such as one of `HTTPStatus`.
fn number(object: &Bound<'_, PyAny>) -> Option<i64> {
    object.cast::<PyInt>().ok()?.extract().ok()
}
