//! The nearest right word for a misspelt one.

/// The candidate that `word` most likely stands for, if one is near enough.
///
/// A word that differs only in case is nearest of all. Otherwise up to a third of the
/// letters may be wrong: more would be guessing.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    if letters > 2 * crate::limits::MAX_NAME {
        return None;
    }
    let allowed = (letters / 3).max(1);
    candidates
        .into_iter()
        // Every letter that one has more is to be inserted; most words need no closer look.
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= allowed)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= allowed && distance < candidate.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters to insert, delete, replace or swap with their neighbour; the case of
/// ASCII letters counts for nothing.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|letter| letter.to_ascii_lowercase()).collect();
    // Rows of the usual table: how far each prefix of `b` is from the prefix of `a` so far,
    // from the one a letter shorter, and from the one two letters shorter.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous = None;
    for (i, letter) in a.chars().map(|letter| letter.to_ascii_lowercase()).enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for (j, (&other, diagonal)) in b.iter().zip(row.windows(2)).enumerate() {
            let &[replaced, above] = diagonal else { continue };
            left = (left + 1).min(above + 1).min(replaced + usize::from(letter != other));
            let swapped = j.checked_sub(1).and_then(|j| Some((*b.get(j)?, *before.get(j)?)));
            if let Some((other_before, cost)) = swapped
                && other_before == letter
                && previous == Some(other)
            {
                left = left.min(cost + 1);
            }
            next.push(left);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(letter);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("palloc", "palloc"), 0);
        assert_eq!(distance("raed", "read"), 1);
        assert_eq!(distance("reed", "read"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("WORK", "work"), 0);
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("raed", ["update", "read", "repeat"]), Some("read"));
        assert_eq!(nearest("topmemorycontext", ["TopMemoryContext"]), Some("TopMemoryContext"));
        assert_eq!(nearest("vacuum", ["read", "update"]), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["read"]), None);
    }
}
