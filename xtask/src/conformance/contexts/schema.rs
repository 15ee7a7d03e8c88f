//! What the stories' schema says: tables with their indexes and rows, views, foreign keys, and
//! functions with their statements. It is read from the SQL that the recording server was given.

use pgscope_core::ids::RelId;
use pgscope_core::op::{Op, Persistence};

/// All that the stories know.
#[derive(Default)]
pub(super) struct Schema {
    tables: Vec<Table>,
    /// Views, and functions in SQL: what names them opens these tables too.
    views: Vec<(String, Vec<usize>)>,
    pub(super) functions: Vec<Function>,
}

#[derive(Default)]
struct Table {
    name: String,
    indexes: Vec<String>,
    /// What its foreign keys point at.
    references: Vec<usize>,
    rows: u32,
}

/// A function in PL/pgSQL.
pub(super) struct Function {
    pub(super) name: String,
    /// As `format_procedure` has it.
    pub(super) signature: String,
    pub(super) body: Vec<Statement>,
}

/// A statement of a function.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    /// Up to its semicolon.
    Plain(String),
    /// BEGIN ... EXCEPTION WHEN ... END: its statements, the conditions of its first handler, and
    /// the statements of that.
    Block(Vec<Self>, Vec<String>, Vec<Self>),
    /// The rows of a query, and what is done for each.
    ForQuery(String, Vec<Self>),
}

/// A table that a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) table: RelId,
    /// It is opened for a foreign key's sake.
    pub(super) for_key: bool,
    /// It has an index, which is the next relation.
    pub(super) has_index: bool,
}

impl Schema {
    pub(super) fn read(sql: &str) -> Self {
        let mut schema = Self::default();
        for statement in statements(sql) {
            let words: Vec<&str> = words(&statement).collect();
            match words.as_slice() {
                ["CREATE", "TABLE", name, rest @ ..] if rest.first() != Some(&"PARTITION") => {
                    schema.create_table(name, &statement);
                }
                ["CREATE", "INDEX", index, "ON", table, ..] => {
                    if let Some(table) = schema.tables.iter_mut().find(|it| it.name == *table) {
                        table.indexes.push((*index).to_owned());
                    }
                }
                ["CREATE", "VIEW", name, ..] => {
                    let tables = schema.named(&statement);
                    schema.views.push(((*name).to_owned(), tables));
                }
                ["CREATE", "FUNCTION", name, ..] => schema.create_function(name, &statement),
                ["INSERT", "INTO", table, ..] => {
                    let rows = after(&statement, "generate_series(1, ").unwrap_or(1);
                    if let Some(table) = schema.tables.iter_mut().find(|it| it.name == *table) {
                        table.rows = rows;
                    }
                }
                _ => {}
            }
        }
        schema
    }

    fn create_table(&mut self, name: &str, sql: &str) {
        let mut table = Table { name: name.to_owned(), ..Table::default() };
        let columns = sql.split_once('(').map_or("", |(_, columns)| columns);
        for column in columns.split(',') {
            let words: Vec<&str> = words(column).collect();
            let first = words.first().copied().unwrap_or_default();
            if words.contains(&"PRIMARY") {
                table.indexes.push(format!("{name}_pkey"));
            }
            if words.contains(&"UNIQUE") {
                table.indexes.push(format!("{name}_{first}_key"));
            }
            if let Some(place) = words.iter().position(|word| *word == "REFERENCES") {
                let other = words.get(place + 1).copied().unwrap_or_default();
                table.references.extend(self.tables.iter().position(|it| it.name == other));
            }
        }
        self.tables.push(table);
    }

    fn create_function(&mut self, name: &str, sql: &str) {
        let mut parts = sql.split("$$");
        let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if !words(head).any(|word| word == "plpgsql") {
            let tables = self.named(body);
            return self.views.push((name.to_owned(), tables));
        }
        let arguments = head.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let types: Vec<&str> = arguments
            .map_or("", |(arguments, _)| arguments)
            .split(',')
            .filter_map(|argument| argument.split_whitespace().last())
            .map(|word| TYPES.iter().find(|(short, _)| *short == word).map_or(word, |it| it.1))
            .collect();
        self.functions.push(Function {
            name: name.to_owned(),
            signature: format!("{name}({})", types.join(",")),
            body: body_of(body),
        });
    }

    fn named(&self, sql: &str) -> Vec<usize> {
        let named = |table: &Table| words(sql).any(|word| word == table.name);
        (0..self.tables.len()).filter(|place| named(&self.tables[*place])).collect()
    }

    /// The tables and indexes, without pages.
    pub(super) fn ops(&self) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut next = 0;
        let mut number = || {
            next += 1;
            RelId(next - 1)
        };
        for table in &self.tables {
            let rel = number();
            let (name, persistence) = (table.name.as_str().into(), Persistence::Permanent);
            ops.push(Op::CreateRelation { rel, name, nblocks: 1, persistence });
            for index in &table.indexes {
                ops.push(Op::CreateIndex {
                    rel: number(),
                    name: index.as_str().into(),
                    table: rel,
                });
            }
        }
        ops
    }

    fn rel(&self, place: usize) -> RelId {
        let before = self.tables[..place].iter().map(|table| 1 + table.indexes.len());
        RelId(u32::try_from(before.sum::<usize>()).unwrap_or(u32::MAX))
    }

    /// Whether it is an index of these tables.
    pub(super) fn is_index(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.indexes.iter().any(|index| index == name))
    }

    /// How many rows a table has.
    pub(super) fn rows(&self, name: &str) -> u32 {
        self.tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows)
    }

    /// The tables that a statement is about: those that it names, then those of views and foreign
    /// keys.
    pub(super) fn opens(&self, sql: &str) -> Vec<Opened> {
        let mut places: Vec<(usize, bool)> =
            self.named(sql).into_iter().map(|place| (place, false)).collect();
        for (name, tables) in &self.views {
            if words(sql).any(|word| word == name) {
                places.extend(tables.iter().map(|place| (*place, false)));
            }
        }
        if let Some(table) = word_after(sql, "INTO") {
            let table = self.tables.iter().find(|it| it.name == table);
            places.extend(table.iter().flat_map(|it| &it.references).map(|place| (*place, true)));
        }
        let mut found: Vec<Opened> = Vec::new();
        for (place, for_key) in places {
            let (table, has_index) = (self.rel(place), !self.tables[place].indexes.is_empty());
            if !found.iter().any(|it| it.table == table) {
                found.push(Opened { table, for_key, has_index });
            }
        }
        found
    }

    /// The functions in PL/pgSQL that a statement calls.
    pub(super) fn calls(&self, sql: &str) -> impl Iterator<Item = &Function> {
        let called = |function: &&Function| words(sql).any(|word| word == function.name);
        self.functions.iter().filter(called)
    }
}

/// Types by the names that `format_type_be` has for them.
const TYPES: [(&str, &str); 6] = [
    ("int", "integer"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("int2", "smallint"),
    ("bool", "boolean"),
    ("float8", "double"),
];

/// The words of a statement.
pub(super) fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn word_after<'a>(sql: &'a str, before: &str) -> Option<&'a str> {
    let mut words = words(sql);
    words.find(|word| *word == before)?;
    words.next()
}

/// The number behind these words.
pub(super) fn after(sql: &str, before: &str) -> Option<u32> {
    let rest = &sql[sql.find(before)? + before.len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// Statements as their semicolons part them, those within `$$` aside.
fn statements(sql: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for (number, part) in sql.split("$$").enumerate() {
        let quoted = number % 2 == 1;
        let pieces: Vec<&str> = if quoted { vec![part] } else { part.split(';').collect() };
        for (number, piece) in pieces.into_iter().enumerate() {
            if number > 0 {
                found.push(String::new());
            }
            if let Some(last) = found.last_mut() {
                last.push_str(if quoted { "$$" } else { "" });
                last.push_str(piece);
                last.push_str(if quoted { "$$" } else { "" });
            }
        }
    }
    found
}

/// The statements of a function's text.
pub(super) fn body_of(text: &str) -> Vec<Statement> {
    let spaced = text.replace(';', " ; ");
    let mut words = spaced.split_whitespace().peekable();
    // The declarations.
    words.by_ref().find(|word| *word == "BEGIN");
    let (body, handler) = block(&mut words);
    match handler {
        Some((conditions, handler)) => vec![Statement::Block(body, conditions, handler)],
        None => body,
    }
}

/// Conditions, and what is done about them.
type Handler = (Vec<String>, Vec<Statement>);

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// Behind BEGIN, up to its END.
fn block(words: &mut Words<'_>) -> (Vec<Statement>, Option<Handler>) {
    let body = list(words);
    let mut handler = None;
    if words.peek() == Some(&"EXCEPTION") {
        words.next();
        while words.next() == Some("WHEN") {
            let conditions = words.by_ref().take_while(|word| *word != "THEN");
            let conditions = conditions.filter(|word| *word != "OR").map(str::to_owned).collect();
            let statements = list(words);
            handler.get_or_insert((conditions, statements));
            if words.peek() == Some(&"END") {
                break;
            }
        }
    }
    words.by_ref().find(|word| *word == ";" || *word == "END;");
    (body, handler)
}

/// Statements, up to what ends them.
fn list(words: &mut Words<'_>) -> Vec<Statement> {
    let mut found = Vec::new();
    let until = |words: &mut Words<'_>, end: &str| -> String {
        let taken: Vec<&str> = words.by_ref().take_while(|word| *word != end).collect();
        taken.join(" ")
    };
    while let Some(word) = words.peek().copied() {
        match word {
            "EXCEPTION" | "END" | "WHEN" => break,
            ";" => {
                words.next();
            }
            "BEGIN" => {
                words.next();
                match block(words) {
                    (body, Some((conditions, handler))) => {
                        found.push(Statement::Block(body, conditions, handler));
                    }
                    (body, None) => found.extend(body),
                }
            }
            "FOR" | "WHILE" | "LOOP" => {
                let head = until(words, "LOOP");
                let body = list(words);
                // END LOOP;
                until(words, ";");
                match head.split_once(" IN ") {
                    Some((_, query)) if query.starts_with("SELECT") => {
                        found.push(Statement::ForQuery(query.to_owned(), body));
                    }
                    _ => found.extend(body),
                }
            }
            "IF" => {
                until(words, "THEN");
                found.extend(list(words));
                until(words, ";");
            }
            _ => found.push(Statement::Plain(until(words, ";"))),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Statement {
        Statement::Plain(text.into())
    }

    #[test]
    fn a_functions_text_is_taken_apart() {
        let body = "DECLARE n int := 0; BEGIN n := 1; BEGIN PERFORM 1 / 0; EXCEPTION WHEN \
                    division_by_zero OR no_data THEN RETURN QUERY SELECT 1; WHEN OTHERS THEN n := 2; END; \
                    FOR i IN 1..3 LOOP BEGIN n := i; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; \
                    FOR r IN SELECT id FROM t LOOP n := r.id; END LOOP; RETURN n; END";
        let block = |body, conditions: &[&str], handler| {
            let conditions = conditions.iter().map(|it| (*it).to_owned()).collect();
            Statement::Block(vec![plain(body)], conditions, vec![plain(handler)])
        };
        let conditions = ["division_by_zero", "no_data"];
        let one = block("PERFORM 1 / 0", &conditions, "RETURN QUERY SELECT 1");
        let two = block("n := i", &["OTHERS"], "NULL");
        let three = Statement::ForQuery("SELECT id FROM t".into(), vec![plain("n := r.id")]);
        let expected = vec![plain("n := 1"), one, two, three, plain("RETURN n")];
        assert_eq!(body_of(body), expected);
    }

    #[test]
    fn a_schema_is_read_as_its_server_makes_it() {
        let schema = Schema::read(
            "CREATE TABLE a(id int PRIMARY KEY, n int);\nCREATE INDEX a_n ON a(n);\n\
             CREATE TABLE b(id int PRIMARY KEY, name text UNIQUE, a int REFERENCES a(id));\n\
             CREATE VIEW v AS SELECT n FROM a;\nINSERT INTO b SELECT i FROM generate_series(1, 30) i;\n\
             CREATE FUNCTION f(x int, y text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;",
        );
        assert!(["a_pkey", "a_n", "b_pkey", "b_name_key"].iter().all(|name| schema.is_index(name)));
        assert_eq!(schema.rows("b"), 30);
        let opened = |table, for_key| Opened { table: RelId(table), for_key, has_index: true };
        assert_eq!(schema.opens("SELECT * FROM v"), [opened(0, false)]);
        assert_eq!(schema.opens("INSERT INTO b VALUES (1)"), [opened(3, false), opened(0, true)]);
        let called: Vec<&str> = schema.calls("SELECT f(1, 'x')").map(|it| &*it.signature).collect();
        assert_eq!(called, ["f(integer,text)"]);
    }
}
