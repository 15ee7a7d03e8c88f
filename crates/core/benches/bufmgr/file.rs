//! The trace in a file, for libCacheSim.

use std::io::{BufWriter, Write};
use std::path::Path;

/// Write it as libCacheSim's `oracleGeneral` format has it: time, object, size, next access.
pub(crate) fn write(trace: &[u32], path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    for &block in trace {
        out.write_all(&0_u32.to_le_bytes())?;
        out.write_all(&u64::from(block).to_le_bytes())?;
        out.write_all(&1_u32.to_le_bytes())?;
        out.write_all(&(-2_i64).to_le_bytes())?;
    }
    out.flush()
}
