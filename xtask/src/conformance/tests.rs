//! The harness itself: a trace that was tampered with must be told from a real one.

use serde_json::{Value, json};

use super::record::Verdict;
use super::trace::Trace;
use super::{contexts, shmem, verdict};

/// One of the repository's traces, cut off after this many operations.
fn trace(name: &str, ops: usize) -> Trace {
    let file = format!("tests/traces/{name}.jsonl.br");
    let mut trace = Trace::read(&crate::process::root().join(file)).expect("a trace");
    trace.ops.truncate(ops);
    trace
}

/// Another value of the same kind.
fn falsify(value: &mut Value) {
    if let Some(first) = value.get_mut(0) {
        return falsify(first);
    }
    *value = match &*value {
        Value::Array(_) => json!([1]),
        Value::Number(number) => json!(number.as_i64().expect("an integer") + 1),
        Value::String(text) if text.starts_with("0x") => json!(format!("{text}0")),
        Value::String(text) => json!(format!("{text}?")),
        other => json!(other.is_null()),
    };
}

/// Falsify each of these fields where it occurs the second time: the replay ends there.
fn every_field_counts(name: &str, fields: &[&str]) {
    for &field in fields {
        let mut trace = trace(name, usize::MAX);
        let having = trace.ops.iter().enumerate().filter(|(_, op)| op.get(field).is_some());
        let place = having.map(|(place, _)| place).nth(1);
        let place = place.unwrap_or_else(|| panic!("{name} has too little of {field}"));
        falsify(&mut trace.ops[place][field]);
        match verdict(&trace) {
            Verdict::Differs { compared, difference } => {
                assert_eq!(compared, place as u64 + 1, "{field}: {difference}");
            }
            _ => panic!("{name}: nobody saw that {field} of operation {place} was false"),
        }
    }
}

#[test]
fn a_false_number_of_the_pool_is_seen() {
    let fields = ["b", "u", "nv", "cp", "al", "ch", "ev"];
    every_field_counts("bufmgr-pg18-basic-01", &fields);
}

#[test]
fn a_false_number_of_a_context_is_seen() {
    every_field_counts("mmgr-pg18-aset-doubling-01", &["p", "sp", "m", "mr", "st"]);
}

#[test]
fn what_is_missing_is_seen() {
    let short = |verdict| matches!(verdict, Verdict::Differs { compared: 30, .. });
    assert!(short(verdict(&trace("bufmgr-pg18-basic-01", 30))));
    assert!(short(verdict(&trace("mmgr-pg18-aset-doubling-01", 30))));
    let whole = verdict(&trace("mmgr-pg18-aset-doubling-01", usize::MAX));
    assert!(matches!(whole, Verdict::Equal { compared } if compared > 1000));
}

#[test]
fn what_the_core_does_not_have_is_not_supported() {
    let unsupported = |trace: &Trace| matches!(verdict(trace), Verdict::Unsupported(_));
    for name in ["bufmgr-pg18-basic-01", "mmgr-pg18-aset-doubling-01"] {
        let mut operation = trace(name, 30);
        operation.ops[20]["op"] = json!("vacuum");
        assert!(unsupported(&operation), "{name}");
        let mut version = trace(name, 30);
        version.header["server_version_num"] = json!(90_600);
        assert!(unsupported(&version), "{name}");
        let mut format = trace(name, 30);
        format.header["format"] = json!("pg-lmgr-trace/1");
        assert!(unsupported(&format), "{name}");
    }
}

/// The first difference in a file's stories, after a change to the first story's first step.
fn first_difference(change: impl Fn(&mut Value)) -> Option<String> {
    let file = crate::process::root().join("tests/servers/contexts-pg18.json.br");
    let mut stories = contexts::read(&file).expect("a file of stories");
    change(&mut stories["stories"][0]["steps"][0]["rows"]);
    let told = contexts::replay(&stories).expect("stories");
    told.into_iter().find_map(|told| told.difference)
}

#[test]
fn a_story_that_is_not_true_is_seen() {
    assert_eq!(first_difference(|_| ()), None);
    let portal = |rows: &mut Value| {
        let rows = rows.as_array_mut().expect("rows");
        rows.iter().position(|row| row[0] == "TopPortalContext").expect("a row")
    };
    for column in [0, 2, 3, 5, 6, 7] {
        let falsified = first_difference(|rows| {
            let row = portal(rows);
            falsify(&mut rows[row][column]);
        });
        assert!(falsified.is_some(), "nobody saw that column {column} was false");
    }
    let missing = first_difference(|rows| {
        let row = portal(rows);
        rows[row][0] = json!("another");
    });
    assert!(missing.is_some_and(|what| what.contains("TopPortalContext")));
}

/// What is wrong with a start of 18 whose settings were all its defaults, after a change to it.
fn start_differs(change: impl Fn(&mut Value)) -> Option<String> {
    let file = crate::process::root().join("tests/servers/shmem-pg18.json.br");
    let mut starts = contexts::read(&file).expect("a file of starts");
    change(&mut starts["runs"][0]);
    let started = shmem::replay(&starts).expect("starts");
    started.into_iter().find_map(|started| started.difference)
}

#[test]
fn a_start_that_is_not_true_is_seen() {
    assert_eq!(start_differs(|_| ()), None);
    let rows = |run: &Value| run["allocations"].as_array().map_or(0, Vec::len);
    let file = crate::process::root().join("tests/servers/shmem-pg18.json.br");
    let all = rows(&contexts::read(&file).expect("a file of starts")["runs"][0]);
    assert!(all > 70);
    for row in 0..all {
        for column in 0..4 {
            let seen = start_differs(|run| falsify(&mut run["allocations"][row][column]));
            assert!(seen.is_some(), "nobody saw that column {column} of row {row} was false");
        }
    }
    let one_less = |run: &mut Value| drop(run["allocations"].as_array_mut().map(Vec::pop));
    assert!(start_differs(one_less).is_some_and(|what| what.contains("<anonymous>")));
    for name in ["shared_memory_size", "shared_memory_size_in_huge_pages", "num_os_semaphores"] {
        assert!(start_differs(|run| falsify(&mut run["constants"][name])).is_some(), "{name}");
    }
    for field in ["total", "max_backends"] {
        assert!(start_differs(|run| falsify(&mut run[field])).is_some(), "{field}");
    }
    for name in ["wal_buffers", "io_max_concurrency", "transaction_buffers", "io_method"] {
        let seen = start_differs(|run| falsify(&mut run["postmaster_settings"][name]));
        assert!(seen.is_some_and(|what| what.contains(name)));
    }
}

#[test]
fn a_start_that_failed_must_fail_in_the_same_words() {
    let given = |value: &'static str, refused: Option<&'static str>| {
        start_differs(move |run| {
            run["set"]["max_connections"] = json!(value);
            run["refused"] = json!(refused);
        })
    };
    let message = "0 is outside the valid range for parameter \"max_connections\" (1 .. 262143)";
    assert_eq!(given("0", Some(message)), None);
    assert!(given("0", Some("out of range")).is_some());
    assert!(given("0", None).is_some());
    assert!(given("100", Some(message)).is_some());
}

#[test]
fn a_lookup_table_that_grew_is_told_from_a_wrong_segment() {
    // What a table takes as it grows comes from the free rest and has no name.
    let taken = |bytes: i64| {
        start_differs(|run| {
            let rows = run["allocations"].as_array_mut().expect("rows");
            let last = rows.len();
            for (row, column, change) in [
                (last - 2, 1, bytes),
                (last - 2, 2, -bytes),
                (last - 2, 3, -bytes),
                (last - 1, 2, bytes),
                (last - 1, 3, bytes),
            ] {
                let value = &mut rows[row][column];
                *value = json!(value.as_i64().expect("a number") + change);
            }
        })
    };
    assert_eq!(taken(2048), None);
    assert_eq!(taken(32 * 2048), None);
    for bytes in [128, -2048, 33 * 2048] {
        assert!(taken(bytes).is_some(), "{bytes}");
    }
}
