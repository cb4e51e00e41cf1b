//! Answers that were found before: names come back, and finding the words of one costs more than remembering it.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxBuildHasher;

/// How many answers are remembered; names come from the data of the application, so there is no end of them. Each name
/// has one place, in which the last one stays.
const PLACES: usize = 1024;
/// Longer names are not remembered.
const LONGEST: usize = 64;

/// What there is to know of a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    /// Whether what has that name is secret.
    pub(crate) secret: bool,
    /// Whether the name itself has no secret in it.
    pub(crate) clean: bool,
}

/// A name, if one has come to this place, and what there is to know of it.
type Place = Option<(Box<str>, Judged)>;

/// What is known of names, as far as they were asked for.
pub(super) struct Known {
    /// Locked only for an instant, by threads that hold the GIL and run no Python code meanwhile.
    places: Mutex<Vec<Place>>,
}

impl Known {
    /// Nothing is known.
    pub(super) const fn new() -> Self {
        Self {
            places: Mutex::new(Vec::new()),
        }
    }

    /// The answer for a name, which `find` gives where it is not known.
    pub(super) fn get(&self, name: &str, find: impl FnOnce() -> Judged) -> Judged {
        if name.len() > LONGEST {
            return find();
        }
        let place = usize::try_from(FxBuildHasher.hash_one(name) % PLACES as u64).unwrap_or(0);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some((known, judged))) = places.get(place)
            && &**known == name
        {
            return *judged;
        }
        let judged = find();
        if places.is_empty() && places.try_reserve_exact(PLACES).is_ok() {
            places.resize_with(PLACES, || None);
        }
        if let Some(slot) = places.get_mut(place) {
            *slot = Some((name.into(), judged));
        }
        judged
    }
}
