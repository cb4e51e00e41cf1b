//! The events that wait, in the compact form in which they were captured: in chunks, which are filled and emptied one
//! after the other, so that nothing is moved when there are more, and nothing is asked of the allocator for each event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use crate::event::{Captured, Context, Event, Failure, NOTHING, Runner, Source};
use crate::request_info::RequestInfo;

/// Events of one chunk.
const EVENTS: usize = 256;
/// Bytes of their values, unless a single event has more.
const BYTES: usize = 16_384;
/// Of what is shared, so much is compared that was met last; what is not among it is noted anew.
const LATEST: usize = 8;
/// Where an event says that it has no request.
const NO_REQUEST: u16 = u16::MAX;
/// Where an event says that nothing is known of its context.
const NO_CONTEXT: u16 = u16::MAX;
/// What the source of an event says that somebody made.
const MADE: u16 = u16::MAX;

/// One event that waits, in as few bytes as will do: its parts are places in the lists of its chunk, and its values are
/// the next so many bytes there.
struct Waiting {
    time: SystemTime,
    values: u32,
    source: u16,
    request: u16,
    runner: u16,
    context: u16,
    has_errors: bool,
}

/// Some events in a row, with what they share.
pub(super) struct Chunk {
    events: Vec<Waiting>,
    values: Vec<u8>,
    sources: Vec<Arc<Source>>,
    requests: Vec<Arc<RequestInfo>>,
    runners: Vec<Arc<Runner>>,
    contexts: Vec<Context>,
    /// The errors of those events that have some, in order.
    errors: VecDeque<Vec<Failure>>,
    /// The events that somebody made, in order.
    made: VecDeque<Arc<Event>>,
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
            runners: Vec::new(),
            contexts: Vec::new(),
            errors: VecDeque::new(),
            made: VecDeque::new(),
            next: 0,
            next_values: 0,
        })
    }

    /// Whether another event of so many bytes needs no more memory.
    fn has_room(&self, bytes: usize) -> bool {
        self.events.len() < EVENTS && bytes <= self.values.capacity() - self.values.len()
    }

    /// Makes it empty again.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.values.clear();
        self.sources.clear();
        self.requests.clear();
        self.runners.clear();
        self.contexts.clear();
        self.errors.clear();
        self.made.clear();
        (self.next, self.next_values) = (0, 0);
    }

    /// Adds a capture; `None` when there is no memory for what is not there yet.
    #[inline]
    fn add(&mut self, captured: Captured<'_>) -> Option<()> {
        let source = place_of(&mut self.sources, captured.source, Arc::ptr_eq)?;
        let request = match captured.request {
            None => NO_REQUEST,
            Some(request) => place_of(&mut self.requests, request, Arc::ptr_eq)?,
        };
        let runner = place_of(&mut self.runners, captured.runner, Arc::ptr_eq)?;
        let context = if captured.context.is_empty() {
            NO_CONTEXT
        } else {
            place_of(&mut self.contexts, captured.context, PartialEq::eq)?
        };
        let values = u32::try_from(captured.values.len()).ok()?;
        let has_errors = !captured.errors.is_empty();
        if has_errors {
            self.errors.try_reserve(1).ok()?;
            self.errors.push_back(captured.errors);
        }
        self.values.extend_from_slice(captured.values);
        self.events.push(Waiting {
            time: captured.time,
            values,
            source,
            request,
            runner,
            context,
            has_errors,
        });
        Some(())
    }

    /// Adds an event that somebody made; `None` when there is no memory for it.
    fn add_made(&mut self, event: Arc<Event>) -> Option<()> {
        self.made.try_reserve(1).ok()?;
        self.made.push_back(event);
        self.events.push(Waiting {
            time: SystemTime::UNIX_EPOCH,
            values: 0,
            source: MADE,
            request: NO_REQUEST,
            runner: 0,
            context: NO_CONTEXT,
            has_errors: false,
        });
        Some(())
    }

    /// Takes the oldest event out, and tells its size.
    pub(super) fn take(&mut self) -> Option<(Arc<Event>, usize)> {
        let waiting = self.events.get(self.next)?;
        self.next += 1;
        let Some(source) = self.sources.get(usize::from(waiting.source)) else {
            let event = self.made.pop_front()?;
            let size = event.size();
            return Some((event, size));
        };
        let begin = self.next_values;
        self.next_values += waiting.values as usize;
        let context = self.contexts.get(usize::from(waiting.context));
        let errors = waiting.has_errors.then(|| self.errors.pop_front());
        let captured = Captured {
            source,
            request: self.requests.get(usize::from(waiting.request)),
            time: waiting.time,
            runner: &self.runners[usize::from(waiting.runner)],
            context: context.unwrap_or(&NOTHING),
            values: &self.values[begin..self.next_values],
            errors: errors.flatten().unwrap_or_default(),
        };
        let size = captured.size();
        Some((Arc::new(captured.into_event()), size))
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
    #[inline]
    pub(super) fn add(&mut self, captured: Captured<'_>) -> bool {
        self.chunk_for(captured.values.len())
            .and_then(|chunk| chunk.add(captured))
            .is_some()
    }

    /// Adds an event that somebody made; false when there is no memory for it.
    pub(super) fn add_made(&mut self, event: Arc<Event>) -> bool {
        self.chunk_for(0)
            .and_then(|chunk| chunk.add_made(event))
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

/// The place of what is shared in a list of it; `None` when there is no memory to note it. There are not more of them
/// than events.
#[inline]
fn place_of<T: Clone>(list: &mut Vec<T>, shared: &T, is: impl Fn(&T, &T) -> bool) -> Option<u16> {
    let latest = list.iter().enumerate().rev().take(LATEST);
    for (place, known) in latest {
        if is(known, shared) {
            return u16::try_from(place).ok();
        }
    }
    note(list, shared)
}

#[cold]
fn note<T: Clone>(list: &mut Vec<T>, shared: &T) -> Option<u16> {
    list.try_reserve(1).ok()?;
    list.push(shared.clone());
    u16::try_from(list.len() - 1).ok()
}
