//! Writes the packed form, value by value.

use arrayvec::ArrayVec;

use super::packed::{Reader, Tag, Token, zigzag};

/// Bytes of a copy that need no memory of their own while they are written.
const ROOM: usize = 256;
/// The least that is asked for when they do not suffice.
const MORE: usize = 1024;

/// Where the copies of most events are written: on the stack of whoever makes one.
pub(crate) type Room = ArrayVec<u8, ROOM>;

/// Where the count of an open container will stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    tag_at: usize,
    count_at: usize,
}

/// Packed bytes in the making. It never aborts for lack of memory: what does not fit any more is left out, and
/// `finish` says so.
#[derive(Debug)]
pub(super) struct Buffer<'r> {
    room: &'r mut Room,
    /// All of it, once the room did not suffice.
    heap: Vec<u8>,
    failed: bool,
}

impl<'r> Buffer<'r> {
    /// An empty buffer that begins in that room.
    #[inline]
    pub(super) fn new(room: &'r mut Room) -> Self {
        room.clear();
        Self {
            room,
            heap: Vec::new(),
            failed: false,
        }
    }

    /// Its size so far.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        if self.heap.is_empty() {
            self.room.len()
        } else {
            self.heap.len()
        }
    }

    /// What was written; `None` when memory ran out.
    #[inline]
    pub(super) fn finish(&self) -> Option<&[u8]> {
        if self.failed {
            None
        } else {
            Some(self.bytes())
        }
    }

    /// Says that memory ran out.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// What stands at a place.
    pub(super) fn token_at(&self, at: usize) -> Option<Token<'_>> {
        Reader::new(self.bytes().get(at..)?).next()
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        if self.heap.is_empty() {
            self.room
        } else {
            &self.heap
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.heap.is_empty() {
            self.room
        } else {
            &mut self.heap
        }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if !self.heap.is_empty() || self.room.try_extend_from_slice(bytes).is_err() {
            self.put_in_heap(bytes);
        }
    }

    fn put_in_heap(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        if self.heap.is_empty() {
            // What is never empty again says that the room is left.
            if self.heap.try_reserve(MORE.max(bytes.len() + ROOM)).is_err() {
                self.failed = true;
                return;
            }
            self.heap.extend_from_slice(self.room);
        }
        if self.heap.try_reserve(bytes.len()).is_err() {
            self.failed = true;
        } else {
            self.heap.extend_from_slice(bytes);
        }
    }

    #[inline]
    fn tag(&mut self, tag: Tag) {
        self.put(&[tag as u8]);
    }

    /// Writes a tag and a length or a number.
    #[inline]
    fn tagged(&mut self, tag: Tag, number: u64) {
        if number < 0x80 {
            self.put(&[tag as u8, (number & 0x7f) as u8]);
        } else {
            self.tagged_long(tag, number);
        }
    }

    fn tagged_long(&mut self, tag: Tag, number: u64) {
        self.tag(tag);
        self.varint(number);
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

    #[inline]
    fn run(&mut self, tag: Tag, bytes: &[u8]) {
        self.tagged(tag, bytes.len() as u64);
        self.put(bytes);
    }

    #[inline]
    pub(super) fn none(&mut self) {
        self.tag(Tag::None);
    }

    #[inline]
    pub(super) fn boolean(&mut self, value: bool) {
        self.tag(if value { Tag::True } else { Tag::False });
    }

    #[inline]
    pub(super) fn integer(&mut self, value: i64) {
        self.tagged(Tag::Int, zigzag(value));
    }

    /// An integer of more than 64 bits, by its decimal digits.
    pub(super) fn big_integer(&mut self, digits: &str) {
        self.run(Tag::BigInt, digits.as_bytes());
    }

    #[inline]
    pub(super) fn float(&mut self, value: f64) {
        let mut bytes = [Tag::Float as u8; 1 + size_of::<f64>()];
        bytes[1..].copy_from_slice(&value.to_le_bytes());
        self.put(&bytes);
    }

    #[inline]
    pub(super) fn string(&mut self, text: &str) {
        self.run(Tag::Str, text.as_bytes());
    }

    /// What stands where something was left out.
    pub(super) fn mark(&mut self, text: &str) {
        self.run(Tag::Mark, text.as_bytes());
    }

    /// UTF-8 in which lone surrogates are encoded as if they were characters.
    pub(super) fn surrogates(&mut self, bytes: &[u8]) {
        self.run(Tag::Surrogates, bytes);
    }

    pub(super) fn bytes_value(&mut self, bytes: &[u8]) {
        self.run(Tag::Bytes, bytes);
    }

    /// A value that is packed already.
    pub(super) fn packed(&mut self, value: &[u8]) {
        self.put(value);
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
        self.run(Tag::Object, type_name.as_bytes());
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
        if let Some(place) = self.bytes_mut().get_mut(open.count_at..open.count_at + 4) {
            place.copy_from_slice(&count.to_le_bytes());
        }
    }

    /// Ends a dict; `plain` says that its keys are all strings that do not begin with `$`.
    pub(super) fn close_dict(&mut self, open: Open, count: usize, plain: bool) {
        if let Some(tag) = self.bytes_mut().get_mut(open.tag_at) {
            *tag = if plain { Tag::Record } else { Tag::Dict } as u8;
        }
        self.close(open, count);
    }
}
