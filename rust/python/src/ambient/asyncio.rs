//! asyncio's current task, as its C module has it: that of its own loop and of every other that keeps to it.

use std::ptr;
#[cfg(not(Py_3_12))]
use std::ptr::NonNull;
#[cfg(not(Py_3_12))]
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::modules;
use crate::access::{Kind, Slot, kind_of, named, object_kind};
#[cfg(not(Py_3_12))]
use crate::event::process_number;

static ASYNCIO: PyOnceLock<Asyncio> = PyOnceLock::new();

/// What is asked of the module `_asyncio`.
struct Asyncio {
    #[cfg(Py_3_12)]
    running_loop: Py<PyAny>,
    current: Current,
    task: Py<PyType>,
    get_name: GetName,
}

/// The C function of the method `get_name` of tasks, which takes nothing.
#[derive(Clone, Copy)]
struct GetName(ffi::PyCFunction);

/// What knows the task that a loop runs.
enum Current {
    /// `current_task(loop)`, from 3.12 on.
    Function(Py<PyAny>),
    /// The tasks by their loops.
    Table(Py<PyDict>),
}

/// Finds the module, if it is in the process.
pub(super) fn find(py: Python<'_>) {
    if ASYNCIO.get(py).is_none()
        && let Some(found) = Asyncio::find(py)
    {
        let _ = ASYNCIO.set(py, found);
    }
}

/// The task that a thread has met last, and the state of what told of it.
#[cfg(not(Py_3_12))]
#[derive(Default)]
pub(super) struct Met {
    /// The versions of the dict of the thread and of the table of tasks.
    versions: Option<(u64, u64)>,
    /// As long as the table is as it was, it keeps the task alive.
    task: Option<NonNull<ffi::PyObject>>,
}

/// Later versions of CPython do not tell whether a dict has changed.
#[cfg(Py_3_12)]
#[derive(Default)]
pub(super) struct Met(());

/// The name of the task that runs on this thread, if one does; `met` is what was found there last.
#[inline]
pub(super) fn task_name<'py>(py: Python<'py>, met: &mut Met) -> Option<Bound<'py, PyString>> {
    let asyncio = ASYNCIO.get(py)?;
    let task = asyncio.task(py, met)?;
    asyncio.get_name.of_task(&task)
}

impl Asyncio {
    fn find(py: Python<'_>) -> Option<Self> {
        let names = modules::names(intern!(py, "_asyncio"))?;
        let current = if let Some(function) = function(&names, intern!(py, "current_task")) {
            Current::Function(function)
        } else {
            let table = named(&names, intern!(py, "_current_tasks"))?;
            Current::Table(table.cast_into_exact().ok()?.unbind())
        };
        let task = named(&names, intern!(py, "Task"))?
            .cast_into_exact::<PyType>()
            .ok()?;
        let get_name = Kind::from_type(&task)
            .lookup(intern!(py, "get_name"))
            .ok()??;
        Some(Self {
            #[cfg(Py_3_12)]
            running_loop: function(&names, intern!(py, "_get_running_loop"))?,
            current,
            task: task.unbind(),
            get_name: GetName::of(&get_name)?,
        })
    }

    /// The task that runs on this thread, if it is one of C's.
    #[cfg(Py_3_12)]
    fn task<'py>(&self, py: Python<'py>, _: &mut Met) -> Option<Bound<'py, PyAny>> {
        self.find_task(py)
    }

    /// The task that runs on this thread, if it is one of C's: the one that was met last, if nothing has changed.
    #[cfg(not(Py_3_12))]
    #[inline]
    fn task<'py>(&self, py: Python<'py>, met: &mut Met) -> Option<Bound<'py, PyAny>> {
        let versions = self.versions(py);
        if versions.is_none() || versions != met.versions {
            let task = self.find_task(py);
            met.task = task.as_ref().and_then(|task| NonNull::new(task.as_ptr()));
            met.versions = versions;
            return task;
        }
        // SAFETY: the table holds it, as it did when the task was found there.
        met.task
            .map(|task| unsafe { Bound::from_borrowed_ptr(py, task.as_ptr()) })
    }

    #[cfg(not(Py_3_12))]
    #[inline]
    fn versions(&self, py: Python<'_>) -> Option<(u64, u64)> {
        let Current::Table(table) = &self.current else {
            return None;
        };
        // SAFETY: gives a borrowed reference, or null.
        let dict = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyThreadState_GetDict())? };
        let dict = dict.cast_exact::<PyDict>().ok()?;
        Some((modules::version(dict), modules::version(table.bind(py))))
    }

    fn find_task<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let running = self.running_loop(py)?;
        // The loop is looked up, which must not run a method of its own.
        if kind_of(&running).slot(Slot::Hash) != object_kind().slot(Slot::Hash) {
            return None;
        }
        // SAFETY: a function that takes a loop, or a dict and a key; what the dict gives is borrowed and taken at once.
        let task = unsafe {
            match &self.current {
                Current::Function(function) => result(
                    py,
                    ffi::PyObject_CallOneArg(function.as_ptr(), running.as_ptr()),
                )?,
                Current::Table(table) => {
                    let found = ffi::PyDict_GetItemWithError(table.as_ptr(), running.as_ptr());
                    result(py, ffi::Py_XNewRef(found))?
                }
            }
        };
        let is_native = kind_of(&task).derives_from(Kind::from_type(self.task.bind(py)));
        is_native.then_some(task)
    }
}

impl GetName {
    /// The function of a method that was found in the type of tasks, if it is one of C's that takes nothing.
    fn of(method: &Bound<'_, PyAny>) -> Option<Self> {
        if kind_of(method) != Kind::of_static(&raw mut ffi::PyMethodDescr_Type) {
            return None;
        }
        // SAFETY: by its type a method that C defines, and the definitions of a C module live as long as the process; one
        // that takes nothing is a function of an object and null.
        unsafe {
            let definition = (*method.as_ptr().cast::<ffi::PyMethodDescrObject>()).d_method;
            if (*definition).ml_flags != ffi::METH_NOARGS {
                return None;
            }
            Some(Self((*definition).ml_meth.PyCFunction))
        }
    }

    /// The name of a task, which has to be one of C's.
    #[inline]
    fn of_task<'py>(self, task: &Bound<'py, PyAny>) -> Option<Bound<'py, PyString>> {
        // SAFETY: the function of a method of the object's type; it gives a new reference, or null with an error.
        let name = unsafe { result(task.py(), (self.0)(task.as_ptr(), ptr::null_mut()))? };
        name.cast_into().ok()
    }
}

impl Asyncio {
    /// The loop that runs on this thread.
    #[cfg(Py_3_12)]
    fn running_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: a function that lives and takes nothing.
        let running = unsafe { result(py, ffi::PyObject_CallNoArgs(self.running_loop.as_ptr()))? };
        (!running.is_none()).then_some(running)
    }

    /// The loop that runs on this thread.
    ///
    /// The module's own function asks the kernel for the number of the process each time, to know whether the loop is of
    /// this process or of one that it was forked from. This reads what that reads, and knows the number.
    #[cfg(not(Py_3_12))]
    #[allow(
        clippy::unused_self,
        reason = "later versions are asked through the module"
    )]
    fn running_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        /// What stands in the dict of a thread that runs a loop.
        #[repr(C)]
        struct Holder {
            head: ffi::PyObject,
            running: *mut ffi::PyObject,
            process: std::ffi::c_int,
        }
        // SAFETY: gives a borrowed reference, or null.
        let dict = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyThreadState_GetDict())? };
        let dict = dict.cast_into_exact::<PyDict>().ok()?;
        let holder = named(&dict, intern!(py, "__asyncio_running_event_loop__"))?;
        if !is_holder(&holder) {
            return None;
        }
        // SAFETY: the type is that of the C module, whose objects are laid out so on 3.11; the loop is kept alive by it.
        let (running, process) = unsafe {
            let holder = holder.as_ptr().cast::<Holder>();
            let running = Bound::from_borrowed_ptr_or_opt(py, (*holder).running)?;
            (running, (*holder).process)
        };
        let is_ours = u32::try_from(process).is_ok_and(|process| process == process_number());
        (is_ours && !running.is_none()).then_some(running)
    }
}

/// Whether that is what keeps the loop of a thread: by its type, a static one of C's, of which there is one.
#[cfg(not(Py_3_12))]
#[inline]
fn is_holder(object: &Bound<'_, PyAny>) -> bool {
    static HOLDER: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
    #[cold]
    fn meet(object: &Bound<'_, PyAny>) -> bool {
        let kind = kind_of(object);
        let is_it = kind.is_native() && kind.c_name() == c"_RunningLoopHolder";
        if is_it {
            HOLDER.store(object.get_type_ptr(), Relaxed);
        }
        is_it
    }
    ptr::eq(object.get_type_ptr(), HOLDER.load(Relaxed)) || meet(object)
}

/// The function of that name, if it is one of C's.
fn function(names: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> Option<Py<PyAny>> {
    let found = named(names, name)?;
    let is_native = kind_of(&found) == Kind::of_static(&raw mut ffi::PyCFunction_Type);
    is_native.then(|| found.unbind())
}

/// What a call gave, if it did not fail.
///
/// # Safety
/// `made` is null or a new reference.
unsafe fn result(py: Python<'_>, made: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: see above; without a result there may be an error, which nobody waits for.
    unsafe {
        if made.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(py, made)
    }
}
