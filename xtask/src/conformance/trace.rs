//! Trace files: JSON Lines, plain or brotli-compressed.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Bytes that a trace may unpack to.
const LIMIT: u64 = 256 << 20;

/// One trace: header, operations, end record.
pub(super) struct Trace {
    pub(super) header: Value,
    pub(super) ops: Vec<Value>,
    pub(super) end: Value,
}

impl Trace {
    /// Read a file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let wrong = |what: String| format!("{}: {what}", path.display());
        let text = unpack(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// Read the text of one trace.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut records = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let record: Value = serde_json::from_str(line)
                .map_err(|error| format!("line {}: {error}", number + 1))?;
            records.push(record);
        }
        let end = records.pop().filter(|end| end["type"] == "end");
        let end = end.ok_or("the last line is not an end record")?;
        if records.first().is_none_or(|header| header["type"] != "header") {
            return Err("the first line is not a header".into());
        }
        let header = records.remove(0);
        Ok(Self { header, ops: records, end })
    }

    /// The format, such as `pg-bufmgr-trace/1`.
    pub(super) fn kind(&self) -> &str {
        self.header["format"].as_str().unwrap_or("")
    }

    /// What the trace exercises.
    pub(super) fn theme(&self) -> &str {
        self.header["theme"].as_str().unwrap_or("")
    }

    /// The server's major version.
    pub(super) fn version(&self) -> u64 {
        self.release() / 10_000
    }

    /// The server's `server_version_num`.
    pub(super) fn release(&self) -> u64 {
        self.header["server_version_num"].as_u64().unwrap_or(0)
    }
}

/// A file's text, unpacked if need be.
pub(super) fn unpack(path: &Path) -> std::io::Result<String> {
    let bytes = fs::read(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "br") {
        let reader = brotli::Decompressor::new(bytes.as_slice(), 64 << 10);
        reader.take(LIMIT).read_to_string(&mut text)?;
    } else {
        bytes.as_slice().read_to_string(&mut text)?;
    }
    Ok(text)
}

/// The traces below a folder, or the file itself, in the order of their names.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    if !fs::metadata(path).map_err(wrong)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if [".jsonl", ".jsonl.br", ".json", ".json.br"].iter().any(|end| name.ends_with(end))
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
