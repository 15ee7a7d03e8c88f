//! Lists through memory that anybody may have written to.
//!
//! PostgreSQL follows a link wherever it leads. A chunk that was freed twice is its own
//! successor, and a server that counts the freelist then goes round for ever. Whoever only looks
//! ends here where the list comes round to a place that it has been at.

use crate::memory::Addr;

/// The members of a list, each found from the one before it.
pub(super) struct Chain<F> {
    next: Option<Addr>,
    follow: F,
    /// A member passed some time ago: to meet it again is to go in a circle (Brent).
    mark: Option<Addr>,
    until_marked: u32,
    stride: u32,
}

/// The list that begins with `first`.
pub(super) fn chain<F: FnMut(Addr) -> Option<Addr>>(first: Option<Addr>, follow: F) -> Chain<F> {
    Chain { next: first, follow, mark: None, until_marked: 0, stride: 1 }
}

impl<F: FnMut(Addr) -> Option<Addr>> Iterator for Chain<F> {
    type Item = Addr;

    fn next(&mut self) -> Option<Addr> {
        let member = self.next?;
        if self.mark == Some(member) {
            self.next = None;
            return None;
        }
        if self.until_marked == 0 {
            self.mark = Some(member);
            self.until_marked = self.stride;
            self.stride = self.stride.saturating_mul(2);
        }
        self.until_marked -= 1;
        self.next = (self.follow)(member);
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(links: &[usize]) -> Vec<u64> {
        let next = |at: Addr| links.get(at.0 as usize).map(|next| Addr(*next as u64));
        chain(Some(Addr(0)), next).map(|at| at.0).collect()
    }

    #[test]
    fn a_list_is_walked_to_its_end() {
        assert_eq!(walk(&[1, 2, 3]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_circle_ends() {
        assert_eq!(walk(&[0]), [0]);
        let walked = walk(&[1, 2, 3, 4, 2]);
        assert!(walked.starts_with(&[0, 1, 2, 3, 4]) && walked.len() < 15, "{walked:?}");
    }
}
