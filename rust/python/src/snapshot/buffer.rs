//! Writes the packed form, value by value.

use super::packed::{Packed, Reader, Tag, Token, zigzag};

/// Where the count of an open container will stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    tag_at: usize,
    count_at: usize,
}

/// Packed bytes in the making. It never aborts for lack of memory: what does not fit any more is left out, and
/// `finish` says so.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    failed: bool,
}

impl Buffer {
    /// An empty buffer with room for a copy of the usual size.
    pub(super) fn with_room() -> Self {
        const USUAL: usize = 256;
        let mut buffer = Self::default();
        buffer.failed = buffer.bytes.try_reserve(USUAL).is_err();
        buffer
    }

    /// Its size so far.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The finished copy; `None` when memory ran out.
    pub(super) fn finish(self) -> Option<Packed> {
        if self.failed {
            None
        } else {
            Some(Packed::from_bytes(self.bytes))
        }
    }

    /// Says that memory ran out.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// What stands at a place.
    pub(super) fn token_at(&self, at: usize) -> Option<Token<'_>> {
        Reader::new(self.bytes.get(at..)?).next()
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.failed || self.bytes.try_reserve(bytes.len()).is_err() {
            self.failed = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.put(&[tag as u8]);
    }

    fn varint(&mut self, mut value: u64) {
        let mut bytes = [0; 10];
        let mut length = 0;
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            bytes[length] = if value == 0 { low } else { low | 0x80 };
            length += 1;
            if value == 0 {
                break;
            }
        }
        self.put(&bytes[..length]);
    }

    fn run(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.put(bytes);
    }

    pub(super) fn none(&mut self) {
        self.tag(Tag::None);
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.tag(if value { Tag::True } else { Tag::False });
    }

    pub(super) fn integer(&mut self, value: i64) {
        self.tag(Tag::Int);
        self.varint(zigzag(value));
    }

    /// An integer of more than 64 bits, by its decimal digits.
    pub(super) fn big_integer(&mut self, digits: &str) {
        self.tag(Tag::BigInt);
        self.run(digits.as_bytes());
    }

    pub(super) fn float(&mut self, value: f64) {
        self.tag(Tag::Float);
        self.put(&value.to_le_bytes());
    }

    pub(super) fn string(&mut self, text: &str) {
        self.tag(Tag::Str);
        self.run(text.as_bytes());
    }

    /// What stands where something was left out.
    pub(super) fn mark(&mut self, text: &str) {
        self.tag(Tag::Mark);
        self.run(text.as_bytes());
    }

    /// UTF-8 in which lone surrogates are encoded as if they were characters.
    pub(super) fn surrogates(&mut self, bytes: &[u8]) {
        self.tag(Tag::Surrogates);
        self.run(bytes);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.tag(Tag::Bytes);
        self.run(bytes);
    }

    /// Begins a container; `close` ends it.
    pub(super) fn open(&mut self, tag: Tag) -> Open {
        let tag_at = self.len();
        self.tag(tag);
        self.count(tag_at)
    }

    /// Begins an object of that type; `close` ends it.
    pub(super) fn open_object(&mut self, type_name: &str) -> Open {
        let tag_at = self.len();
        self.tag(Tag::Object);
        self.run(type_name.as_bytes());
        self.count(tag_at)
    }

    fn count(&mut self, tag_at: usize) -> Open {
        let count_at = self.len();
        self.put(&[0; 4]);
        Open { tag_at, count_at }
    }

    /// Ends a container of that many values or pairs.
    pub(super) fn close(&mut self, open: Open, count: usize) {
        let Ok(count) = u32::try_from(count) else {
            self.failed = true;
            return;
        };
        if let Some(place) = self.bytes.get_mut(open.count_at..open.count_at + 4) {
            place.copy_from_slice(&count.to_le_bytes());
        }
    }

    /// Ends a dict; `plain` says that its keys are all strings that do not begin with `$`.
    pub(super) fn close_dict(&mut self, open: Open, count: usize, plain: bool) {
        if let Some(tag) = self.bytes.get_mut(open.tag_at) {
            *tag = if plain { Tag::Record } else { Tag::Dict } as u8;
        }
        self.close(open, count);
    }
}
