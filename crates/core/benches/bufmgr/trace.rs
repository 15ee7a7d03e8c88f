//! The trace: reads of one relation's pages after Zipf's law, from a seed.
//!
//! A page's rank says how hot it is; where it lies says nothing, as a table's hot rows lie anywhere.

/// What a trace follows from.
#[derive(Clone, Copy)]
pub(crate) struct Parameters {
    pub(crate) reads: usize,
    pub(crate) pages: u32,
    pub(crate) exponent: f64,
    pub(crate) seed: u64,
}

/// What is measured unless somebody asks for something else, and the pools.
pub(crate) const SHARED: Parameters =
    Parameters { reads: 20_000_000, pages: 1_000_000, exponent: 0.9, seed: 1 };
pub(crate) const POOLS: [u32; 3] = [1024, 16_384, 131_072];

/// One of the ranks with the probability that it is due; else another's turn (Walker's alias
/// method: a draw costs the same however many pages there are).
struct Column {
    own: f64,
    other: u32,
}

/// The blocks read, in order.
pub(crate) fn make(parameters: Parameters) -> Vec<u32> {
    let Parameters { reads, pages, exponent, seed } = parameters;
    let columns = columns(pages, exponent);
    let step = stride(pages);
    let mut state = seed | 1;
    let mut random = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(2_685_821_657_736_338_717)
    };
    let draw = |_| {
        let column = ((u128::from(random()) * u128::from(pages)) >> 64) as u32;
        let point = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        let Column { own, other } = columns[column as usize];
        let rank = if point < own { column } else { other };
        (u64::from(rank) * step % u64::from(pages)) as u32
    };
    (0..reads).map(draw).collect()
}

fn columns(pages: u32, exponent: f64) -> Vec<Column> {
    let weights: Vec<f64> = (1..=pages).map(|rank| f64::from(rank).powf(-exponent)).collect();
    let mean = weights.iter().sum::<f64>() / f64::from(pages);
    let mut columns: Vec<Column> = weights
        .iter()
        .zip(0..)
        .map(|(weight, rank)| Column { own: weight / mean, other: rank })
        .collect();
    let (mut small, mut large): (Vec<u32>, Vec<u32>) =
        (0..pages).partition(|rank| columns[*rank as usize].own < 1.0);
    while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
        columns[poor as usize].other = rich;
        let left = columns[rich as usize].own - (1.0 - columns[poor as usize].own);
        columns[rich as usize].own = left;
        if left < 1.0 {
            large.pop();
            small.push(rich);
        }
    }
    columns
}

/// A number that shares no divisor with `pages`, so that its multiples visit all of them.
fn stride(pages: u32) -> u64 {
    fn divisor(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { divisor(b, a % b) }
    }
    let pages = u64::from(pages);
    (pages * 5 / 8 + 1..).find(|step| divisor(*step, pages) == 1).unwrap_or(1)
}
