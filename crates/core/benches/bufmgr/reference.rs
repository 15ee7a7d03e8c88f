//! The clock as anybody would write it down: three arrays and a hand, nothing of the core's.

/// The misses of a pool of `buffers` whose usage counts go up to `cap`.
pub(crate) fn misses(trace: &[u32], pages: u32, buffers: u32, cap: u8) -> u64 {
    const NOWHERE: u32 = u32::MAX;
    let mut buffer_of_page = vec![NOWHERE; pages as usize];
    let mut page_in_buffer = vec![NOWHERE; buffers as usize];
    let mut usage_count = vec![0_u8; buffers as usize];
    let (mut used, mut hand, mut misses) = (0, 0, 0);
    for &page in trace {
        let buffer = buffer_of_page[page as usize];
        if buffer != NOWHERE {
            let count = &mut usage_count[buffer as usize];
            *count = (*count + 1).min(cap);
            continue;
        }
        misses += 1;
        let victim = if used < buffers {
            used += 1;
            used - 1
        } else {
            loop {
                let looked_at = hand;
                hand = (hand + 1) % buffers;
                match &mut usage_count[looked_at as usize] {
                    0 => break looked_at,
                    count => *count -= 1,
                }
            }
        };
        let old = page_in_buffer[victim as usize];
        if old != NOWHERE {
            buffer_of_page[old as usize] = NOWHERE;
        }
        buffer_of_page[page as usize] = victim;
        page_in_buffer[victim as usize] = page;
        usage_count[victim as usize] = 1;
    }
    misses
}
