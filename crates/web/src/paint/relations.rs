//! A relation's look: a colour and a pattern of its own, so that colour never stands alone.
//!
//! Four colours and eight patterns; with more than four relations the colours come round again
//! on other patterns, and only after 32 does a pair come twice.

use pgscope_core::Server;
use pgscope_core::ids::RelId;

/// Colours that the tokens name (`--rel-0` to `--rel-3`).
pub const COLOURS: u32 = 4;
/// Patterns that the style sheet draws (`pat-0` to `pat-7`).
pub const PATTERNS: u32 = 8;

/// Which of the colours.
pub fn colour(rel: RelId) -> u32 {
    rel.0 % COLOURS
}

/// Which of the patterns.
pub fn pattern(rel: RelId) -> u32 {
    (rel.0 + rel.0 / PATTERNS) % PATTERNS
}

/// The classes that carry both: `rel-N` sets `--rel`, `pat-N` cuts the rim.
pub fn classes(rel: RelId) -> String {
    format!("rel-{} pat-{}", colour(rel), pattern(rel))
}

/// A relation's name.
pub fn name(server: &Server, rel: RelId) -> &str {
    server.pool().smgr.relation(rel).map_or("?", |relation| &relation.name)
}

/// Whether the pattern is cut out of a bar at this place: what the canvas draws where the
/// style sheet's dashes cannot reach. `across` is in [0, 1) along the bar's thickness.
pub fn is_cut(pattern: u32, along: usize, across: f64) -> bool {
    match pattern {
        0 => false,
        1 => along % 6 >= 4,
        2 => (0.33..0.67).contains(&across),
        3 => along % 4 >= 2 && (0.25..0.75).contains(&across),
        4 => along % 12 >= 8,
        5 => along % 3 == 2,
        6 => across < 0.5,
        _ => (along / 2 + (across * 3.0) as usize).is_multiple_of(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn thirty_two_relations_look_different() {
        let looks: std::collections::HashSet<_> =
            (0..32).map(|rel| (colour(RelId(rel)), pattern(RelId(rel)))).collect();
        assert_eq!(looks.len(), 32);
    }
}
