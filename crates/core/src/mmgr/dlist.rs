//! Doubly linked lists through the bytes of their members (`lib/ilist.h`).
//!
//! A list is a ring: its head is a node like the others, and an empty list's head points to
//! itself both ways. So no link is ever null, and a member leaves its list without knowing
//! which one it was.

use super::chain::chain;
use crate::memory::{Addr, Arena, Words};

// struct dlist_node: offsets of its fields.
const PREV: u64 = 0;
const NEXT: u64 = 8;
/// `sizeof(dlist_head)`, which is one node.
pub(super) const DLIST_HEAD: u64 = 16;

/// `dlist_init`.
pub(super) fn init(arena: &mut impl Words, head: Addr) {
    arena.set_ptr(head.offset(PREV), head);
    arena.set_ptr(head.offset(NEXT), head);
}

/// `dlist_head_node`, or `None` if the list is empty.
#[inline]
pub(super) fn first(arena: &impl Words, head: Addr) -> Option<Addr> {
    let first = arena.ptr(head.offset(NEXT));
    (first != head).then_some(first)
}

/// `dlist_is_empty`.
#[inline]
pub(super) fn is_empty(arena: &impl Words, head: Addr) -> bool {
    first(arena, head).is_none()
}

/// `dlist_push_head`.
#[inline]
pub(super) fn push_head(arena: &mut impl Words, head: Addr, node: Addr) {
    let next = arena.ptr(head.offset(NEXT));
    insert_between(arena, head, node, next);
}

/// `dlist_push_tail`.
pub(super) fn push_tail(arena: &mut impl Words, head: Addr, node: Addr) {
    let prev = arena.ptr(head.offset(PREV));
    insert_between(arena, prev, node, head);
}

#[inline]
fn insert_between(arena: &mut impl Words, prev: Addr, node: Addr, next: Addr) {
    arena.set_ptr(node.offset(PREV), prev);
    arena.set_ptr(node.offset(NEXT), next);
    arena.set_ptr(prev.offset(NEXT), node);
    arena.set_ptr(next.offset(PREV), node);
}

/// `dlist_delete`.
#[inline]
pub(super) fn delete(arena: &mut impl Words, node: Addr) {
    let prev = arena.ptr(node.offset(PREV));
    let next = arena.ptr(node.offset(NEXT));
    arena.set_ptr(prev.offset(NEXT), next);
    arena.set_ptr(next.offset(PREV), prev);
}

/// Whether a node and its neighbours are at hand, so that the node can be moved.
#[inline]
pub(super) fn is_at_hand(words: &impl Words, node: Addr) -> bool {
    words.has(node)
        && words.has(node.offset(NEXT))
        && words.has(words.ptr(node.offset(PREV)).offset(NEXT))
        && words.has(words.ptr(node.offset(NEXT)))
}

/// The list's nodes, from its head on.
pub(super) fn nodes(arena: &Arena, head: Addr) -> impl Iterator<Item = Addr> {
    // A head of zeros, which only damage leaves, counts as empty.
    chain(first(arena, head).filter(|node| !node.is_null()), move |node| {
        let next = arena.read_ptr(node.offset(NEXT));
        (next != head).then_some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BackendId;

    #[test]
    fn nodes_come_and_go_at_both_ends() {
        let mut arena = Arena::new();
        let head = Addr::local(BackendId(0));
        let node = |number: u64| head.offset(number * DLIST_HEAD);
        init(&mut arena, head);
        assert!(is_empty(&arena, head));
        push_head(&mut arena, head, node(1));
        push_head(&mut arena, head, node(2));
        push_tail(&mut arena, head, node(3));
        assert_eq!(nodes(&arena, head).collect::<Vec<_>>(), [node(2), node(1), node(3)]);
        delete(&mut arena, node(1));
        assert_eq!(nodes(&arena, head).collect::<Vec<_>>(), [node(2), node(3)]);
        delete(&mut arena, node(2));
        delete(&mut arena, node(3));
        assert!(is_empty(&arena, head));
    }
}
