//! How much of a value is copied.

/// The bounds of one copy. What is over a bound is cut, and marked where it is cut.
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
    /// Values in the whole copy, containers included.
    pub(crate) nodes: usize,
    /// Bytes of the whole copy, packed.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 3,
            items: 100,
            characters: 1024,
            fields: 50,
            nodes: 1000,
            bytes: 65_536,
        }
    }
}
