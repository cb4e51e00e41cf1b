//! The patterns of `matches`: regular expressions, searched for in time that is bounded.
//!
//! The syntax is that of the crate `regex`, whose engines these are. A search follows an automaton that is built as the
//! text needs it, one step for each byte. Building a step costs more than taking it, up to the size of the pattern, so
//! that is counted, and a search that does too much of it ends without a result. Where the automaton cannot tell (`\b`
//! beside letters beyond ASCII), all ways through the pattern are followed at once, if pattern and text are small
//! enough for that.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::{Input, MatchError};
use regex_syntax::ast::ErrorKind;

use crate::limits;

/// After so many steps were built, the clock is looked at.
const STEPS_BETWEEN_LOOKS: usize = 64;

/// How long a search may go on building steps once it has done [`limits::PATTERN_WORK`].
const PATIENCE: Duration = Duration::from_millis(5);

/// What a step costs to build beside what the size of the pattern makes of it, measured, in the same unit.
const STEP: usize = 500;

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// The bytes of the text that are wrong.
    pub range: Range<usize>,
    /// What is wrong with them; no trailing full stop.
    pub message: String,
    /// What to do about it, where there is something to say.
    pub help: Option<&'static str>,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadPattern {}

/// A search was given up: it would have taken too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp;

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the search takes too long: the pattern is too large for a text like this")
    }
}

impl std::error::Error for GaveUp {}

/// A compiled pattern.
pub struct Pattern {
    text: String,
    automaton: DFA,
    /// Where the automaton cannot tell.
    machine: Option<PikeVM>,
    /// How many states the pattern has: what one step can cost to build.
    states: usize,
    /// What searches have built. One for all threads: a host that lets several search at once lets all but one begin
    /// from nothing.
    cache: Mutex<Option<Cache>>,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When the text is no regular expression, or one over a limit.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let whole = |message: String, help| BadPattern {
            range: 0..text.len(),
            message,
            help,
        };
        if text.len() > limits::PATTERN_BYTES {
            let message = format!(
                "a pattern has at most {} bytes, this one has {}",
                limits::PATTERN_BYTES,
                text.len()
            );
            return Err(whole(message, None));
        }
        let tree = regex_syntax::ParserBuilder::new()
            .nest_limit(limits::PATTERN_NESTING)
            .build()
            .parse(text)
            .map_err(|error| bad_syntax(text, &error))?;
        let too_large = || {
            let message = format!(
                "a compiled pattern has at most {} KiB; this one needs more",
                limits::PATTERN_SIZE / 1024
            );
            let help = "repeat less: every repetition counts as often as it can happen, and `\\w`, `\\d`, `\\s` stand \
                        for the characters of all scripts (`[0-9]`, `[a-z_]` are small)";
            whole(message, Some(help))
        };
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .which_captures(WhichCaptures::Implicit)
                    .nfa_size_limit(Some(limits::PATTERN_SIZE)),
            )
            .build_from_hir(&tree)
            .map_err(|error| {
                if error.size_limit().is_some() {
                    too_large()
                } else {
                    whole(error.to_string(), None)
                }
            })?;
        let looks = nfa.look_set_any();
        // Between the bytes of one character a boundary of ASCII words has no meaning.
        let splits = looks.contains(Look::WordAsciiNegate);
        let mut config = dfa::Config::new()
            .unicode_word_boundary(true)
            .cache_capacity(limits::PATTERN_CACHE)
            .minimum_cache_clear_count(None);
        if splits {
            config = (0x80..=u8::MAX).fold(config, |config, byte| config.quit(byte, true));
        }
        let automaton = DFA::builder()
            .configure(config)
            .build_from_nfa(nfa.clone())
            .map_err(|_| too_large())?;
        let states = nfa.states().len();
        let machine = if looks.contains_word_unicode() || splits {
            Some(PikeVM::new_from_nfa(nfa).map_err(|error| whole(error.to_string(), None))?)
        } else {
            None
        };
        Ok(Self {
            text: text.to_owned(),
            automaton,
            machine,
            states,
            cache: Mutex::new(None),
        })
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern is found anywhere in `text`.
    ///
    /// # Errors
    /// When finding out would take too long.
    pub fn is_in(&self, text: &str) -> Result<bool, GaveUp> {
        let mut held = self.cache.try_lock().ok();
        let mut own = None;
        let cache = match held.as_deref_mut() {
            Some(held) => held,
            None => &mut own,
        };
        let cache = cache.get_or_insert_with(|| self.automaton.create_cache());
        match self.follow(cache, text) {
            Ok(found) => Ok(found),
            Err(Stop::GaveUp) => Err(GaveUp),
            Err(Stop::CannotTell) => self.follow_all(text),
        }
    }

    /// Follows the automaton through the text.
    fn follow(&self, cache: &mut Cache, text: &str) -> Result<bool, Stop> {
        let automaton = &self.automaton;
        let mut state = automaton.start_state_forward(cache, &Input::new(text))?;
        if let Some(end) = ended(state)? {
            return Ok(end);
        }
        let (mut built, mut deadline) = (0, None);
        for &byte in text.as_bytes() {
            let mut next = automaton.next_state_untagged(cache, state, byte);
            if next.is_unknown() {
                built += 1;
                if built % STEPS_BETWEEN_LOOKS == 0
                    && built * (self.states + STEP) > limits::PATTERN_WORK
                {
                    let now = Instant::now();
                    if now > *deadline.get_or_insert(now + PATIENCE) {
                        return Err(Stop::GaveUp);
                    }
                }
                next = automaton
                    .next_state(cache, state, byte)
                    .map_err(|_| Stop::GaveUp)?;
            }
            if let Some(end) = ended(next)? {
                return Ok(end);
            }
            state = next;
        }
        let last = automaton
            .next_eoi_state(cache, state)
            .map_err(|_| Stop::GaveUp)?;
        Ok(last.is_match())
    }

    /// Follows all ways through the pattern at once: at every character of the text as many as it has states.
    fn follow_all(&self, text: &str) -> Result<bool, GaveUp> {
        let machine = self.machine.as_ref().ok_or(GaveUp)?;
        if self.states.saturating_mul(text.len()) > limits::PATTERN_WORK {
            return Err(GaveUp);
        }
        Ok(machine.is_match(&mut machine.create_cache(), text))
    }
}

/// Why the automaton gave no result.
enum Stop {
    GaveUp,
    /// It met a character that it cannot judge.
    CannotTell,
}

impl From<MatchError> for Stop {
    fn from(_: MatchError) -> Self {
        Self::CannotTell
    }
}

impl From<regex_automata::hybrid::StartError> for Stop {
    fn from(_: regex_automata::hybrid::StartError) -> Self {
        Self::CannotTell
    }
}

/// What a state says about the whole search, if it says so.
#[inline]
fn ended(state: LazyStateID) -> Result<Option<bool>, Stop> {
    if !state.is_tagged() {
        return Ok(None);
    }
    if state.is_match() {
        Ok(Some(true))
    } else if state.is_dead() {
        Ok(Some(false))
    } else {
        Err(Stop::CannotTell)
    }
}

/// The first error of a text that is no regular expression.
fn bad_syntax(text: &str, error: &regex_syntax::Error) -> BadPattern {
    let (range, message, help) = match error {
        regex_syntax::Error::Parse(error) => {
            let span = error.span();
            let range = span.start.offset..span.end.offset;
            let (message, help) =
                in_words(error.kind(), text.get(range.clone()).unwrap_or(""), text);
            (range, message, help)
        }
        regex_syntax::Error::Translate(error) => {
            let span = error.span();
            (
                span.start.offset..span.end.offset,
                error.kind().to_string(),
                None,
            )
        }
        other => (0..text.len(), other.to_string(), None),
    };
    BadPattern {
        range,
        message,
        help,
    }
}

const LINEAR: &str = "patterns are searched for in linear time, which leaves look-around and backreferences out; join \
                      conditions instead: `matches(s, \"a\") and not matches(s, \"b\")`";

/// An error of the parser in words, and what to write instead.
fn in_words(kind: &ErrorKind, wrong: &str, text: &str) -> (String, Option<&'static str>) {
    let is_group = |form: &str| text.contains(form);
    match kind {
        ErrorKind::UnsupportedLookAround => (
            "look-around is not part of the language".to_owned(),
            Some(LINEAR),
        ),
        ErrorKind::UnsupportedBackreference => (
            "backreferences are not part of the language".to_owned(),
            Some(LINEAR),
        ),
        ErrorKind::FlagUnrecognized if is_group("(?P=") => (
            "backreferences are not part of the language".to_owned(),
            Some(LINEAR),
        ),
        ErrorKind::FlagUnrecognized if is_group("(?>") || is_group("(?(") || is_group("(?#") => (
            "this kind of group is not part of the language".to_owned(),
            Some("`(?:…)` groups, `(?i)` sets a flag"),
        ),
        ErrorKind::EscapeUnrecognized if wrong == "\\Z" => (
            "`\\Z` has no meaning here".to_owned(),
            Some("the end of the text is `\\\\z` in a string, or `$`"),
        ),
        ErrorKind::EscapeUnrecognized => (
            format!("`{wrong}` has no meaning here"),
            Some(
                "`\\\\` stands before a character that is meant as such, or that begins a class such as `\\\\d`",
            ),
        ),
        ErrorKind::RepetitionCountUnclosed => (
            "a counted repetition is not closed".to_owned(),
            Some("a brace that is meant as such is `\\\\{` in a string"),
        ),
        ErrorKind::RepetitionCountDecimalEmpty => (
            "a counted repetition needs a number".to_owned(),
            Some(
                "write `{0,n}` for at most n; a brace that is meant as such is `\\\\{` in a string",
            ),
        ),
        ErrorKind::NestLimitExceeded(limit) => (
            format!("the groups of a pattern nest at most {limit} deep"),
            None,
        ),
        kind => (kind.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::{BadPattern, GaveUp, Pattern};
    use crate::limits;

    fn found(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern)
            .unwrap_or_else(|bad| panic!("{pattern}: {bad}"))
            .is_in(text)
            .expect("little work")
    }

    #[test]
    fn searches_anywhere_unless_anchored() {
        for (pattern, text, expected) in [
            ("b", "abc", true),
            ("^b", "abc", false),
            ("^abc$", "abc", true),
            ("c$", "abc\n", false),
            ("(?m)c$", "abc\n", true),
            ("", "", true),
            ("x", "", false),
            ("^$", "", true),
            ("a.c", "a\nc", false),
            ("(?s)a.c", "a\nc", true),
            ("(?i)ÄB", "xäb", true),
            (r"^\d+$", "12٣", true),
            (r"^\w+$", "naïve_1", true),
            (r"\bword\b", "a word.", true),
            (r"\bword\b", "sword", false),
            (r"\bïve", "naïve", false),
            (r"ï\b", "naï", true),
            (r"\Bï", "naïve", true),
            (r"(?-u:\B)$", "ü", true),
            ("é|ü", "für", true),
            (r"[^a-z]", "abc", false),
            ("(a|b)*c{2,3}$", "ababcc", true),
        ] {
            assert_eq!(found(pattern, text), expected, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn a_search_is_the_same_the_second_time() {
        let pattern = Pattern::new(r"(?:a|ab)(?:c|bcd)\w*$").expect("a pattern");
        for _ in 0..3 {
            assert_eq!(pattern.is_in("xxabcdé"), Ok(true));
            assert_eq!(pattern.is_in("xxabd"), Ok(false));
        }
    }

    #[test]
    fn searches_of_several_threads_do_not_wait_for_each_other() {
        let pattern = Pattern::new(r"^[a-z]+\d+$").expect("a pattern");
        let held = pattern.cache.lock();
        assert_eq!(pattern.is_in("abc1"), Ok(true));
        drop(held);
        std::thread::scope(|scope| {
            for number in 0..4 {
                let pattern = &pattern;
                scope.spawn(move || {
                    for round in 0..500 {
                        let text = format!("abc{number}{round}");
                        assert_eq!(pattern.is_in(&text), Ok(true));
                        assert_eq!(pattern.is_in(&format!("{text}!")), Ok(false));
                    }
                });
            }
        });
    }

    #[test]
    fn errors_say_where_and_what_instead() {
        for (text, range, message, helps) in [
            ("a(?=b)", 1..4, "look-around", true),
            ("(?<!a)b", 0..4, "look-around", true),
            (r"(a)\1", 3..5, "backreferences", true),
            ("(?P<n>a)(?P=n)", 10..11, "backreferences", true),
            ("(?>a)", 2..3, "kind of group", true),
            (r"a\Z", 1..3, r"`\Z` has no meaning", true),
            (r"a\q", 1..3, r"`\q` has no meaning", true),
            ("a{", 1..2, "not closed", true),
            ("a{,3}", 2..2, "needs a number", true),
            ("[a", 0..1, "unclosed character class", false),
            ("(a", 0..1, "unclosed group", false),
            ("a)", 1..2, "unopened group", false),
            ("*", 0..0, "missing expression", false),
            (r"\pX", 0..3, "property not found", false),
            ("é[b-a]", 3..6, "invalid character class range", false),
        ] {
            let bad = Pattern::new(text).expect_err(text);
            assert_eq!(bad.range, range, "{text}: {bad}");
            assert!(bad.message.contains(message), "{text}: {bad}");
            assert_eq!(bad.help.is_some(), helps, "{text}");
        }
    }

    #[track_caller]
    fn assert_limit(at_limit: &str, beyond: &str, says: &str) {
        assert!(Pattern::new(at_limit).is_ok());
        let BadPattern { message, range, .. } = Pattern::new(beyond).expect_err("over the limit");
        assert!(message.contains(says), "{message}");
        assert!(range.end <= beyond.len());
    }

    #[test]
    fn limits_hold() {
        let letters = |count: usize| "a".repeat(count);
        assert_limit(
            &letters(limits::PATTERN_BYTES),
            &letters(limits::PATTERN_BYTES + 1),
            "at most 1024 bytes",
        );
        let groups = |depth: u32| {
            let depth = depth as usize;
            format!("{}a{}", "(".repeat(depth), ")".repeat(depth))
        };
        assert_limit(
            &groups(limits::PATTERN_NESTING),
            &groups(limits::PATTERN_NESTING + 1),
            "at most 32 deep",
        );
        // The most repetitions that fit are found by halving.
        let repeated = |count: usize| format!("a{{{count}}}");
        let (mut fits, mut beyond) = (1, 1_000_000);
        while fits + 1 < beyond {
            let middle = usize::midpoint(fits, beyond);
            match Pattern::new(&repeated(middle)) {
                Ok(_) => fits = middle,
                Err(_) => beyond = middle,
            }
        }
        assert_limit(&repeated(fits), &repeated(beyond), "at most 256 KiB");
        assert!(fits > 1000, "{fits}");
    }

    #[test]
    fn what_grows_without_bound_is_refused_in_time() {
        for text in ["((a{100}){100}){100}", r"\w{1000}", r"(?i)(\pL{50}){50}"] {
            let bad = Pattern::new(text).expect_err(text);
            assert!(bad.message.contains("at most 256 KiB"), "{bad}");
        }
    }

    #[test]
    fn a_search_that_takes_too_long_is_given_up() {
        let mut state: u64 = 1;
        let text: String = (0..limits::STRING_BYTES)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                if state >> 63 == 1 { 'a' } else { 'b' }
            })
            .collect();
        // Nearly every byte of such a text needs a step that was never built.
        let pattern = Pattern::new("(?:a|b)*a(?:a|b|ab){1000}c").expect("a pattern");
        assert_eq!(pattern.is_in(&text), Err(GaveUp));
        assert_eq!(pattern.is_in("ac"), Ok(false));
        let boundary = Pattern::new(r"\b\w{5}\b").expect("a pattern");
        assert_eq!(boundary.is_in(&text), Ok(false));
        assert_eq!(boundary.is_in(&"ä".repeat(30_000)), Err(GaveUp));
        assert_eq!(boundary.is_in("ä ääääö ä"), Ok(true));
    }
}
