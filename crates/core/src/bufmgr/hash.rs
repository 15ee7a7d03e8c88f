//! Which partition of the lookup table a page falls in (`BufTableHashCode`, `buf_table.c`;
//! `BufMappingPartitionLock`, `buf_internals.h`; `hash_bytes`, `hashfn.c`).
//!
//! The table has 128 partitions with a lock each, so that backends that look up different pages seldom
//! meet. The tag's hash decides, and in the table itself it decides the bucket.

/// `NUM_BUFFER_PARTITIONS`
pub const NUM_BUFFER_PARTITIONS: u32 = 128;

/// Bob Jenkins' `mix`: turn what was added into each of the three words.
fn mix([mut a, mut b, mut c]: [u32; 3]) -> [u32; 3] {
    for (by_c, by_a, by_b) in [(4, 6, 8), (16, 19, 4)] {
        a = a.wrapping_sub(c) ^ c.rotate_left(by_c);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(by_a);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(by_b);
        b = b.wrapping_add(a);
    }
    [a, b, c]
}

/// His `final`.
fn finish([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// `hash_bytes` of a tag: tablespace, database, file, fork, block.
pub fn buf_table_hash_code(tag: [u32; 5]) -> u32 {
    let start = 0x9e37_79b9_u32.wrapping_add(size_of_val(&tag) as u32).wrapping_add(3_923_095);
    let [one, two, three, four, five] = tag;
    let add = start.wrapping_add(three);
    let [a, b, c] = mix([start.wrapping_add(one), start.wrapping_add(two), add]);
    finish([a.wrapping_add(four), b.wrapping_add(five), c])
}

/// `BufTableHashPartition`
pub fn buf_table_hash_partition(hash: u32) -> u32 {
    hash % NUM_BUFFER_PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_a_real_server() {
        // hashtext() of 20 letters, in 15.20.
        for (text, hash) in [
            ("aaaaaaaaaaaaaaaaaaaa", -1_116_958_909),
            ("0123456789abcdefghij", 908_101_707),
            ("The clock sweep ends", -1_624_011_240),
        ] {
            let word = |at: usize| {
                let bytes = text.as_bytes()[4 * at..4 * at + 4].try_into().unwrap_or_default();
                u32::from_le_bytes(bytes)
            };
            let tag = [0, 1, 2, 3, 4].map(word);
            assert_eq!(buf_table_hash_code(tag) as i32, hash, "{text}");
        }
    }
}
