//! A set of addresses, for whoever follows links that can lead anywhere.

use std::collections::BTreeSet;

use super::Addr;

/// A set of addresses. It is made of pairs like malloc's free chunks: the page carries the code
/// of one kind of set.
#[derive(Default)]
pub struct AddrSet(BTreeSet<(u64, u64)>);

impl AddrSet {
    /// Adds an address; whether it is new.
    pub fn insert(&mut self, addr: Addr) -> bool {
        self.0.insert((addr.0, 0))
    }

    /// Whether it has an address.
    pub fn contains(&self, addr: Addr) -> bool {
        self.0.contains(&(addr.0, 0))
    }

    /// The addresses in their order.
    pub fn iter(&self) -> impl Iterator<Item = Addr> {
        self.0.iter().map(|(addr, _)| Addr(*addr))
    }
}

impl Extend<Addr> for AddrSet {
    fn extend<T: IntoIterator<Item = Addr>>(&mut self, addrs: T) {
        addrs.into_iter().for_each(|addr| {
            self.insert(addr);
        });
    }
}
