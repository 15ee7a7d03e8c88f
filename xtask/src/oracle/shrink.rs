//! Delta debugging: the shortest part of a list that still fails.
//!
//! Parts of ever smaller size are left out, one at a time. All candidates of a round are judged at
//! once, since asking a server about many costs hardly more than asking it about one.

/// A part of `items` that fails as they do, and of which no single item can be left out. `judge`
/// says of each candidate whether it fails.
pub(super) fn shortest<T: Clone, E>(
    items: &[T],
    mut judge: impl FnMut(&[Vec<T>]) -> Result<Vec<bool>, E>,
) -> Result<Vec<T>, E> {
    let mut left = items.to_vec();
    let mut parts = 2;
    while left.len() > 1 {
        let size = left.len().div_ceil(parts);
        let starts: Vec<usize> = (0..left.len()).step_by(size).collect();
        let without = |dropped: &[usize]| -> Vec<T> {
            let kept = left.chunks(size).enumerate().filter(|(part, _)| !dropped.contains(part));
            kept.flat_map(|(_, items)| items.iter().cloned()).collect()
        };
        let candidates: Vec<Vec<T>> = (0..starts.len()).map(|part| without(&[part])).collect();
        let failing = judge(&candidates)?;
        let dispensable: Vec<usize> = (0..starts.len()).filter(|part| failing[*part]).collect();
        let Some(&first) = dispensable.first() else {
            if size == 1 {
                break;
            }
            parts = (parts * 2).min(left.len());
            continue;
        };
        // What can be left out alone can often be left out together.
        let together = without(&dispensable);
        left = if !together.is_empty() && judge(std::slice::from_ref(&together))? == [true] {
            together
        } else {
            candidates[first].clone()
        };
        parts = parts.min(left.len()).max(2);
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(items: &[u32], fails: impl Fn(&[u32]) -> bool) -> Vec<u32> {
        let judged: Result<_, ()> = shortest(items, |candidates| {
            Ok(candidates.iter().map(|candidate| fails(candidate)).collect())
        });
        judged.unwrap()
    }

    #[test]
    fn only_what_is_needed_is_left() {
        let items: Vec<u32> = (0..1000).collect();
        let needed = [3, 499, 500, 998];
        let fails = |part: &[u32]| needed.iter().all(|item| part.contains(item));
        assert_eq!(shrunk(&items, fails), needed);
    }

    #[test]
    fn what_depends_on_each_other_goes_together() {
        // An even number needs the odd one before it; five of them fail.
        let items: Vec<u32> = (0..200).collect();
        let fails = |part: &[u32]| {
            part.iter().filter(|n| *n % 2 == 0 && part.contains(&(*n + 1))).count() >= 5
        };
        assert_eq!(shrunk(&items, fails).len(), 10);
    }

    #[test]
    fn one_item_is_never_shortened() {
        assert_eq!(shrunk(&[7], |_| true), [7]);
    }
}
