//! Random draws without a generator that has to be wound forward.
//!
//! A draw is a function of the scenario's seed and the step's number alone, so that any step
//! can be computed without those before it. And it is the same in a browser and in a
//! terminal: logarithms come from `libm`, which is written in plain arithmetic, because the
//! platform's own differ in the last bit.

use pgscope_core::ids::BlockNumber;

/// How a page is drawn from a table.
#[derive(Clone, Copy, Debug)]
pub enum Distribution {
    /// Every page is equally likely.
    Uniform {
        /// Pages of the table.
        pages: BlockNumber,
    },
    /// The first pages are likelier.
    Zipf(Zipf),
    /// One after the other, over and over.
    Loop {
        /// Pages of the table.
        pages: BlockNumber,
    },
    /// The first `hot` pages with a probability, else the others one after the other.
    Hot {
        /// Hot pages.
        hot: BlockNumber,
        /// Pages of the table.
        pages: BlockNumber,
        /// The probability.
        share: f64,
    },
}

impl Distribution {
    /// The block that `step` draws; its statement has drawn `turn` blocks before.
    pub fn draw(&self, seed: u64, step: u64, turn: u64) -> BlockNumber {
        let seed = mix(mix(seed).wrapping_add(step));
        match self {
            Self::Uniform { pages } => uniform(seed, *pages),
            Self::Zipf(zipf) => zipf.draw(seed),
            Self::Loop { pages } => (turn % u64::from(*pages).max(1)) as BlockNumber,
            Self::Hot { hot, pages, share } => {
                let cold = pages.saturating_sub(*hot);
                if cold == 0 || unit(seed) < *share {
                    return uniform(mix(seed), *hot);
                }
                hot + (turn % u64::from(cold)) as BlockNumber
            }
        }
    }
}

/// A number below `most` that `step` draws.
pub(crate) fn between(seed: u64, step: u64, most: u64) -> u64 {
    let bits = mix(mix(mix(seed).wrapping_add(step)));
    ((u128::from(bits) * u128::from(most)) >> 64) as u64
}

/// Zipf's law over blocks: block *k* - 1 with a probability in proportion to 1/*k*^*s*, so
/// block 0 is the hottest.
///
/// Rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates
/// from monotone discrete distributions", 1996) needs no table, however many pages there
/// are. The curve *x*^-*s* is a hat over the steps of the distribution: draw a point of the
/// area under the hat, find its *x* by inverting the integral, round to the nearest *k*, and
/// keep *k* if the point lies within the part of the area that is *k*'s due. As they show, that part
/// begins nowhere farther below *k* than at 2, so most points need no look at where it does.
#[derive(Clone, Copy, Debug)]
pub struct Zipf {
    pages: BlockNumber,
    exponent: f64,
    /// The integral where *k* = 1 begins, and where the last page ends.
    area: (f64, f64),
    /// No farther than this below a *k* is its due for sure.
    near: f64,
    /// The last *k* of which that can be told in spite of rounding.
    sure: f64,
}

impl Zipf {
    /// More draws than this are never needed: each is kept with a probability over a half.
    const ATTEMPTS: u64 = 64;
    /// What is left of the nearness for rounding, in pages.
    const MARGIN: f64 = 1e-3;
    /// A bound of what rounding does to an area, relative to the whole.
    const ROUNDING: f64 = 1e-12;

    /// The law with this exponent, which must be above 0, over so many pages.
    pub fn new(exponent: f64, pages: BlockNumber) -> Self {
        let area = (integral(1.5, exponent) - 1.0, integral(f64::from(pages) + 0.5, exponent));
        let due = libm::exp(-exponent * libm::log(2.0));
        let near = 2.0 - inverse_integral(integral(2.5, exponent) - due, exponent) - Self::MARGIN;
        // Where the hat is so high that the margin's area is far more than what rounding takes.
        let scale = 1.0_f64.max(area.0.abs()).max(area.1.abs());
        let height = Self::ROUNDING * scale / Self::MARGIN;
        let sure = libm::floor(libm::exp(-libm::log(height) / exponent)) - 1.0;
        Self { pages, exponent, area, near, sure }
    }

    fn draw(&self, seed: u64) -> BlockNumber {
        let (begin, end) = self.area;
        for attempt in 0..Self::ATTEMPTS {
            let point = end + unit(mix(seed.wrapping_add(attempt))) * (begin - end);
            let x = inverse_integral(point, self.exponent);
            let rank = (libm::round(x) as BlockNumber).clamp(1, self.pages.max(1));
            let k = f64::from(rank);
            if k - x <= self.near && k <= self.sure {
                return rank - 1;
            }
            let due = libm::exp(-self.exponent * libm::log(k));
            if point >= integral(k + 0.5, self.exponent) - due {
                return rank - 1;
            }
        }
        0
    }
}

/// The upper half of a product spreads 64 random bits evenly over the pages.
fn uniform(seed: u64, pages: BlockNumber) -> BlockNumber {
    ((u128::from(mix(seed)) * u128::from(pages)) >> 64) as BlockNumber
}

/// The integral of *x*^-*s* from 1.
fn integral(x: f64, s: f64) -> f64 {
    let t = 1.0 - s;
    if t == 0.0 { libm::log(x) } else { libm::expm1(t * libm::log(x)) / t }
}

/// The *x* where the integral is `area`.
fn inverse_integral(area: f64, s: f64) -> f64 {
    let t = 1.0 - s;
    if t == 0.0 { libm::exp(area) } else { libm::exp(libm::log1p((t * area).max(-1.0)) / t) }
}

/// A number in 0 .. 1, both ends away.
fn unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Bits that look random: the step and finalizer of SplitMix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(distribution: &Distribution, pages: usize, draws: u64) -> Vec<f64> {
        let mut counts = vec![0.0; pages];
        for step in 0..draws {
            counts[distribution.draw(7, step, 0) as usize] += 1.0 / draws as f64;
        }
        counts
    }

    #[test]
    fn zipf_has_its_frequencies() {
        for exponent in [0.5, 1.0, 1.1, 3.0] {
            let found = counts(&Distribution::Zipf(Zipf::new(exponent, 20)), 20, 50_000);
            let weights: Vec<f64> = (1..=20).map(|k| f64::from(k).powf(-exponent)).collect();
            let total: f64 = weights.iter().sum();
            for (found, weight) in found.iter().zip(weights) {
                assert!((found - weight / total).abs() < 0.01, "exponent {exponent}");
            }
        }
    }

    #[test]
    fn what_is_near_would_have_been_kept() {
        for exponent in [1e-9, 0.01, 0.5, 0.9, 0.999_999, 1.0, 1.1, 1.5, 2.0, 3.0, 10.0] {
            for pages in [1, 2, 3, 7, 1_000, 100_000, 10_000_000, u32::MAX - 1] {
                let zipf = Zipf::new(exponent, pages);
                let slow = Zipf { sure: 0.0, ..zipf };
                let mut near = 0;
                for seed in 0..4_000 {
                    let seed = mix(seed);
                    assert_eq!(zipf.draw(seed), slow.draw(seed), "{exponent} {pages} {seed}");
                    near += u32::from(f64::from(zipf.draw(seed)) < zipf.sure);
                }
                let usual = (0.5..=1.5).contains(&exponent) && pages <= 1_000;
                assert!(!usual || near > 3_000, "{exponent} {pages}: {near}");
            }
        }
    }

    #[test]
    fn uniform_is_even() {
        for found in counts(&Distribution::Uniform { pages: 20 }, 20, 50_000) {
            assert!((found - 0.05).abs() < 0.01);
        }
    }

    #[test]
    fn huge_tables_and_steep_exponents_stay_in_range() {
        for (pages, exponent) in [(1, 1.0), (u32::MAX - 1, 0.01), (u32::MAX - 1, 10.0), (2, 1e-9)] {
            let zipf = Distribution::Zipf(Zipf::new(exponent, pages));
            assert!((0..1_000).all(|step| zipf.draw(1, step, 0) < pages));
        }
    }

    #[test]
    fn a_loop_and_a_scan_around_a_hot_set() {
        let draws = |d: &Distribution| (0..6).map(|turn| d.draw(7, turn, turn)).collect::<Vec<_>>();
        assert_eq!(draws(&Distribution::Loop { pages: 4 }), [0, 1, 2, 3, 0, 1]);
        let hot = Distribution::Hot { hot: 2, pages: 20, share: 0.5 };
        let found = counts(&hot, 20, 50_000);
        assert!((found[0] - 0.25).abs() < 0.01 && (found[1] - 0.25).abs() < 0.01);
        let cold = |turn: u64| Some(hot.draw(7, turn, turn)).filter(|block| *block >= 2);
        assert!(
            (0..1_000).all(|turn| cold(turn).is_none_or(|block| block == 2 + turn as u32 % 18))
        );
    }

    #[test]
    fn draws_never_change() {
        // Links out there stand for exactly these draws.
        let zipf = Distribution::Zipf(Zipf::new(1.1, 200));
        let uniform = Distribution::Uniform { pages: 200 };
        let draws = |d: &Distribution| (0..8).map(|step| d.draw(7, step, 0)).collect::<Vec<_>>();
        assert_eq!(draws(&zipf), [3, 0, 13, 0, 7, 1, 11, 0]);
        assert_eq!(draws(&uniform), [121, 196, 74, 163, 95, 151, 82, 159]);
    }
}
