//! Who is whose parent in the tree, and which families the reader has closed.

use pgscope_core::memory::Addr;
use pgscope_core::views::ContextRow;

/// A context's place among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kin {
    /// Its parent's number in the tree.
    pub(super) parent: Option<usize>,
    /// Which of its parent's children it is, from 1.
    pub(super) place: usize,
    /// How many those are.
    pub(super) siblings: usize,
    /// Contexts within it, at any depth.
    pub(super) within: usize,
    /// The context that is looked at is within it.
    pub(super) holds_open: bool,
    /// It is closed: what is within is not shown.
    pub(super) shut: bool,
    /// It is within a closed one.
    pub(super) hidden: bool,
}

/// The kin of each context, each family in one piece behind its head. What is looked at is shown
/// wherever it is, so who holds it can't be closed.
pub(super) fn kin(rows: &[&ContextRow], closed: &[Addr], open: Addr) -> Vec<Kin> {
    let mut kin = vec![Kin::default(); rows.len()];
    let mut children = vec![0; rows.len() + 1];
    // The last context of each level so far is the parent of what comes in the level below.
    let mut heads: Vec<usize> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        while heads.last().is_some_and(|head| rows[*head].level >= row.level) {
            heads.pop();
        }
        let parent = heads.last().copied();
        heads.push(number);
        let born = &mut children[parent.unwrap_or(rows.len())];
        *born += 1;
        kin[number] = Kin { parent, place: *born, ..Kin::default() };
    }
    for number in (0..rows.len()).rev() {
        kin[number].siblings = children[kin[number].parent.unwrap_or(rows.len())];
        if let Some(parent) = kin[number].parent {
            kin[parent].within += 1 + kin[number].within;
            kin[parent].holds_open |= kin[number].holds_open || rows[number].addr == open;
        }
    }
    for number in 0..rows.len() {
        let outer = kin[number].parent.map(|parent| kin[parent]);
        let it = &mut kin[number];
        it.hidden = outer.is_some_and(|outer| outer.hidden || outer.shut);
        it.shut = it.within > 0 && !it.holds_open && closed.contains(&rows[number].addr);
    }
    kin
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::views;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_closed_family_is_out_of_sight_unless_somebody_looks_at_it() {
        let server = crate::paint::cells::tests::busy();
        let (backend, _) = server.backends().next().expect("one is connected");
        let rows = views::contexts(&server, backend);
        let rows: Vec<&ContextRow> = rows.iter().collect();
        let root = rows[0].addr;
        let all = kin(&rows, &[], root);
        assert_eq!(all[0].within, rows.len() - 1);
        assert!(all.iter().all(|it| !it.hidden && !it.shut && it.place <= it.siblings));
        assert_eq!((all[0].place, all[0].siblings), (1, 1));

        let alone = kin(&rows, &[root], root);
        assert!(alone[0].shut && alone[1..].iter().all(|it| it.hidden));
        let last = rows[rows.len() - 1].addr;
        let looked_at = kin(&rows, &[root], last);
        assert!(looked_at.iter().all(|it| !it.hidden) && looked_at[0].holds_open);
    }
}
