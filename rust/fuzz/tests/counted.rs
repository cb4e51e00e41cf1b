//! A counted run of what is fuzzed: each seed, and so many mutations of them, the same in every run.
//!
//! `HOGTRACE_FUZZ_RUNS` sets how many. The shares that are asserted show that the mutations reach the machine.

use std::fs;
use std::path::PathBuf;

use hogtrace_fuzz::{Random, Reached, bytes, source, structure, text};

fn runs() -> usize {
    std::env::var("HOGTRACE_FUZZ_RUNS").map_or(20_000, |runs| runs.parse().expect("a number"))
}

/// The seeds and the corpus of a target, in order of their names.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = ["seeds", "corpus"]
        .iter()
        .filter_map(|kind| fs::read_dir(folder.join(kind).join(target)).ok())
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 20, "the seeds are there");
    let read = |path: PathBuf| fs::read(path).expect("a seed");
    paths.into_iter().map(read).collect()
}

/// How many inputs came how far.
#[derive(Debug, Default)]
struct Shares {
    refused: usize,
    decoded: usize,
    ran: usize,
}

impl Shares {
    fn count(&mut self, reached: Reached) {
        match reached {
            Reached::Refused => self.refused += 1,
            Reached::Decoded => self.decoded += 1,
            Reached::Ran => self.ran += 1,
        }
    }

    /// The percentage that ran.
    fn ran(&self, what: &str) -> usize {
        let all = self.refused + self.decoded + self.ran;
        let percent = |part: usize| part * 100 / all.max(1);
        println!(
            "{what}: {all} inputs, {}% refused, {}% decoded and refused by the verifier, {}% run",
            percent(self.refused),
            percent(self.decoded),
            percent(self.ran)
        );
        percent(self.ran)
    }
}

#[test]
fn text() {
    let mut seeds: Vec<String> = inputs("source")
        .into_iter()
        .filter_map(|seed| String::from_utf8(seed).ok())
        .collect();
    // All of them are tried; what is mutated compiles.
    seeds.retain(|seed| source(seed) == Reached::Ran);
    assert!(seeds.len() >= 20);
    let mut shares = Shares::default();
    let mut random = Random::new(1);
    for _ in 0..runs() {
        let (seed, other) = (random.of(&seeds).clone(), random.of(&seeds).clone());
        shares.count(source(&text::mutate(&seed, &other, &mut random)));
    }
    let ran = shares.ran("text");
    assert!(ran >= 10, "{ran}%");
}

#[test]
fn programs() {
    let mut seeds = inputs("bytes");
    // All of them are tried; what is mutated is sound.
    seeds.retain(|seed| bytes(seed) == Reached::Ran);
    assert!(seeds.len() >= 20);
    let mut shares = Shares::default();
    let mut random = Random::new(2);
    for _ in 0..runs() {
        let seed = random.of(&seeds).clone();
        let mutated = structure::mutate(&seed, &mut random).expect("a program");
        shares.count(bytes(&mutated));
    }
    let ran = shares.ran("programs");
    assert!(ran >= 10, "{ran}%");
}

#[test]
fn damaged_bytes() {
    let mut seeds = inputs("bytes");
    seeds.retain(|seed| bytes(seed) == Reached::Ran);
    let mut shares = Shares::default();
    let mut random = Random::new(3);
    for _ in 0..runs() {
        let mut seed = random.of(&seeds).clone();
        for _ in 0..=random.below(3) {
            let place = random.below(seed.len());
            let byte = u8::try_from(random.below(256)).expect("a byte");
            match random.below(4) {
                0 => seed.insert(place, byte),
                1 if place < seed.len() => _ = seed.remove(place),
                2 => seed.truncate(place),
                _ if place < seed.len() => seed[place] = byte,
                _ => seed.push(byte),
            }
        }
        shares.count(bytes(&seed));
    }
    shares.ran("damaged bytes");
}

#[test]
fn the_dictionary_has_the_words_of_the_language() {
    let escape = |word: &str| -> String {
        word.bytes()
            .map(|byte| match byte {
                b'"' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            })
            .collect()
    };
    let words = text::WORDS
        .iter()
        .map(|word| format!("\"{}\"\n", escape(word)));
    let dictionary: String = words.collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("source.dict");
    if std::env::var_os("HOGTRACE_WRITE_DICTIONARY").is_some() {
        fs::write(&path, &dictionary).expect("the dictionary");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == dictionary,
        "run with HOGTRACE_WRITE_DICTIONARY=1"
    );
}
