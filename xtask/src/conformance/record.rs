//! Comparing one record with what the core did.

use serde_json::Value;

/// What a trace came to.
pub(crate) enum Verdict {
    /// Every operation gave the same.
    Equal {
        /// Operations compared.
        compared: u64,
    },
    /// One did not.
    Differs {
        /// Operations compared, the differing one included.
        compared: u64,
        /// Which, and what was expected and got.
        difference: String,
    },
    /// It uses something that the core does not have.
    Unsupported(String),
}

/// Why a replay ended early.
pub(super) enum Stop {
    /// A result differs.
    Differs(String),
    /// Something that the core does not have.
    Unsupported(String),
}

/// One operation of a trace.
pub(super) struct Record<'a>(pub(super) &'a Value);

impl Record<'_> {
    /// A number that must be there.
    pub(super) fn number(&self, field: &str) -> Result<u64, Stop> {
        self.0[field].as_u64().ok_or_else(|| Stop::Differs(format!("  no {field} in {}", self.0)))
    }

    /// A number, or this if it is absent.
    pub(super) fn number_or(&self, field: &str, absent: u64) -> u64 {
        self.0[field].as_u64().unwrap_or(absent)
    }

    /// A small number that must be there.
    pub(super) fn small(&self, field: &str) -> Result<u32, Stop> {
        u32::try_from(self.number(field)?)
            .map_err(|_| Stop::Differs(format!("  {field} out of range in {}", self.0)))
    }

    /// A word; empty if it is absent.
    pub(super) fn word(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or("")
    }

    /// Whether the field is there and not null.
    pub(super) fn has(&self, field: &str) -> bool {
        !self.0[field].is_null()
    }

    /// Compare one field.
    pub(super) fn same(&self, field: &str, expected: &Value, got: &Value) -> Result<(), Stop> {
        if expected == got {
            return Ok(());
        }
        Err(Stop::Differs(format!(
            "  operation {}: {}\n  {field}: expected {expected}, got {got}",
            self.0["i"], self.0
        )))
    }

    /// Compare one field of the record; `absent` is what its absence means.
    pub(super) fn check(
        &self,
        field: &str,
        absent: impl Into<Value>,
        got: impl Into<Value>,
    ) -> Result<(), Stop> {
        let expected =
            if self.0.get(field).is_some() { self.0[field].clone() } else { absent.into() };
        self.same(field, &expected, &got.into())
    }
}

/// The verdict on a replay that compared this many operations.
pub(super) fn verdict(result: Result<(), Stop>, compared: u64) -> Verdict {
    match result {
        Ok(()) => Verdict::Equal { compared },
        Err(Stop::Differs(difference)) => Verdict::Differs { compared, difference },
        Err(Stop::Unsupported(reason)) => Verdict::Unsupported(reason),
    }
}
