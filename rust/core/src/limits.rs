//! The limits of the language. Each is named by the error that it causes.

/// Bytes of one program's source: 1 MiB.
pub const SOURCE_BYTES: usize = 1024 * 1024;

/// Probes in one program.
pub const PROBES: usize = 10_000;

/// How deep expressions nest: the height of the tree.
pub const NESTING: usize = 64;

/// Instructions of one probe, its predicate and its body together.
pub const INSTRUCTIONS: usize = 4_096;

/// Values on the machine's stack.
pub const STACK: usize = 64;

/// Bytes of a string, or items of a sequence, that the machine builds or a program contains: 64 KiB.
pub const STRING_BYTES: usize = 64 * 1024;

/// Bytes of the name of a captured field, and of the name of a program: both stand in every event.
pub const NAME_BYTES: usize = 1_024;

/// Bytes of a probe's target.
pub const TARGET_BYTES: usize = 4_096;

/// Bits of an integer that the machine builds or a program contains.
pub const INTEGER_BITS: u64 = 4_096;

/// Items of one list literal.
pub const LIST_ITEMS: usize = 10_000;

/// Distinct names, and distinct constants, of one program: as many as two bytes can number.
pub const TABLE_ENTRIES: usize = 65_536;

/// Bytes of one encoded program: 16 MiB, more than any source within the limits becomes.
pub const PROGRAM_BYTES: usize = 16 * 1024 * 1024;

/// Diagnostics in one report; the rest is not looked for.
pub const DIAGNOSTICS: usize = 100;

/// Steps that the verifier takes to follow where the values come from that one program captures and stores: more than
/// any source within the limits needs.
pub const FLOW_STEPS: usize = 1 << 22;

/// Lines below its `def` line that `entry+N` can name.
pub const POINT_LINES: u32 = 65_535;

/// Bytes of one pattern of `matches`.
pub const PATTERN_BYTES: usize = 1_024;

/// How deep the groups of a pattern nest.
pub const PATTERN_NESTING: u32 = 32;

/// Bytes of one compiled pattern: 256 KiB.
pub const PATTERN_SIZE: usize = 256 * 1024;

/// Different patterns of one program.
pub const PATTERNS: usize = 100;

/// Bytes that one pattern may keep of what its searches found out about it: 512 KiB.
pub const PATTERN_CACHE: usize = 512 * 1024;

/// What a search may do before it is asked whether it takes too long: the states of the pattern, times the bytes of the
/// text at which all of them are looked at.
pub const PATTERN_WORK: usize = 1 << 21;

/// Frames that `stack()` gives.
pub const FRAMES_UNASKED: u8 = 16;

/// Frames that `stack(n)` may ask for.
pub const FRAMES: u8 = 64;
