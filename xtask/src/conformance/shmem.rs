//! What real servers say of their shared memory (`tests/servers/shmem-pgNN.json`).
//!
//! A run is one start of a server: the settings given, every setting in force, and the rows of
//! `pg_shmem_allocations`. The core gets the settings that were given, and lays out its segment; each row
//! must be the real one in name, offset, size and allocated size, none more and none less, and so
//! must the totals and the settings that choose their own value. What a server refused
//! to start with, the core must refuse in the same words.

use std::collections::BTreeMap;

use pgscope_core::profile::Version;
use pgscope_core::profile::parameters::{Parameter, Setting};
use pgscope_core::server::Settings;
use pgscope_core::server::segment::{Counts, Segment};
use pgscope_core::server::settings::SettingError;
use pgscope_core::views::{ShmemAllocation, pg_shmem_allocations};
use serde_json::{Value, json};

/// The format of these files.
pub(crate) const FORMAT: &str = "pg-shmem/1";

/// Settings that bring rows of their own, whose sizes no source of PostgreSQL says.
const LIBRARIES: &str = "shared_preload_libraries";

/// What came of one run.
pub(super) struct Started {
    pub(super) version: u64,
    pub(super) name: String,
    /// Rows compared.
    pub(super) compared: u64,
    /// Its lookup table of buffers had grown before it was looked at.
    pub(super) grown: bool,
    /// The first difference.
    pub(super) difference: Option<String>,
    /// Why the run can't be computed.
    pub(super) unsupported: Option<String>,
}

/// Compare all runs of a file.
pub(super) fn replay(file: &Value) -> Result<Vec<Started>, String> {
    let number = file["version"].as_u64().unwrap_or(0);
    let version = u32::try_from(number).ok().and_then(Version::from_number);
    let version = version.ok_or("the core doesn't know the runs' version")?;
    let runs = file["runs"].as_array().ok_or("there are no runs")?;
    Ok(runs.iter().map(|run| start(run, version)).collect())
}

/// A run that was not compared to its end.
enum Stop {
    Differs(String),
    Unsupported(String),
}

impl From<String> for Stop {
    fn from(what: String) -> Self {
        Stop::Differs(what)
    }
}

fn start(run: &Value, version: Version) -> Started {
    let mut started = Started {
        version: version.number().into(),
        name: run["name"].as_str().unwrap_or_default().to_owned(),
        compared: 0,
        grown: false,
        difference: None,
        unsupported: None,
    };
    match compare(run, version) {
        Ok((rows, grown)) => (started.compared, started.grown) = (rows, grown),
        Err(Stop::Differs(what)) => started.difference = Some(format!("  {what}")),
        Err(Stop::Unsupported(what)) => started.unsupported = Some(what),
    }
    started
}

/// Rows compared, and whether the lookup table had grown.
fn compare(run: &Value, version: Version) -> Result<(u64, bool), Stop> {
    let laid_out = settings(run, version)?
        .and_then(|settings| Segment::new(version, &settings).map(|segment| (settings, segment)));
    let (settings, mut segment) = match laid_out {
        Ok(laid_out) => laid_out,
        Err(SettingError::IoUring) => {
            return Err(Stop::Unsupported(SettingError::IoUring.to_string()));
        }
        Err(error) => return refused(run, &error).map(|()| (0, false)),
    };
    if let Some(message) = run["refused"].as_str() {
        return Err(format!("the server did not start: {message}").into());
    }
    in_force(run, version, &settings)?;
    let grown = since_start(run, version, &segment);
    segment.free_offset += grown;
    let rows = allocations(run, &segment)?;
    for (name, ours) in [
        ("shared_memory_size", segment.shared_memory_size()),
        ("shared_memory_size_in_huge_pages", segment.shared_memory_size_in_huge_pages()),
        ("num_os_semaphores", segment.semaphores),
    ] {
        let real = &run["constants"][name];
        if !real.is_null() {
            same(name, real.as_i64(), ours)?;
        }
    }
    if !run["total"].is_null() {
        same("the segment's size", run["total"].as_i64(), segment.total)?;
    }
    Ok((rows, grown > 0))
}

/// Bytes that the lookup table of buffers took from the free rest since the server had started: a few
/// lots of elements, at most one for each free list.
fn since_start(run: &Value, version: Version, segment: &Segment) -> u64 {
    const NUM_FREELISTS: u64 = 32;
    let lot = Segment::lookup_table_grows(version);
    let rows = run["allocations"].as_array().map_or(&[][..], Vec::as_slice);
    let rest = rows.iter().find(|row| row[0].is_null()).and_then(|row| row[1].as_u64());
    let grown = rest.and_then(|rest| rest.checked_sub(segment.free_offset)).unwrap_or(0);
    let lots = grown.checked_div(lot).unwrap_or(0);
    if lots <= NUM_FREELISTS && lots * lot == grown { grown } else { 0 }
}

/// A server that did not start must have said the same, in the same words.
fn refused(run: &Value, error: &SettingError) -> Result<(), Stop> {
    let ours = [error.to_string(), error.detail()];
    let real = [&run["refused"], &run["detail"]].map(|it| it.as_str().unwrap_or_default());
    if ours == real {
        return Ok(());
    }
    Err(format!("the server said {real:?}, the core {ours:?}").into())
}

/// The settings that the run was given, those that the core knows.
fn settings(run: &Value, version: Version) -> Result<Result<Settings, SettingError>, Stop> {
    let given = run["set"].as_object().ok_or("the run has no settings".to_owned())?;
    let mut settings = Settings::default();
    let segment_size = &run["constants"]["wal_segment_size"];
    let preset = segment_size.as_u64().map(|size| ("wal_segment_size", size.to_string()));
    let given = given.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.as_str(), text)
    });
    for (name, value) in given.chain(preset) {
        if name == LIBRARIES && !value.is_empty() {
            return Err(Stop::Unsupported("libraries with memory of their own".into()));
        }
        match settings.set(version, name, &value) {
            // A setting that shared memory does not depend on: what comes of it shows that.
            Ok(()) => {}
            Err(SettingError::Unknown(_)) if run["refused"].is_null() => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(settings))
}

/// Every setting that the core knows must have the value that was in force.
fn in_force(run: &Value, version: Version, settings: &Settings) -> Result<(), Stop> {
    let profile = version.segment();
    let counts = Counts::new(profile, settings).map_err(|error| error.to_string())?;
    if let Some(backends) = run["max_backends"].as_i64() {
        same("max_backends", Some(backends), counts.backends())?;
    }
    for parameter in profile.parameters.iter().flat_map(|group| group.iter()) {
        let Parameter { setting, name, words, .. } = parameter;
        let ours = counts.in_force(*setting);
        match &run["postmaster_settings"][name] {
            Value::Null => {}
            Value::String(word) => {
                let ours = usize::try_from(ours).ok().and_then(|place| words.get(place));
                if ours != Some(&word.as_str()) {
                    return Err(format!("{name} is {word}, not {ours:?}").into());
                }
            }
            number => same(name, number.as_i64(), ours)?,
        }
    }
    debug_assert_eq!(counts.in_force(Setting::SharedBuffers) as u32, settings.shared_buffers);
    Ok(())
}

fn same(what: &str, real: Option<i64>, ours: impl TryInto<i64>) -> Result<(), Stop> {
    let ours = ours.try_into().ok();
    if real == ours && real.is_some() {
        return Ok(());
    }
    Err(format!("{what} is {real:?}, not {ours:?}").into())
}

/// Compare the rows; returns how many there are.
fn allocations(run: &Value, segment: &Segment) -> Result<u64, Stop> {
    let Some(rows) = run["allocations"].as_array() else { return Ok(0) };
    let mut ours: BTreeMap<Option<&str>, ShmemAllocation> =
        pg_shmem_allocations(segment).into_iter().map(|row| (row.name, row)).collect();
    for real in rows {
        let name = real[0].as_str();
        let Some(row) = ours.remove(&name) else {
            return Err(format!("the server has {real}, which the core has not").into());
        };
        let row = json!([row.name, row.off, row.size, row.allocated_size]);
        if *real != row {
            return Err(format!("the server has {real}, the core {row}").into());
        }
    }
    match ours.into_values().next() {
        Some(row) => Err(format!("the core has {row:?}, which the server has not").into()),
        None => Ok(rows.len() as u64),
    }
}
