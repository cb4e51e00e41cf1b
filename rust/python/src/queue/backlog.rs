//! The events that wait, in the compact form in which they were captured: in chunks, which are filled and emptied one
//! after the other, so that nothing is moved when there are more, and nothing is asked of the allocator for each event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use crate::event::{Captured, Event, Failure, Source};
use crate::store::RequestInfo;

/// Events of one chunk.
const EVENTS: usize = 256;
/// Bytes of their values, unless a single event has more.
const BYTES: usize = 16_384;
/// Where an event says that it has no request.
const NO_REQUEST: u32 = u32::MAX;
/// Of what is shared, so much is compared that was met last; what is not among it is noted anew.
const LATEST: usize = 8;

/// One event that waits.
enum Waiting {
    /// A capture. Sources and requests are places in the chunk's lists; the values are the next so many of its bytes.
    Captured {
        time: SystemTime,
        thread: u64,
        process: u32,
        source: u32,
        request: u32,
        length: u32,
        errors: Vec<Failure>,
    },
    /// One that somebody made.
    Made(Arc<Event>),
}

/// Some events in a row, with what they share.
pub(super) struct Chunk {
    events: Vec<Waiting>,
    values: Vec<u8>,
    sources: Vec<Arc<Source>>,
    requests: Vec<Arc<RequestInfo>>,
    /// The event that is taken next, and where its values begin.
    next: usize,
    next_values: usize,
}

impl Chunk {
    /// An empty one, with room for an event of so many bytes; `None` when there is no memory for it.
    fn with_room(bytes: usize) -> Option<Self> {
        let (mut events, mut values) = (Vec::new(), Vec::new());
        events.try_reserve_exact(EVENTS).ok()?;
        values.try_reserve_exact(bytes.max(BYTES)).ok()?;
        Some(Self {
            events,
            values,
            sources: Vec::new(),
            requests: Vec::new(),
            next: 0,
            next_values: 0,
        })
    }

    /// Whether another event of so many bytes needs no more memory.
    fn has_room(&self, bytes: usize) -> bool {
        self.events.len() < self.events.capacity()
            && bytes <= self.values.capacity() - self.values.len()
    }

    /// Makes it empty again.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.values.clear();
        self.sources.clear();
        self.requests.clear();
        (self.next, self.next_values) = (0, 0);
    }

    /// Takes the oldest event out, and tells its size.
    pub(super) fn take(&mut self) -> Option<(Arc<Event>, usize)> {
        let waiting = self.events.get_mut(self.next)?;
        self.next += 1;
        match waiting {
            Waiting::Made(event) => Some((Arc::clone(event), event.size())),
            Waiting::Captured {
                time,
                thread,
                process,
                source,
                request,
                length,
                errors,
            } => {
                let begin = self.next_values;
                self.next_values += *length as usize;
                let captured = Captured {
                    source: &self.sources[*source as usize],
                    request: self.requests.get(*request as usize),
                    time: *time,
                    thread: *thread,
                    process: *process,
                    values: &self.values[begin..self.next_values],
                    errors: std::mem::take(errors),
                };
                let size = captured.size();
                Some((Arc::new(captured.into_event()), size))
            }
        }
    }
}

/// All events that wait.
#[derive(Default)]
pub(super) struct Backlog {
    chunks: VecDeque<Chunk>,
    /// An empty chunk that is used next.
    spare: Option<Chunk>,
}

impl Backlog {
    /// Adds a capture; false when there is no memory for it.
    pub(super) fn add(&mut self, captured: Captured<'_>) -> bool {
        let values = captured.values;
        let Ok(length) = u32::try_from(values.len()) else {
            return false;
        };
        let Some(chunk) = self.chunk_for(values.len()) else {
            return false;
        };
        let Some(source) = place_of(&mut chunk.sources, captured.source) else {
            return false;
        };
        let request = match captured.request {
            None => NO_REQUEST,
            Some(request) => match place_of(&mut chunk.requests, request) {
                Some(place) => place,
                None => return false,
            },
        };
        chunk.values.extend_from_slice(values);
        chunk.events.push(Waiting::Captured {
            time: captured.time,
            thread: captured.thread,
            process: captured.process,
            source,
            request,
            length,
            errors: captured.errors,
        });
        true
    }

    /// Adds an event that somebody made; false when there is no memory for it.
    pub(super) fn add_made(&mut self, event: Arc<Event>) -> bool {
        self.chunk_for(0)
            .map(|chunk| chunk.events.push(Waiting::Made(event)))
            .is_some()
    }

    /// The chunk that the next event of so many bytes goes into.
    #[inline]
    fn chunk_for(&mut self, bytes: usize) -> Option<&mut Chunk> {
        if !self
            .chunks
            .back()
            .is_some_and(|chunk| chunk.has_room(bytes))
        {
            self.begin_chunk(bytes)?;
        }
        self.chunks.back_mut()
    }

    #[cold]
    fn begin_chunk(&mut self, bytes: usize) -> Option<()> {
        self.chunks.try_reserve(1).ok()?;
        let chunk = match self.spare.take_if(|spare| spare.has_room(bytes)) {
            Some(spare) => spare,
            None => Chunk::with_room(bytes)?,
        };
        self.chunks.push_back(chunk);
        Some(())
    }

    /// Takes the chunk with the oldest events out.
    pub(super) fn oldest(&mut self) -> Option<Chunk> {
        self.chunks.pop_front()
    }

    /// Keeps an empty chunk for what comes, and gives back what is not needed.
    pub(super) fn keep(&mut self, chunk: Chunk) -> Option<Chunk> {
        if self.spare.is_some() || chunk.values.capacity() > BYTES {
            return Some(chunk);
        }
        self.spare.replace(chunk)
    }
}

/// The place of what is shared in a list of it; `None` when there is no memory to note it.
#[inline]
fn place_of<T>(list: &mut Vec<Arc<T>>, shared: &Arc<T>) -> Option<u32> {
    let latest = list.iter().enumerate().rev().take(LATEST);
    for (place, known) in latest {
        if Arc::ptr_eq(known, shared) {
            return u32::try_from(place).ok();
        }
    }
    list.try_reserve(1).ok()?;
    list.push(Arc::clone(shared));
    u32::try_from(list.len() - 1).ok()
}
