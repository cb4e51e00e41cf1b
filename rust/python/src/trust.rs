//! What may be read beyond the plain rules, by type and attribute.

use std::collections::HashMap;
use std::sync::LazyLock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::access::{Kind, names};

/// The attribute that stands for an object's items, length and membership.
pub(crate) const ITEMS: &str = "[]";

/// The attribute that stands for every attribute of an object, and for its items.
const EVERY: &str = "*";

/// What everybody may read: attributes of the standard library that only show what is stored.
static STANDARD: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    [
        ("enum.Enum", "value", "_value_"),
        ("enum.Enum", "name", "_name_"),
    ]
    .map(|(type_name, attribute, path)| Entry {
        type_name: type_name.to_owned(),
        attribute: attribute.to_owned(),
        reader: Reader::Stored,
        argument: path.to_owned(),
    })
    .into()
});

/// How a trusted attribute is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// What is stored under another attribute, read by the plain rules.
    Stored,
    /// What the instance itself stores under that name, although a descriptor of its type would be asked before.
    Cached,
    /// The headers in a WSGI environment.
    WsgiHeaders,
    /// The headers in an ASGI scope.
    AsgiHeaders,
    /// The headers in a list of pairs.
    HeaderList,
    /// The headers in a dict of lower-case names and pairs.
    HeaderStore,
    /// The headers in a dict of names and values, or lists of values.
    HeaderDict,
    /// What is stored under a key of a dict: the same as `Stored`.
    Item,
    /// The first of the values of each key, of a dict of lists.
    FirstValues,
    /// The last of them.
    LastValues,
    /// The number that a status line begins with.
    StatusLine,
    /// A phrase that is stored, or the usual one for the object's `status_code`.
    StatusPhrase,
    /// The one header that the attribute is named after.
    Header,
    /// The parameters in a query string, of which the first value of each name is asked for.
    FirstOfQuery,
    /// The same, and the last value is.
    LastOfQuery,
    /// The text of a value in a WSGI environment.
    WsgiText,
    /// Scheme, path and query of an ASGI scope.
    AsgiUrl,
    /// A pair of host and port.
    Address,
    /// What is stored in a dict, as attributes.
    Namespace,
    /// Byte strings, put together.
    Joined,
    /// What a property over a `threading.local` has.
    ThreadLocal,
    /// The object that a lazy one has found.
    LazyObject,
    /// The object that a context-local proxy of Werkzeug's stands for.
    ContextProxy,
    /// Nothing; but the refusal says what can be read instead.
    Instead,
    /// The attribute itself, whatever code that runs: for entries of the user's own.
    Call,
}

impl Reader {
    const ALL: [(&'static str, Self); 25] = [
        ("stored", Self::Stored),
        ("cached", Self::Cached),
        ("wsgi_headers", Self::WsgiHeaders),
        ("asgi_headers", Self::AsgiHeaders),
        ("header_list", Self::HeaderList),
        ("header_store", Self::HeaderStore),
        ("header_dict", Self::HeaderDict),
        ("item", Self::Item),
        ("first_values", Self::FirstValues),
        ("last_values", Self::LastValues),
        ("status_line", Self::StatusLine),
        ("status_phrase", Self::StatusPhrase),
        ("header", Self::Header),
        ("first_of_query", Self::FirstOfQuery),
        ("last_of_query", Self::LastOfQuery),
        ("wsgi_text", Self::WsgiText),
        ("asgi_url", Self::AsgiUrl),
        ("address", Self::Address),
        ("namespace", Self::Namespace),
        ("joined", Self::Joined),
        ("thread_local", Self::ThreadLocal),
        ("lazy_object", Self::LazyObject),
        ("context_proxy", Self::ContextProxy),
        ("instead", Self::Instead),
        ("call", Self::Call),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, reader)| *reader == self)
            .map_or("", |(name, _)| name)
    }
}

/// One entry: that attribute of instances of that type is read so.
#[derive(Debug)]
pub(crate) struct Entry {
    type_name: String,
    /// The attribute, or `[]` or `*`.
    pub(crate) attribute: String,
    /// How it is read.
    pub(crate) reader: Reader,
    /// What the reader needs: mostly where to look, as names of attributes joined by dots.
    pub(crate) argument: String,
}

/// What may be read although reading it by the plain rules is refused.
///
/// Entries are tuples of a type's qualified name, an attribute, `"[]"` (items, length and membership of the object
/// itself) or `"*"` (all of that), a reader and its argument. That is a dotted path, empty for the object itself: names of
/// attributes, then perhaps an index of a tuple, or the key of a dict, which may have dots in it. `cached`,
/// `context_proxy` and `call` (the real access, code and all) take none; of `thread_local` it is the name in the
/// `threading.local`, and of `instead` what the refusal says. An entry holds for subclasses too. Raises `ValueError` for another reader, a type without a module, or an empty attribute.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct TrustList {
    entries: Vec<Entry>,
    /// Which entries are for an attribute, in order; those for every attribute are under each of them.
    by_attribute: HashMap<String, Vec<usize>>,
    for_every: Vec<usize>,
}

#[pymethods]
impl TrustList {
    #[new]
    #[pyo3(signature = (entries=Vec::new()))]
    fn new(entries: Vec<(String, String, String, String)>) -> PyResult<Self> {
        let entries = entries
            .into_iter()
            .map(|(type_name, attribute, reader, argument)| {
                let Some(&(_, known)) = Reader::ALL.iter().find(|(name, _)| *name == reader) else {
                    let names = Reader::ALL.map(|(name, _)| name).join(", ");
                    return Err(PyValueError::new_err(format!(
                        "no reader {reader:?}; there are {names}"
                    )));
                };
                if !type_name.contains('.')
                    || type_name.starts_with('.')
                    || type_name.ends_with('.')
                {
                    let message =
                        format!("{type_name:?} is not the name of a module and a type in it");
                    return Err(PyValueError::new_err(message));
                }
                if attribute.is_empty() {
                    return Err(PyValueError::new_err(format!(
                        "no attribute of {type_name:?}"
                    )));
                }
                let needs_one = matches!(
                    known,
                    Reader::Stored
                        | Reader::Item
                        | Reader::ThreadLocal
                        | Reader::LazyObject
                        | Reader::Instead
                );
                if needs_one && argument.is_empty() {
                    return Err(PyValueError::new_err(format!(
                        "the reader {reader:?} needs an argument"
                    )));
                }
                Ok(Entry {
                    type_name,
                    attribute,
                    reader: known,
                    argument,
                })
            })
            .collect::<PyResult<_>>()?;
        Ok(Self::of(entries))
    }

    /// The entries, in order.
    #[getter]
    fn entries(&self) -> Vec<(&str, &str, &'static str, &str)> {
        self.entries
            .iter()
            .map(|entry| {
                (
                    &*entry.type_name,
                    &*entry.attribute,
                    entry.reader.name(),
                    &*entry.argument,
                )
            })
            .collect()
    }
}

impl Entry {
    /// Whether all attributes and items are asked of what the object stands for.
    pub(crate) fn is_for_all(&self) -> bool {
        self.attribute == EVERY && self.reader != Reader::Call
    }

    /// Whether the entry is for the type of that module and qualified name.
    fn is_for(&self, (module, name): &(String, String)) -> bool {
        let rest = self
            .type_name
            .strip_prefix(module.as_str())
            .and_then(|rest| rest.strip_prefix('.'));
        rest == Some(name.as_str())
    }
}

impl TrustList {
    /// The entry for attribute `name` of objects of that type.
    ///
    /// The nearest entry to the object's own type wins. A type between the two that defines the attribute anew means
    /// something else by it, so that only `call` holds there.
    pub(crate) fn find(&self, py: Python<'_>, kind: Kind<'_>, name: &str) -> Option<&Entry> {
        let own = self.by_attribute.get(name).unwrap_or(&self.for_every);
        let standard = STANDARD.iter().filter(|entry| entry.attribute == name);
        if own.is_empty() && standard.clone().next().is_none() {
            return None;
        }
        let attribute = PyString::intern(py, if name == ITEMS { "__getitem__" } else { name });
        let mut defined_anew = false;
        for ancestor in kind.lineage() {
            let names = names(py, ancestor);
            let fits = |entry: &&Entry| {
                entry.is_for(&names) && (!defined_anew || entry.reader == Reader::Call)
            };
            let mut candidates = own
                .iter()
                .map(|&index| &self.entries[index])
                .chain(standard.clone());
            if let Some(entry) = candidates.find(fits) {
                return Some(entry);
            }
            defined_anew |= ancestor.defines(&attribute);
        }
        None
    }

    fn of(entries: Vec<Entry>) -> Self {
        let mut by_attribute = HashMap::<_, Vec<_>>::new();
        let is_for = |index: &usize, name: &str| {
            let attribute = &entries[*index].attribute;
            attribute == name || attribute == EVERY
        };
        for entry in &entries {
            by_attribute
                .entry(entry.attribute.clone())
                .or_insert_with(|| {
                    (0..entries.len())
                        .filter(|index| is_for(index, &entry.attribute))
                        .collect()
                });
        }
        let for_every = by_attribute.get(EVERY).cloned().unwrap_or_default();
        Self {
            entries,
            by_attribute,
            for_every,
        }
    }

    /// A list that trusts nothing.
    pub(crate) fn empty() -> Self {
        Self::of(Vec::new())
    }
}
