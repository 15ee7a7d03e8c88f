//! Short names for what the page's two wasms import.
//!
//! wasm-bindgen names each import after what it calls and a hash (`__wbg_focus_2f77051f98540625`),
//! once in the wasm and once in the JavaScript that goes with it. Nobody reads these names, and a
//! hash doesn't compress: together they weigh as much as a panel of the page. The files of a
//! release are written anew with names of two letters, the JavaScript without indentation, and the wasm
//! without the sections that no browser reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::steps::Outcome;
use crate::trouble::Trouble;

/// What wasm-bindgen's names begin with.
const PREFIX: &str = "__wb";
/// A section of a wasm file that only tools read: names, and who made it.
const CUSTOM: u8 = 0;
/// The import section of a wasm file, and the bytes before the first section.
const IMPORTS: u8 = 2;
const HEAD: usize = 8;
/// The kind of an import that is a function.
const FUNCTION: u8 = 0;

/// The release in `dist`, with short names: each wasm there, with the script beside it.
pub(crate) fn release(dist: &Path) -> Outcome {
    let trouble = |what: &str| {
        Trouble::new(
            format!("{what} in dist"),
            "xtask/src/shorten.rs knows what wasm-bindgen writes; see what changed there",
        )
    };
    let failed = |error: std::io::Error| trouble(&format!("a file cannot be changed: {error}"));
    let mut count = 0;
    for entry in fs::read_dir(dist).map_err(failed)? {
        let wasm = entry.map_err(failed)?.path();
        let name = wasm.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = name.strip_suffix("_bg.wasm") else { continue };
        let script = wasm.with_file_name(format!("{name}.js"));
        let (bytes, names) = shorten(&fs::read(&wasm).map_err(failed)?)
            .ok_or_else(|| trouble("imports that cannot be read"))?;
        let text = fs::read_to_string(&script).map_err(failed)?;
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        let text = rename(&lines.join("\n"), &names);
        fs::write(wasm, bytes).map_err(failed)?;
        fs::write(script, text).map_err(failed)?;
        count += names.len();
    }
    match count {
        0 => Err(trouble("no wasm with imports")),
        count => Ok(format!("{count} imports")),
    }
}

/// A wasm file whose imported functions have short names, and these by the long ones.
fn shorten(wasm: &[u8]) -> Option<(Vec<u8>, BTreeMap<String, String>)> {
    let mut out = wasm.get(..HEAD)?.to_vec();
    let mut names = BTreeMap::new();
    let mut rest = wasm.get(HEAD..)?;
    while let Some((&section, behind)) = rest.split_first() {
        rest = behind;
        let body = sized(&mut rest)?;
        if section == CUSTOM {
            continue;
        }
        out.push(section);
        if section == IMPORTS {
            let body = imports(body, &mut names)?;
            push_sized(&mut out, &body);
        } else {
            push_sized(&mut out, body);
        }
    }
    Some((out, names))
}

fn imports(mut body: &[u8], names: &mut BTreeMap<String, String>) -> Option<Vec<u8>> {
    let count = number(&mut body)?;
    let mut out = Vec::new();
    push_number(&mut out, count);
    for _ in 0..count {
        push_sized(&mut out, sized(&mut body)?);
        let name = std::str::from_utf8(sized(&mut body)?).ok()?;
        let next = short(names.len());
        let new = match name.starts_with(PREFIX) {
            true => names.entry(name.to_owned()).or_insert(next),
            false => name,
        };
        push_sized(&mut out, new.as_bytes());
        // wasm-bindgen imports functions only.
        let (&FUNCTION, behind) = body.split_first()? else { return None };
        body = behind;
        out.push(FUNCTION);
        push_number(&mut out, number(&mut body)?);
    }
    Some(out)
}

/// `aa`, `ab` and so on.
fn short(number: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = |digit: usize| char::from(LETTERS[digit % LETTERS.len()]);
    let mut name = String::from("$");
    name.extend([letter(number / LETTERS.len()), letter(number)]);
    name
}

/// A script with other names in it.
fn rename(script: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(at) = rest.find(PREFIX) {
        let (before, from) = rest.split_at(at);
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let (name, behind) = from.split_at(from.find(|it| !is_part(it)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(names.get(name).map_or(name, |name| name));
        rest = behind;
    }
    out + rest
}

/// An unsigned LEB128 number off the front.
fn number(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let (&byte, behind) = bytes.split_first()?;
        *bytes = behind;
        value |= u32::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Bytes off the front, with their number before them.
fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = number(bytes)? as usize;
    let (taken, behind) = bytes.split_at_checked(size)?;
    *bytes = behind;
    Some(taken)
}

fn push_number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    push_number(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wasm(names: &[&str]) -> Vec<u8> {
        let mut body = vec![names.len() as u8];
        for name in names {
            push_sized(&mut body, b"./page_bg.js");
            push_sized(&mut body, name.as_bytes());
            body.extend([FUNCTION, 7]);
        }
        let mut out = b"\0asm\x01\0\0\0".to_vec();
        out.push(IMPORTS);
        push_sized(&mut out, &body);
        out.push(10);
        push_sized(&mut out, &[1; 300]);
        out
    }

    #[test]
    fn both_files_get_the_same_names() {
        let long = ["__wbg_focus_2f77051f98540625", "memory", "__wbindgen_cast_01"];
        let (bytes, names) = shorten(&wasm(&long)).unwrap();
        assert_eq!(bytes, wasm(&["$aa", "memory", "$ab"]));
        let script = "{ __wbg_focus_2f77051f98540625: f, __wbindgen_cast_01, memory: __wbg_init }";
        assert_eq!(rename(script, &names), "{ $aa: f, $ab, memory: __wbg_init }");
    }

    #[test]
    fn what_is_no_wasm_is_left_alone() {
        assert!(shorten(b"\0asm\x01\0\0\0\x02\x7f").is_none());
    }
}
