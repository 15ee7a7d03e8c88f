//! A view's rows as a reader wants them: filtered, in order, a page of them; and the query that
//! gives the same on a real server.

use std::cmp::Ordering;

use pgscope_core::Server;
use pgscope_core::ids::BackendId;
use pgscope_core::views::{self, View};
use pgscope_scenario::table::{Table, is_number};

/// Rows on a page.
pub const PAGE: usize = 50;
/// What parts the cells of a row where a filter looks, in the query too.
const PART: &str = "|";

/// The views that the server's version has.
pub fn offered(server: &Server) -> Vec<View> {
    let has = |view: &View| !view.columns(server.profile()).is_empty();
    View::ALL.into_iter().filter(has).collect()
}

/// What stands behind `FROM` on a real server.
fn relation(view: View) -> String {
    let name = view.name();
    let call = name.starts_with("pg_buffercache_");
    format!("{name}{}", if call { "()" } else { "" })
}

/// How a reader wants the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The column to sort by, and whether from the last to the first.
    pub sort: Option<(usize, bool)>,
    /// What must stand in a row.
    pub filter: String,
}

impl Wish {
    /// Whether the rows are as the view has them.
    fn is_plain(&self) -> bool {
        self.sort.is_none() && self.filter.is_empty()
    }
}

/// The rows of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The rows, in the wanted order: all of them, or of a plain view those up to the page.
    pub table: Table,
    /// How many there are in all.
    pub count: usize,
    /// Columns that hold numbers alone.
    pub numbers: Vec<bool>,
}

impl Sheet {
    /// The rows that `wish` wants. Of a plain view no more are made than up to the end of `page`.
    pub fn new(
        server: &Server,
        backend: BackendId,
        source: View,
        wish: &Wish,
        page: Option<usize>,
    ) -> Self {
        let columns: Vec<String> =
            source.columns(server.profile()).iter().map(|&column| column.to_owned()).collect();
        let known = match source {
            View::Buffercache => Some(server.pool().nbuffers() as usize),
            _ => None,
        };
        let (known, most) = match (known, page) {
            (Some(known), Some(page)) if wish.is_plain() => (Some(known), (page + 1) * PAGE),
            _ => (None, usize::MAX),
        };
        let mut rows = views::view_rows(server, Some(backend), source, most);
        let numbers: Vec<bool> = (0..columns.len())
            .map(|column| rows.iter().filter_map(|row| row.get(column)).all(|it| is_number(it)))
            .collect();
        if !wish.filter.is_empty() {
            let wanted = wish.filter.to_ascii_lowercase();
            rows.retain(|row| searched(row).to_ascii_lowercase().contains(&wanted));
        }
        if let Some((column, down)) = wish.sort {
            let number = numbers.get(column).copied().unwrap_or_default();
            rows.sort_by(|one, other| {
                let [one, other] = [one, other].map(|row| row.get(column).map_or("", |it| it));
                let order = order(one, other, number);
                if down { order.reverse() } else { order }
            });
        }
        let count = known.unwrap_or(rows.len());
        Self { table: Table { columns, rows }, count, numbers }
    }

    /// How many pages it has, one at least.
    pub fn pages(&self) -> usize {
        self.count.div_ceil(PAGE).max(1)
    }

    /// The rows of a page.
    pub fn page(&self, page: usize) -> &[Vec<String>] {
        let from = page.saturating_mul(PAGE).min(self.table.rows.len());
        let to = (from + PAGE).min(self.table.rows.len());
        self.table.rows.get(from..to).unwrap_or_default()
    }

    /// The query that gives the same on a real server; `None` for what only the playground has.
    pub fn query(&self, source: View, wish: &Wish) -> Option<String> {
        if !source.name().starts_with("pg_") {
            return None;
        }
        let columns = &self.table.columns;
        let mut query = String::new();
        if source.name().starts_with("pg_buffercache") {
            query += "-- once: CREATE EXTENSION pg_buffercache;\n";
        }
        query.extend(["SELECT ", &columns.join(", "), "\n  FROM ", &relation(source)]);
        if !wish.filter.is_empty() {
            // In a pattern these three stand for themselves behind a backslash.
            let pattern = wish.filter.replace(['\\', '%', '_'], "");
            let exact = pattern == wish.filter;
            let text = wish.filter.replace('\'', "''");
            let all = format!("concat_ws('{PART}', {})", columns.join(", "));
            query += &if exact {
                format!("\n WHERE {all} ILIKE '%{text}%'")
            } else {
                format!("\n WHERE strpos(lower({all}), lower('{text}')) > 0")
            };
        }
        if let Some((column, down)) = wish.sort
            && let Some(name) = columns.get(column)
        {
            let text = !self.numbers.get(column).copied().unwrap_or_default();
            query.extend(["\n ORDER BY ", name]);
            query += if text && self.count > 0 { "::text COLLATE \"C\"" } else { "" };
            query += if down { " DESC" } else { "" };
        }
        query += ";";
        Some(query)
    }
}

/// What a filter looks at: the row as `concat_ws` writes it, which leaves nulls out.
fn searched(row: &[String]) -> String {
    let cells: Vec<&str> = row.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    cells.join(PART)
}

/// As PostgreSQL orders: numbers by size, texts by their bytes, nulls last.
fn order(one: &str, other: &str, numbers: bool) -> Ordering {
    match (one.is_empty(), other.is_empty()) {
        (false, false) if numbers => by_size(one, other),
        (false, false) => one.cmp(other),
        (one, other) => one.cmp(&other),
    }
}

/// Decimal numbers by their digits: no float is read.
fn by_size(one: &str, other: &str) -> Ordering {
    let (minus, other_minus) = (one.starts_with('-'), other.starts_with('-'));
    if minus != other_minus {
        return other_minus.cmp(&minus);
    }
    let parts = |text| {
        let text = str::trim_start_matches(text, ['-', '0']);
        text.split_once('.').unwrap_or((text, ""))
    };
    let ((whole, part), (other_whole, other_part)) = (parts(one), parts(other));
    let order = (whole.len(), whole, part).cmp(&(other_whole.len(), other_whole, other_part));
    if minus { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_scenario::{History, Position, compile};
    use std::rc::Rc;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn history() -> History {
        let text = "server 18 shared_buffers=128kB\ntable orders pages=200\nbackend alice\n\
                    alice: read orders 0..11\nalice: read orders 3, 3";
        let program = compile(text).expect("it can run");
        let mut history = History::new(Rc::new(program)).expect("it starts");
        history.seek(Position { op: history.len(), event: 0 });
        history
    }

    fn sheet(wish: &Wish) -> Sheet {
        let source = View::Buffercache;
        Sheet::new(history().server(), BackendId(0), source, wish, None)
    }

    fn column(sheet: &Sheet, column: usize) -> Vec<&str> {
        sheet.table.rows.iter().map(|row| &*row[column]).collect()
    }

    #[wasm_bindgen_test]
    fn numbers_sort_by_size_and_nulls_come_last_or_with_desc_first() {
        let blocks = sheet(&Wish { sort: Some((5, false)), ..Wish::default() });
        assert_eq!(column(&blocks, 5)[..3], ["0", "1", "2"]);
        assert_eq!(column(&blocks, 5)[9..13], ["9", "10", "11", ""]);
        let down = sheet(&Wish { sort: Some((5, true)), ..Wish::default() });
        assert_eq!(column(&down, 5)[..5], ["", "", "", "", "11"]);
        assert_eq!(by_size("-1.5", "-1.25"), Ordering::Less);
        assert_eq!(by_size("0.5", "-2"), Ordering::Greater);
    }

    #[wasm_bindgen_test]
    fn the_query_says_what_the_reader_chose() {
        let wish = Wish { sort: Some((7, true)), filter: "o'k".into() };
        let query = sheet(&wish).query(View::Buffercache, &wish).expect("a query");
        assert!(query.contains("FROM pg_buffercache\n"), "{query}");
        assert!(query.contains("ILIKE '%o''k%'"), "{query}");
        assert!(query.ends_with("ORDER BY usagecount DESC;"), "{query}");
        let wish = Wish { filter: "50%".into(), ..Wish::default() };
        let query = sheet(&wish).query(View::BuffercacheSummary, &wish).expect("a query");
        assert!(query.contains("FROM pg_buffercache_summary()"), "{query}");
        assert!(query.contains("strpos("), "{query}");
    }

    #[wasm_bindgen_test]
    fn a_filter_looks_at_whole_rows_and_a_page_has_a_bound() {
        let found = sheet(&Wish { filter: "|F|3|".into(), ..Wish::default() });
        assert_eq!(column(&found, 5), ["3"]);
        assert_eq!((found.count, found.pages()), (1, 1));
        let source = View::Buffercache;
        let first = Sheet::new(history().server(), BackendId(0), source, &Wish::default(), Some(0));
        assert_eq!((first.count, first.page(0).len(), first.page(1).len()), (16, 16, 0));
    }
}
