//! Lengths and shares as texts, for SVG and CSS.
//!
//! Rust's own way to print a float finds the shortest text that reads as the same double, and its
//! code and tables would weigh more than any picture. A picture needs three places at most.

use std::fmt;

/// A number with as many decimal places as the precision says, one if it says nothing, and no
/// zeros at its end: `{:.2}` of 1.50 is "1.5".
#[derive(Clone, Copy)]
pub struct Short(pub f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut places = f.precision().unwrap_or(1).min(3);
        let unit = [1.0, 10.0, 100.0, 1000.0].get(places).copied().unwrap_or(1.0);
        let scaled = (self.0 * unit).round() as i64;
        let (mut digits, mut unit) = (scaled.unsigned_abs(), unit as u64);
        while places > 0 && digits.is_multiple_of(10) {
            (places, digits, unit) = (places - 1, digits / 10, unit / 10);
        }
        let (sign, whole) = (if scaled < 0 { "-" } else { "" }, digits / unit);
        match places {
            0 => write!(f, "{sign}{whole}"),
            _ => write!(f, "{sign}{whole}.{:0places$}", digits % unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Short;

    #[test]
    fn zeros_at_the_end_are_left_out() {
        let text = |value| format!("{} {:.2} {:.3}", Short(value), Short(value), Short(value));
        assert_eq!(text(1.5), "1.5 1.5 1.5");
        assert_eq!(text(-0.046), "0 -0.05 -0.046");
        assert_eq!(text(99.9996), "100 100 100");
        assert_eq!(text(-12.005), "-12 -12.01 -12.005");
        assert_eq!(text(0.0), "0 0 0");
    }
}
