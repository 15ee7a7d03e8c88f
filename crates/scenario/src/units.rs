//! Numbers with PostgreSQL's units, as in its settings: `128kB`, `200ms`.

use std::fmt;

use pgscope_core::server::settings::{MIN_SHARED_BUFFERS, MIN_TEMP_BUFFERS};

use crate::decimal::Decimal;
use crate::diagnostic::{Problem, Span};

/// A unit and how many of the smallest one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// As it is written.
    pub name: &'static str,
    /// In bytes, or in microseconds.
    pub scale: u64,
}

/// Units of memory (`memory_unit_conversion_table` in `guc.c`), in bytes.
pub const MEMORY_UNITS: &[Unit] = &[
    Unit { name: "B", scale: 1 },
    Unit { name: "kB", scale: 1 << 10 },
    Unit { name: "MB", scale: 1 << 20 },
    Unit { name: "GB", scale: 1 << 30 },
    Unit { name: "TB", scale: 1 << 40 },
];

/// Units of time (`time_unit_conversion_table` in `guc.c`), in microseconds.
pub const TIME_UNITS: &[Unit] = &[
    Unit { name: "us", scale: 1 },
    Unit { name: "ms", scale: 1_000 },
    Unit { name: "s", scale: 1_000_000 },
    Unit { name: "min", scale: 60_000_000 },
    Unit { name: "h", scale: 3_600_000_000 },
    Unit { name: "d", scale: 86_400_000_000 },
];

/// The first number that is no size: one more than the largest `u64`.
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// A number as written, with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The number before the unit; finite.
    pub value: f64,
    /// The same if it is whole: a double keeps only 53 bits of it.
    pub digits: Option<u64>,
    /// The unit, if one is written.
    pub unit: Option<Unit>,
    /// Where it stands.
    pub span: Span,
}

impl Quantity {
    /// How many bytes or microseconds it is, if a number without a unit counts in `scale`.
    pub fn amount(&self, scale: u64) -> f64 {
        self.value * self.unit.map_or(scale, |unit| unit.scale) as f64
    }

    /// Like [`Quantity::amount`], for what there are only whole ones of, to the last one.
    pub(crate) fn whole(&self, what: &str) -> Result<u64, Problem> {
        let amount = self.amount(1);
        if amount.fract() != 0.0 {
            return Err(Problem::new(self.span, format!("{what} must be a whole number")));
        }
        let exact = match self.digits {
            Some(digits) => digits.checked_mul(self.unit.map_or(1, |unit| unit.scale)),
            None => (amount < TWO_TO_64).then_some(amount as u64),
        };
        exact.ok_or_else(|| Problem::new(self.span, "this number is too large"))
    }

    /// The value of a setting that is kept in units of `base`, checked and rounded as
    /// PostgreSQL does it for a number in the configuration file (`parse_and_validate_value`).
    pub(crate) fn setting(&self, setting: &Setting) -> Result<u32, Problem> {
        let value = (self.amount(setting.base) / setting.base as f64).round_ties_even();
        let Setting { name, unit, min, max, .. } = setting;
        if (f64::from(*min)..=f64::from(*max)).contains(&value) {
            return Ok(value as u32);
        }
        let value = Decimal(value);
        Err(Problem::new(
            self.span,
            format!(
                "{value}{unit} is outside the valid range for parameter \"{name}\" \
                 ({min}{unit} .. {max}{unit})"
            ),
        ))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.map_or("", |unit| unit.name);
        match self.digits {
            Some(digits) => write!(f, "{digits}{unit}"),
            None => write!(f, "{}{unit}", Decimal(self.value)),
        }
    }
}

/// An integer setting of PostgreSQL (`config_int` in `guc_tables.h`).
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// The unit in PostgreSQL's messages, with a space before it.
    pub(crate) unit: &'static str,
    /// That unit in bytes or microseconds.
    pub(crate) base: u64,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

pub(crate) const SHARED_BUFFERS: Setting = Setting {
    name: "shared_buffers",
    unit: " 8kB",
    base: 8192,
    min: MIN_SHARED_BUFFERS,
    max: 1_073_741_823,
};
pub(crate) const TEMP_BUFFERS: Setting = Setting {
    name: "temp_buffers",
    unit: " 8kB",
    base: 8192,
    min: MIN_TEMP_BUFFERS,
    max: 1_073_741_823,
};
pub(crate) const VACUUM_BUFFER_USAGE_LIMIT: Setting = Setting {
    name: "vacuum_buffer_usage_limit",
    unit: " kB",
    base: 1024,
    min: 128,
    max: 16_777_216,
};
pub(crate) const BGWRITER_DELAY: Setting =
    Setting { name: "bgwriter_delay", unit: " ms", base: 1_000, min: 10, max: 10_000 };
pub(crate) const BGWRITER_LRU_MAXPAGES: Setting =
    Setting { name: "bgwriter_lru_maxpages", unit: "", base: 1, min: 0, max: 1_073_741_823 };

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(value: f64, unit: Option<Unit>) -> Quantity {
        Quantity { value, digits: None, unit, span: Span::default() }
    }

    #[test]
    fn a_size_is_exact_or_refused() {
        let size = |digits: u64, unit| {
            let value = digits as f64;
            let quantity = Quantity { digits: Some(digits), ..quantity(value, unit) };
            assert_eq!(quantity.to_string(), format!("{digits}{}", unit.map_or("", |u| u.name)));
            quantity.whole("a size").map_err(|problem| problem.locate("").message)
        };
        let [_, kb, .., tb] = MEMORY_UNITS else { panic!("units are missing") };
        assert_eq!(size(9_007_199_254_740_993, None), Ok(9_007_199_254_740_993));
        assert_eq!(size(u64::MAX, None), Ok(u64::MAX));
        assert_eq!(size((1 << 54) - 1, Some(*kb)), Ok(((1 << 54) - 1) << 10));
        assert_eq!(size(1 << 24, Some(*tb)), Err("this number is too large".to_owned()));
        let half = quantity(0.5, Some(*kb)).whole("a size");
        assert!(matches!(half, Ok(512)));
        assert!(quantity(0.5, None).whole("a size").is_err());
        assert!(quantity(33_554_432.5, Some(*tb)).whole("a size").is_err());
    }

    #[test]
    fn settings_round_and_have_a_range() {
        let kb = Some(MEMORY_UNITS[1]);
        assert_eq!(quantity(16.0, None).setting(&SHARED_BUFFERS).unwrap(), 16);
        assert_eq!(quantity(128.0, kb).setting(&SHARED_BUFFERS).unwrap(), 16);
        assert_eq!(quantity(132.0, kb).setting(&SHARED_BUFFERS).unwrap(), 16);
        assert_eq!(quantity(133.0, kb).setting(&SHARED_BUFFERS).unwrap(), 17);
        assert_eq!(quantity(1.0, Some(TIME_UNITS[2])).setting(&BGWRITER_DELAY).unwrap(), 1000);
        let error = quantity(8.0, kb).setting(&SHARED_BUFFERS).unwrap_err().locate("");
        assert_eq!(
            error.message,
            "1 8kB is outside the valid range for parameter \"shared_buffers\" \
             (16 8kB .. 1073741823 8kB)"
        );
    }
}
