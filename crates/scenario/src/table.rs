//! Rows as `psql` prints them, or as CSV: for the terminal and for the page's clipboard.

use std::borrow::Cow;
use std::io::{self, Write};

/// A result with its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Its rows; an empty cell is a null.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As `psql` aligns it: heads in the middle, numbers to the right.
    ///
    /// # Errors
    /// It can't be written.
    pub fn aligned(&self, out: &mut impl Write) -> io::Result<()> {
        let width = |text: &str| text.chars().count();
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let shape: Vec<(usize, bool)> = self
            .columns
            .iter()
            .enumerate()
            .map(|(column, head)| {
                let widest = cells(column).map(|cell| width(cell)).max().unwrap_or_default();
                let numbers = cells(column).all(|cell| is_number(cell));
                (widest.max(width(head)), numbers && !self.rows.is_empty())
            })
            .collect();
        let line = |row: &[String], centred: bool| {
            let mut line = String::new();
            for (cell, &(wide, number)) in row.iter().zip(&shape) {
                // An identifier can hold anything, a terminal's escapes too.
                let cell = cell.replace(char::is_control, " ");
                let pad = wide - width(&cell);
                let before = match (centred, number) {
                    (true, _) => pad / 2,
                    (false, true) => pad,
                    (false, false) => 0,
                };
                let bar = if line.is_empty() { " " } else { " | " };
                line.extend([bar, &" ".repeat(before), &cell, &" ".repeat(pad - before)]);
            }
            line
        };
        writeln!(out, "{} ", line(&self.columns, true))?;
        let rules: Vec<String> = shape.iter().map(|(wide, _)| "-".repeat(wide + 2)).collect();
        writeln!(out, "{}", rules.join("+"))?;
        for row in &self.rows {
            writeln!(out, "{}", line(row, false).trim_end())?;
        }
        let rows = if self.rows.len() == 1 { "row" } else { "rows" };
        writeln!(out, "({} {rows})", self.rows.len())
    }

    /// With a head, as `COPY ... CSV` quotes it.
    ///
    /// # Errors
    /// It can't be written.
    pub fn csv(&self, out: &mut impl Write) -> io::Result<()> {
        for row in [&self.columns].into_iter().chain(&self.rows) {
            let cells: Vec<Cow<'_, str>> = row.iter().map(|cell| quoted(cell)).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    /// As CSV, or as `psql` aligns it.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, csv: bool, out: &mut impl Write) -> io::Result<()> {
        if csv { self.csv(out) } else { self.aligned(out) }
    }
}

/// Whether a cell fits in a column of numbers. An empty one is a null, which fits in any column.
pub fn is_number(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let size = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, part) = size.split_once('.').unwrap_or((size, "0"));
    cell.is_empty() || digits(whole) && digits(part)
}

fn quoted(cell: &str) -> Cow<'_, str> {
    match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")).into(),
        false => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        Table {
            columns: row(["bufferid", "name", "x"]),
            rows: vec![row(["1", "a,\"b\"", ""]), row(["12", "é\u{1b}[", "3.5"])],
        }
    }

    #[test]
    fn columns_are_aligned_as_psql_does_it() {
        let mut out = Vec::new();
        table().aligned(&mut out).unwrap();
        let expected = "\
\x20bufferid | name  |  x  \n\
----------+-------+-----\n\
\x20       1 | a,\"b\" |\n\
\x20      12 | é [   | 3.5\n\
(2 rows)\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let mut out = Vec::new();
        table().csv(&mut out).unwrap();
        let expected = "bufferid,name,x\n1,\"a,\"\"b\"\"\",\n12,é\u{1b}[,3.5\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
