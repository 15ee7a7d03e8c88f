//! JSON, one object a line.

use std::fmt::Write as _;

use pgscope_scenario::Value;

/// An object on a line of its own, its fields in the order in which they were given.
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    pub(crate) fn number(self, name: &str, number: u64) -> Self {
        self.field(name, number)
    }

    pub(crate) fn flag(self, name: &str, flag: bool) -> Self {
        self.field(name, flag)
    }

    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.field(name, serde_json::Value::from(text))
    }

    pub(crate) fn value(self, name: &str, value: &Value) -> Self {
        match value {
            Value::Flag(flag) => self.flag(name, *flag),
            Value::Number(number) => self.number(name, *number),
            Value::Text(text) => self.text(name, text),
            Value::Nothing => self.field(name, serde_json::Value::Null),
        }
    }

    /// A field whose value is JSON as it is written.
    fn field(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}{}:{value}", serde_json::Value::from(name));
        self
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_keeps_its_order_and_every_digit() {
        let line = Line::new()
            .text("z", "a \"b\"\n")
            .number("a", u64::MAX)
            .value("n", &Value::Nothing)
            .flag("f", true);
        let expected =
            "{\"z\":\"a \\\"b\\\"\\n\",\"a\":18446744073709551615,\"n\":null,\"f\":true}\n";
        assert_eq!(line.end(), expected);
    }
}
