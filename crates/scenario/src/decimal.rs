//! Numbers with a decimal point, rounded as IEEE 754 wants them.
//!
//! The standard library reads any number of digits and needs a table of 10 kB for that, which no
//! compression makes smaller: a thirtieth of what the whole page may weigh; what it takes to write
//! them weighs half as much again. Nineteen digits are enough for every number in a scenario and
//! every number that a formatter writes, and for these one division of integers is exact.

use std::fmt;

/// The most digits that count, and the most behind the point.
const DIGITS: u32 = 19;

/// The value of digits with at most one point among them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(text: &str) -> Result<f64, &'static str> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut digits = 0_u64;
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = digit.to_digit(10).ok_or("expected a number")?;
        let more = digits.checked_mul(10).and_then(|tens| tens.checked_add(digit.into()));
        digits = more.ok_or(match fraction {
            "" => "this number is too large",
            _ => "this number has too many digits",
        })?;
    }
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= DIGITS);
    let places = places.ok_or("this number has too many digits")?;
    Ok(quotient(digits, 10_u64.pow(places)))
}

/// `over / under`, rounded once, to the nearest and to even.
fn quotient(over: u64, under: u64) -> f64 {
    if over == 0 {
        return 0.0;
    }
    // With the first bit of 128 set, the quotient has 64 bits or more, and a double keeps 53.
    let over = u128::from(over);
    let shift = over.leading_zeros();
    let (over, under) = (over << shift, u128::from(under));
    let (quotient, rest) = (over / under, over % under);
    // What is cut off only matters by being there.
    let quotient = quotient | u128::from(rest > 0);
    // Dividing by a power of two rounds nothing: the value is far from the least double.
    quotient as f64 / (1_u128 << (shift / 2)) as f64 / (1_u128 << (shift - shift / 2)) as f64
}

/// A number that is not negative, as the shortest text that [`parse`] reads as the same.
#[derive(Clone, Copy)]
pub(crate) struct Decimal(pub(crate) f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.abs();
        if self.0 < 0.0 {
            f.write_str("-")?;
        }
        let mut places = 0;
        loop {
            let under = 10_u64.pow(places);
            let digits = rounded_product(value, under);
            if places < DIGITS && quotient_of(digits, under) != Some(value) {
                places += 1;
                continue;
            }
            // No number that is read is larger.
            let digits = u64::try_from(digits).unwrap_or(u64::MAX);
            let (whole, rest) = (digits / under, digits % under);
            return match places as usize {
                0 => write!(f, "{whole}"),
                places => write!(f, "{whole}.{rest:0places$}"),
            };
        }
    }
}

/// [`quotient`], if there are not too many digits for it.
fn quotient_of(over: u128, under: u64) -> Option<f64> {
    match under {
        1 => Some(over as f64),
        _ => Some(quotient(u64::try_from(over).ok()?, under)),
    }
}

/// `value * by`, exact to the last bit and then rounded to the nearest integer.
fn rounded_product(value: f64, by: u64) -> u128 {
    const FRACTION: u32 = 52;
    let (bits, hidden) = (value.to_bits(), 1_u64 << FRACTION);
    // No number here is so near to zero that it has lost its hidden bit.
    let mantissa = if value > 0.0 { (bits % hidden) | hidden } else { 0 };
    let product = u128::from(mantissa) * u128::from(by);
    let exponent = (bits >> FRACTION) as i32 - 1023 - FRACTION as i32;
    match (exponent.unsigned_abs(), exponent < 0) {
        (shift, false) => product.checked_shl(shift).unwrap_or(u128::MAX),
        (shift, true) => match product.checked_shr(shift - 1) {
            Some(twice) => twice.div_ceil(2),
            None => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, parse};
    use proptest::prelude::*;

    #[test]
    fn too_much_is_refused() {
        assert_eq!(parse("18446744073709551615"), Ok(18_446_744_073_709_551_615.0));
        assert!(parse("18446744073709551616").is_err());
        assert!(parse("0.00000000000000000001").is_err());
        assert!(parse("1.2.3").is_err());
        assert_eq!(parse("1.50000000000000000000000000"), Ok(1.5));
        assert_eq!(parse("."), Ok(0.0));
    }

    proptest! {
        #[test]
        fn as_the_standard_library_has_it(whole in "[0-9]{1,9}", fraction in "[0-9]{0,10}") {
            let text = format!("{whole}.{fraction}");
            prop_assert_eq!(parse(&text), Ok(text.parse().unwrap()));
        }

        #[test]
        fn what_is_written_is_read_again(value in 0.000_1_f64..1e6) {
            prop_assert_eq!(parse(&value.to_string()), Ok(value));
            prop_assert_eq!(parse(&Decimal(value).to_string()), Ok(value));
        }

        #[test]
        fn what_is_read_is_written_as_the_standard_library_has_it(
            digits in 0..=9_999_999_999_999_999_u64,
            places in 0..=19_u32,
        ) {
            let value = super::quotient(digits, 10_u64.pow(places));
            prop_assert_eq!(Decimal(value).to_string(), value.to_string());
        }
    }
}
