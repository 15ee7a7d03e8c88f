//! PostgreSQL's errors, as its clients receive them.

/// An error with everything that a client is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlError {
    /// The code.
    pub sqlstate: &'static str,
    /// The message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT.
    pub context: Option<String>,
    /// The model does not know this: no error of a server.
    pub unsupported: bool,
}

impl SqlError {
    /// An error with a message.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        SqlError { sqlstate, message: message.into(), ..SqlError::default() }
    }

    /// With a detail.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the model has no words for.
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        SqlError { message: what.into(), unsupported: true, ..SqlError::default() }
    }

    pub(crate) fn no_relation(name: &str) -> Self {
        SqlError::new("42P01", format!("relation \"{name}\" does not exist"))
    }
}
