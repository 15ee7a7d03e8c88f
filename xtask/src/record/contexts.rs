//! `cargo xtask record --kind contexts`: what the backends of a server of yours show of their memory
//! contexts, told by the stories of `tests/servers/stories.sql` and compared with the core.
//!
//! Each story is one session, played three times: once so that its pages lie in the pool, once
//! recorded, and once to see which steps come out otherwise.

use serde_json::{Value, json};

use crate::live::{Answer, Live, NULL};
use crate::trouble::Trouble;

const COLUMNS: &str = "SELECT attname FROM pg_attribute WHERE attnum > 0 AND attrelid = \
                       'pg_backend_memory_contexts'::regclass ORDER BY attnum";

/// The stories of a file: the schema, and each story's name and statements.
pub(super) struct Stories {
    schema: String,
    stories: Vec<(String, Vec<String>)>,
}

impl Stories {
    /// What stands before the first `-- story NAME` is the schema. A statement ends with the line
    /// that ends with its semicolon.
    pub(super) fn read(text: &str) -> Self {
        let mut parts = text.split("-- story ");
        let schema = parts.next().unwrap_or_default().to_owned();
        let story = |part: &str| {
            let (name, rest) = part.split_once('\n').unwrap_or((part, ""));
            let lines = rest.split(";\n").map(str::trim).filter(|it| !it.is_empty());
            (name.trim().to_owned(), lines.map(str::to_owned).collect())
        };
        Self { schema, stories: parts.map(story).collect() }
    }

    /// Have the server tell them.
    pub(super) fn record(&self, live: &Live, version: u32, words: &str) -> Result<Value, Trouble> {
        let schema = self.schema.trim().trim_end_matches(';').to_owned();
        live.session(&[schema, "VACUUM ANALYZE".to_owned()])?;
        let columns = live.session(&[COLUMNS.to_owned()])?;
        let columns: Vec<String> =
            columns.into_iter().flat_map(|answer| answer.rows.into_iter().flatten()).collect();
        let mut stories = Vec::new();
        for (name, statements) in &self.stories {
            live.session(statements)?;
            let recorded = live.session(statements)?;
            let again = live.session(statements)?;
            let unstable: Vec<usize> =
                (0..recorded.len()).filter(|step| recorded[*step] != again[*step]).collect();
            let steps: Vec<Value> = statements
                .iter()
                .zip(&recorded)
                .map(|(sql, answer)| step(sql, answer, &columns))
                .collect();
            stories.push(json!({ "name": name, "unstable_steps": unstable, "steps": steps }));
        }
        Ok(json!({
            "format": "pg-contexts/1", "version": version, "server": words,
            "schema": self.schema, "columns": columns, "stories": stories,
        }))
    }
}

fn step(sql: &str, answer: &Answer, columns: &[String]) -> Value {
    let Answer { rows, said } = answer;
    if said.severity == "ERROR" {
        let error = json!({ "sqlstate": said.sqlstate, "message": said.message });
        return json!({ "step": "exec", "sql": sql, "error": error });
    }
    let is_view = rows.first().is_some_and(|row| row.len() == columns.len() && row.len() > 4);
    if !is_view {
        return json!({ "step": "exec", "sql": sql });
    }
    let field = |(column, text): (&String, &String)| match (column.as_str(), text.as_str()) {
        (_, NULL) => Value::Null,
        ("path", text) => {
            let numbers = text.trim_matches(['{', '}']).split(',');
            json!(numbers.filter_map(|number| number.parse::<u64>().ok()).collect::<Vec<_>>())
        }
        ("name" | "ident" | "parent" | "type", text) => json!(text),
        (_, text) => json!(text.parse::<u64>().ok()),
    };
    let rows: Vec<Vec<Value>> =
        rows.iter().map(|row| columns.iter().zip(row).map(field).collect()).collect();
    json!({ "step": "view", "sql": sql, "rows": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_read() {
        let stories = Stories::read(
            "CREATE TABLE a();\n-- story one\nBEGIN;\nSELECT 1\n  + 1;\n-- story two\n",
        );
        assert_eq!(stories.schema, "CREATE TABLE a();\n");
        let one = ("one".to_owned(), vec!["BEGIN".to_owned(), "SELECT 1\n  + 1".to_owned()]);
        assert_eq!(stories.stories, [one, ("two".to_owned(), Vec::new())]);
    }
}
