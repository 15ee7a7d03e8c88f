//! Events as JavaScript's plain objects: what the scenario crate tells of them, with JavaScript's numbers.

use pgscope_scenario::{Told, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// One event, as hosts get it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain(pub Told);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Told { kind, fields } = &self.0;
        let mut map = serializer.serialize_map(Some(fields.len() + 1))?;
        map.serialize_entry("kind", kind)?;
        for (name, value) in fields {
            match value {
                Value::Flag(flag) => map.serialize_entry(name, flag)?,
                // JavaScript has no larger ones that are exact.
                Value::Number(number) => map.serialize_entry(name, &(*number as f64))?,
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Nothing => map.serialize_entry(name, &())?,
            }
        }
        map.end()
    }
}
