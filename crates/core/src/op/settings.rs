//! What can be done to a setting.

use super::Name;

/// A statement about one setting, or all.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingStmt {
    /// `SET name = value`, `ALTER SYSTEM SET name = value`
    Set {
        /// The setting.
        name: Name,
        /// The value as text; `None` is `DEFAULT`.
        value: Option<Name>,
        /// `SET LOCAL`
        local: bool,
    },
    /// `RESET name`, `ALTER SYSTEM RESET name`
    Reset(Name),
    /// `RESET ALL`, `ALTER SYSTEM RESET ALL`
    ResetAll,
}
