//! The tables of a program: each name and each constant once.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::bytecode::Constant;
use crate::limits;

/// Numbers different entries in order of appearance.
#[derive(Debug)]
pub(super) struct Interner<T> {
    numbers: FxHashMap<T, u16>,
    entries: Vec<T>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            numbers: FxHashMap::default(),
            entries: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    /// The number of `entry`. Beyond the last one that two bytes can hold it is wrong, and the table overfull.
    pub(super) fn index(&mut self, entry: &T) -> u16 {
        if let Some(&number) = self.numbers.get(entry) {
            return number;
        }
        let number = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        self.numbers.insert(entry.clone(), number);
        self.entries.push(entry.clone());
        number
    }

    pub(super) fn into_entries(self) -> Vec<T> {
        self.entries
    }

    fn is_overfull(&self) -> bool {
        self.entries.len() > limits::TABLE_ENTRIES
    }
}

/// A constant as a key: floats by their bits, so that 0.0 and -0.0 are two constants and NaN is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    None,
    Bool(bool),
    Int(i64),
    BigInt(String),
    Float(u64),
    Str(String),
    List(Vec<Key>),
}

impl From<&Constant> for Key {
    fn from(constant: &Constant) -> Self {
        match constant {
            Constant::None => Self::None,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Int(value) => Self::Int(*value),
            Constant::BigInt(digits) => Self::BigInt(digits.clone()),
            Constant::Float(value) => Self::Float(value.to_bits()),
            Constant::Str(text) => Self::Str(text.clone()),
            Constant::List(items) => Self::List(items.iter().map(Self::from).collect()),
        }
    }
}

impl From<Key> for Constant {
    fn from(key: Key) -> Self {
        match key {
            Key::None => Self::None,
            Key::Bool(value) => Self::Bool(value),
            Key::Int(value) => Self::Int(value),
            Key::BigInt(digits) => Self::BigInt(digits),
            Key::Float(bits) => Self::Float(f64::from_bits(bits)),
            Key::Str(text) => Self::Str(text),
            Key::List(items) => Self::List(items.into_iter().map(Self::from).collect()),
        }
    }
}

/// The names and constants of a program.
#[derive(Debug, Default)]
pub(super) struct Tables {
    names: Interner<String>,
    constants: Interner<Key>,
}

impl Tables {
    pub(super) fn name(&mut self, name: &String) -> u16 {
        self.names.index(name)
    }

    pub(super) fn constant(&mut self, constant: &Constant) -> u16 {
        self.constants.index(&Key::from(constant))
    }

    /// What of it has more entries than can be numbered.
    pub(super) fn overfull(&self) -> Option<&'static str> {
        if self.names.is_overfull() {
            Some("names")
        } else if self.constants.is_overfull() {
            Some("constants")
        } else {
            None
        }
    }

    pub(super) fn into_entries(self) -> (Vec<String>, Vec<Constant>) {
        let constants = self
            .constants
            .into_entries()
            .into_iter()
            .map(Constant::from)
            .collect();
        (self.names.into_entries(), constants)
    }
}
