//! A history of any length, summed up in a bounded number of columns.
//!
//! The timeline is as wide as the window, whether the scenario has eighty operations or ten
//! million. So operations are counted into at most [`COLUMNS`] columns as they are executed;
//! what is drawn costs the same for all. What was counted once is not looked at again, because
//! a program has only one history.

use pgscope_scenario::Mark;

/// The most columns.
pub const COLUMNS: u64 = 480;

/// What happened in the operations of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Pages found in the pool.
    pub hits: u32,
    /// Pages that were not, and got a free buffer.
    pub misses: u32,
    /// Pages that were not, and took a clean one's buffer.
    pub evictions: u32,
    /// Pages that were not, and took a dirty one's buffer.
    pub writes: u32,
    /// Operations on memory contexts.
    pub memory: u32,
    /// Operations that failed.
    pub errors: u32,
    /// Others.
    pub others: u32,
}

impl Column {
    /// How many of each kind.
    pub fn counts(&self) -> [(Mark, u32); 7] {
        [
            (Mark::Error, self.errors),
            (Mark::Write, self.writes),
            (Mark::Evict, self.evictions),
            (Mark::Miss, self.misses),
            (Mark::Hit, self.hits),
            (Mark::Memory, self.memory),
            (Mark::Other, self.others),
        ]
    }

    /// Pages asked for.
    pub fn reads(&self) -> u64 {
        u64::from(self.hits) + u64::from(self.missed())
    }

    fn missed(&self) -> u32 {
        self.misses.saturating_add(self.evictions).saturating_add(self.writes)
    }

    fn count(&mut self, mark: Mark) {
        let counter = match mark {
            Mark::Hit => &mut self.hits,
            Mark::Miss => &mut self.misses,
            Mark::Evict => &mut self.evictions,
            Mark::Write => &mut self.writes,
            Mark::Memory => &mut self.memory,
            Mark::Error => &mut self.errors,
            Mark::Other => &mut self.others,
        };
        *counter = counter.saturating_add(1);
    }
}

/// A history, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    len: u64,
    known: u64,
    columns: Vec<Column>,
}

impl Timeline {
    /// Of a program with so many operations, none of them executed.
    pub fn new(len: u64) -> Self {
        let columns = usize::try_from(len.min(COLUMNS)).unwrap_or_default();
        Self { len, known: 0, columns: vec![Column::default(); columns] }
    }

    /// Operations of the program.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in the program.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Operations counted so far.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// The columns, first to last.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Count what was executed since the last time.
    pub fn extend_to(&mut self, marks: &[Mark]) {
        let from = usize::try_from(self.known).unwrap_or(usize::MAX);
        for mark in marks.get(from..).unwrap_or_default() {
            let column = self.column_of(self.known);
            if let Some(column) = self.columns.get_mut(column) {
                column.count(*mark);
            }
            self.known += 1;
        }
    }

    /// The column of an operation.
    pub fn column_of(&self, op: u64) -> usize {
        let columns = self.columns.len() as u128;
        let column = u128::from(op) * columns / u128::from(self.len.max(1));
        usize::try_from(column).unwrap_or_default()
    }

    /// The hit ratio after each column, where pages were asked for by then.
    pub fn hit_ratio(&self) -> impl Iterator<Item = Option<f64>> {
        let (mut hits, mut reads) = (0_u64, 0_u64);
        let known = if self.known == 0 { 0 } else { self.column_of(self.known - 1) + 1 };
        self.columns.iter().take(known).map(move |column| {
            hits += u64::from(column.hits);
            reads += column.reads();
            (reads > 0).then(|| hits as f64 / reads as f64)
        })
    }
}
