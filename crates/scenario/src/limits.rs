//! What an untrusted scenario or link may cost, in one place.
//!
//! A text or link over a limit gets an error that names the limit; nothing is cut silently.

/// The longest scenario text, in bytes.
pub const MAX_TEXT: usize = 200_000;
/// How deep braces may nest.
pub const MAX_NESTING: usize = 32;
/// The most steps that a scenario may unfold to.
pub const MAX_STEPS: u64 = 20_000_000;
/// The most steps that are executed anew to show what memory cost.
pub const MAX_REPLAY: u64 = 200_000;
/// The longest name, in bytes (`NAMEDATALEN` - 1).
pub const MAX_NAME: usize = 63;
/// The most errors reported for one text.
pub const MAX_DIAGNOSTICS: usize = 50;
/// The longest link, in bytes.
pub const MAX_LINK: usize = 64 * 1024;
/// The most backends, all of them with memory of their own.
pub const MAX_BACKENDS: usize = 1_000;
