//! Traces of strangers, read in pieces: CSV and libCacheSim's oracleGeneral.
//!
//! Whatever is in a trace, a line or a record is short, names and pages are counted and have a
//! limit, and an error says where it is.

mod csv;
mod error;

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

pub(super) use error::{Place, Problem, TraceError};

use super::chunk::Chunk;
use super::pages::Pages;
use crate::args::Format;
use csv::Relations;

/// Bytes of a record: time, object, size, next access (`oracleGeneral_req_t`).
const RECORD: usize = 24;
/// Bytes of a line at most.
const LINE: usize = 256;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// A trace, and how far it was read.
pub(super) struct Reader<R> {
    input: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    format: Format,
    pages: Pages,
    relations: Relations,
    line: Vec<u8>,
    /// Lines or records that were read.
    done: u64,
}

impl<R: Read> Reader<R> {
    /// Begin with a trace; its first bytes tell its format, unless somebody did.
    pub(super) fn new(mut trace: R, format: Option<Format>) -> Result<Self, TraceError> {
        let mut head = Vec::new();
        let read = trace.by_ref().take(RECORD as u64).read_to_end(&mut head);
        read.map_err(|error| TraceError { place: Place::Byte(0), problem: error.into() })?;
        // Neither is in a text; both are in nearly every record.
        let binary = head.iter().any(|byte| matches!(byte, 0 | 0xff));
        let guessed = if binary { Format::OracleGeneral } else { Format::Csv };
        Ok(Self {
            input: BufReader::with_capacity(BUFFER, Cursor::new(head).chain(trace)),
            format: format.unwrap_or(guessed),
            pages: Pages::default(),
            relations: Relations::default(),
            line: Vec::new(),
            done: 0,
        })
    }

    /// The next piece; `None` at the end.
    pub(super) fn chunk(&mut self) -> Result<Option<Chunk>, TraceError> {
        let mut chunk = Chunk::default();
        while !chunk.is_full() {
            let more = match self.format {
                Format::Csv => self.line(&mut chunk),
                Format::OracleGeneral => self.record(&mut chunk),
            };
            if !more.map_err(|problem| TraceError { place: self.place(), problem })? {
                break;
            }
            self.done += 1;
        }
        chunk.relations = self.pages.relations();
        Ok((!chunk.blocks.is_empty()).then_some(chunk))
    }

    fn place(&self) -> Place {
        match self.format {
            Format::Csv => Place::Line(self.done + 1),
            Format::OracleGeneral => Place::Byte(self.done * RECORD as u64),
        }
    }

    /// False at the end.
    #[inline]
    fn record(&mut self, chunk: &mut Chunk) -> Result<bool, Problem> {
        let at_hand = self.input.buffer().first_chunk::<RECORD>().copied();
        let record = match at_hand {
            Some(record) => {
                self.input.consume(RECORD);
                record
            }
            None => match self.record_between_buffers()? {
                Some(record) => record,
                None => return Ok(false),
            },
        };
        let [_, _, _, _, object @ .., _, _, _, _, _, _, _, _, _, _, _, _] = record;
        let page = self.pages.find(0, u64::from_le_bytes(object))?;
        chunk.push(page, false);
        Ok(true)
    }

    #[cold]
    fn record_between_buffers(&mut self) -> Result<Option<[u8; RECORD]>, Problem> {
        self.line.clear();
        self.input.by_ref().take(RECORD as u64).read_to_end(&mut self.line)?;
        match (self.line.first_chunk(), self.line.is_empty()) {
            (Some(record), _) => Ok(Some(*record)),
            (None, true) => Ok(None),
            (None, false) => Err(Problem::CutOff),
        }
    }

    /// False at the end.
    fn line(&mut self, chunk: &mut Chunk) -> Result<bool, Problem> {
        self.line.clear();
        let read = self.input.by_ref().take(LINE as u64 + 1).read_until(b'\n', &mut self.line)?;
        if read > LINE {
            return Err(Problem::LongLine);
        }
        let line = self.line.trim_ascii();
        let head = self.done == 0 && csv::is_head(line);
        if !line.is_empty() && !head {
            let access = csv::read(line)?;
            let relation = self.relations.number(access.relation)?;
            chunk.push(self.pages.find(relation, access.block)?, access.write);
        }
        Ok(read > 0)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

#[cfg(test)]
mod tests;
