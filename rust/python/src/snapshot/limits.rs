//! How much of a value is copied.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How far one bound of a copy can be set.
struct Range {
    least: usize,
    default: usize,
    most: usize,
}

const DEPTH: Range = range(1, 3, 16);
const ITEMS: Range = range(1, 100, 10_000);
const CHARACTERS: Range = range(16, 1024, 65_536);
const FIELDS: Range = range(1, 50, 1000);
const VALUES: Range = range(1, 1000, 100_000);
const BYTES: Range = range(8192, 65_536, 1_048_576);
/// Seconds from the first capture of a run until its copies stop, and the most that can be set.
const SECONDS: f64 = 0.001;
const MOST_SECONDS: f64 = 1.0;

const fn range(least: usize, default: usize, most: usize) -> Range {
    Range {
        least,
        default,
        most,
    }
}

/// The bounds of the copies that one event holds. What is over a bound is cut, and marked where it is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How deep containers and objects may nest.
    pub(crate) depth: usize,
    /// Elements of one container.
    pub(crate) items: usize,
    /// Characters of one string, or bytes of one byte string.
    pub(crate) characters: usize,
    /// Fields of one object.
    pub(crate) fields: usize,
    /// Values in the whole event, containers included.
    pub(crate) values: usize,
    /// Bytes of the whole event, packed.
    pub(crate) bytes: usize,
    /// From the first capture of a run until its copies stop.
    pub(crate) time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: DEPTH.default,
            items: ITEMS.default,
            characters: CHARACTERS.default,
            fields: FIELDS.default,
            values: VALUES.default,
            bytes: BYTES.default,
            time: Duration::from_secs_f64(SECONDS),
        }
    }
}

/// The bounds of a probe's copies.
///
/// `depth` of containers in containers, `items` of one container, `characters` of one string, `fields` of one object,
/// `values` and `bytes` of one event, `time` in seconds of one run. Raises `ValueError` for one that is out of the range
/// that `RANGES` names.
#[pyclass(frozen, module = "hogtrace._engine")]
pub(crate) struct CopyLimits {
    pub(crate) limits: Limits,
}

#[pymethods]
impl CopyLimits {
    #[new]
    #[pyo3(signature = (
        *, depth=DEPTH.default, items=ITEMS.default, characters=CHARACTERS.default, fields=FIELDS.default,
        values=VALUES.default, bytes=BYTES.default, time=SECONDS
    ))]
    fn new(
        depth: usize,
        items: usize,
        characters: usize,
        fields: usize,
        values: usize,
        bytes: usize,
        time: f64,
    ) -> PyResult<Self> {
        for (name, value, range) in [
            ("depth", depth, DEPTH),
            ("items", items, ITEMS),
            ("characters", characters, CHARACTERS),
            ("fields", fields, FIELDS),
            ("values", values, VALUES),
            ("bytes", bytes, BYTES),
        ] {
            if !(range.least..=range.most).contains(&value) {
                return Err(PyValueError::new_err(format!(
                    "{name} is {value}; it must be from {} to {}",
                    range.least, range.most
                )));
            }
        }
        if !(0.0..=MOST_SECONDS).contains(&time) {
            return Err(PyValueError::new_err(format!(
                "time is {time}; it must be from 0 to {MOST_SECONDS} seconds"
            )));
        }
        Ok(Self {
            limits: Limits {
                depth,
                items,
                characters,
                fields,
                values,
                bytes,
                time: Duration::from_secs_f64(time),
            },
        })
    }

    /// For each bound by its name: the least that it can be set to, what it is by itself, and the most.
    #[classattr]
    #[pyo3(name = "RANGES")]
    fn ranges() -> Vec<(&'static str, f64, f64, f64)> {
        let whole = |name, range: Range| {
            // These are far below 2⁵³.
            #[allow(clippy::cast_precision_loss, reason = "see above")]
            let float = |number: usize| number as f64;
            (
                name,
                float(range.least),
                float(range.default),
                float(range.most),
            )
        };
        vec![
            whole("depth", DEPTH),
            whole("items", ITEMS),
            whole("characters", CHARACTERS),
            whole("fields", FIELDS),
            whole("values", VALUES),
            whole("bytes", BYTES),
            ("time", 0.0, SECONDS, MOST_SECONDS),
        ]
    }
}
