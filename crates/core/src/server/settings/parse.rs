//! A value's text (`parse_int`, `convert_to_base_unit` and `parse_bool` in `guc.c` and `bool.c`).

use super::SettingError;
use crate::profile::parameters::{MILLIONTHS, Parameter, Unit};

/// Units of memory, the largest first, and their bytes.
const MEMORY: [(&str, f64); 5] = [
    ("TB", 1_099_511_627_776.0),
    ("GB", 1_073_741_824.0),
    ("MB", 1_048_576.0),
    ("kB", 1024.0),
    ("B", 1.0),
];
/// Units of time, and their minutes.
const TIME: [(&str, f64); 6] = [
    ("d", 1440.0),
    ("h", 60.0),
    ("min", 1.0),
    ("s", 1.0 / 60.0),
    ("ms", 1.0 / 60_000.0),
    ("us", 1.0 / 60_000_000.0),
];
const MEMORY_HINT: &str = r#"Valid units for this parameter are "B", "kB", "MB", "GB", and "TB"."#;
const TIME_HINT: &str =
    r#"Valid units for this parameter are "us", "ms", "s", "min", "h", and "d"."#;

/// Where a number is too large.
pub(crate) const INTEGER_RANGE_HINT: &str = "Value exceeds integer range.";

/// `pg_settings.unit`.
pub(super) fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::None | Unit::Real => "",
        Unit::Bytes(1) => "B",
        Unit::Bytes(1024) => "kB",
        Unit::Bytes(8192) => "8kB",
        Unit::Bytes(_) => "MB",
        Unit::Minutes => "min",
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
    }
}

/// Digits that `%g` shows.
const SIX: usize = 6;
/// Words that a setting takes for another, and that no hint names (`config_enum_entry.hidden`).
const HIDDEN: [(&str, &str, &str); 8] = [
    ("huge_pages", "true", "on"),
    ("huge_pages", "yes", "on"),
    ("huge_pages", "1", "on"),
    ("huge_pages", "false", "off"),
    ("huge_pages", "no", "off"),
    ("huge_pages", "0", "off"),
    ("wal_level", "archive", "replica"),
    ("wal_level", "hot_standby", "replica"),
];

/// Read a value, in the setting's own unit.
pub(super) fn value(parameter: &Parameter, text: &str) -> Result<i32, SettingError> {
    let invalid =
        |hint: String| SettingError::Invalid { name: parameter.name, value: text.to_owned(), hint };
    match parameter.words {
        [] if parameter.unit == Unit::Real => parse_real(parameter, text),
        [] => parse_int(parameter.unit, text).map_err(|hint| invalid(hint.to_owned())),
        ["off", "on"] => parse_bool(text.trim())
            .map(i32::from)
            .ok_or(SettingError::NotBoolean { name: parameter.name }),
        words => {
            let hidden = HIDDEN
                .iter()
                .find(|(name, word, _)| *name == parameter.name && word.eq_ignore_ascii_case(text));
            let text = hidden.map_or(text, |(_, _, word)| word);
            let place = words.iter().position(|word| word.eq_ignore_ascii_case(text));
            let hint = || invalid(format!("Available values: {}.", words.join(", ")));
            place.map(|place| place as i32).ok_or_else(hint)
        }
    }
}

/// `parse_bool`: a beginning that can be nothing else will do.
fn parse_bool(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    match text.as_str() {
        "1" => Some(true),
        "0" => Some(false),
        "on" => Some(true),
        _ if begins("true", 1) || begins("yes", 1) => Some(true),
        _ if begins("false", 1) || begins("no", 1) || begins("off", 2) => Some(false),
        _ => None,
    }
}

/// `parse_real` and the check of its range: a number without a unit, in millionths.
fn parse_real(parameter: &Parameter, text: &str) -> Result<i32, SettingError> {
    let Parameter { name, min, max, .. } = *parameter;
    let (sign, unsigned) = signed(text.trim());
    let number = match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(f64::INFINITY),
        _ => strtod(unsigned).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number),
    };
    let number = number.map(|number| sign * number);
    let invalid = || SettingError::Invalid { name, value: text.to_owned(), hint: String::new() };
    let number = number.ok_or_else(invalid)?;
    let millionths = number * MILLIONTHS;
    if (f64::from(min)..=f64::from(max)).contains(&millionths) {
        return Ok(millionths.round_ties_even() as i32);
    }
    let [min, max] = [min, max].map(real);
    Err(SettingError::RealOutOfRange { name, value: with_six_digits(number), min, max })
}

/// `%g`: six digits, with an exponent where that is shorter.
fn with_six_digits(number: f64) -> String {
    let (minus, size) = (if number < 0.0 { "-" } else { "" }, number.abs());
    if !number.is_finite() || size == 0.0 {
        return number.to_string();
    }
    // All its digits, and how far the first stands before the point.
    let all = format!("{size:.340}");
    let point = all.find('.').unwrap_or(all.len()) as i32;
    let mut digits: Vec<u8> = all.bytes().filter(u8::is_ascii_digit).collect();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    let mut exponent = point - 1 - zeros as i32;
    // To the nearest, to an even one if both are as near.
    let rest = digits.split_off(SIX.min(digits.len()));
    let half = rest.first() == Some(&b'5') && rest.iter().skip(1).all(|digit| *digit == b'0');
    let odd = digits.last().is_some_and(|digit| digit % 2 == 1);
    if rest.first().is_some_and(|digit| *digit >= b'5') && (!half || odd) {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let kept = digits.len() - nines;
        digits[kept..].fill(b'0');
        match kept.checked_sub(1) {
            Some(last) => digits[last] += 1,
            None => {
                digits.insert(0, b'1');
                digits.truncate(SIX);
                exponent += 1;
            }
        }
    }
    let digits = String::from_utf8(digits).unwrap_or_default();
    let digits = digits.trim_end_matches('0');
    let with_point = |before: usize| match digits.len() > before {
        true => format!("{}.{}", &digits[..before], &digits[before..]),
        false => format!("{digits:0<before$}"),
    };
    match exponent {
        -4..0 => format!("{minus}0.{}{digits}", "0".repeat((-exponent - 1) as usize)),
        0..6 => format!("{minus}{}", with_point(exponent as usize + 1)),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{minus}{}e{sign}{:02}", with_point(1), exponent.abs())
        }
    }
}

/// A real number as `%g` writes it.
pub(super) fn real(millionths: i32) -> String {
    (f64::from(millionths) / MILLIONTHS).to_string()
}

/// `ShowGUCOption`: a value with the largest unit in which it is whole.
pub(super) fn shown(parameter: &Parameter, value: i32) -> String {
    if let Some(word) = usize::try_from(value).ok().and_then(|place| parameter.words.get(place)) {
        return (*word).to_owned();
    }
    let (units, base): (&[(&str, u64)], u64) = match parameter.unit {
        Unit::Real => return real(value),
        Unit::Bytes(by) => (&SHOWN_MEMORY, by.into()),
        Unit::Minutes => (&SHOWN_TIME, 60_000),
        Unit::Seconds => (&SHOWN_TIME, 1000),
        Unit::Milliseconds => (&SHOWN_TIME, 1),
        Unit::None => return value.to_string(),
    };
    let Some(amount) = u64::try_from(value).ok().filter(|value| *value > 0) else {
        return value.to_string();
    };
    let amount = amount * base;
    let unit = units.iter().find(|(_, size)| amount.is_multiple_of(*size));
    unit.map_or_else(|| value.to_string(), |(name, size)| format!("{}{name}", amount / size))
}

/// Units in which a value is shown.
const SHOWN_MEMORY: [(&str, u64); 5] =
    [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)];
const SHOWN_TIME: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

/// `parse_int`; the error is a hint, or nothing.
fn parse_int(unit: Unit, text: &str) -> Result<i32, &'static str> {
    let (number, rest) = leading_number(text.trim_start()).ok_or("")?;
    let number = match (unit, rest.trim()) {
        (_, "") => number,
        (Unit::None | Unit::Real, _) => return Err(""),
        (Unit::Bytes(by), name) => {
            convert_to_base_unit(number, name, &MEMORY, f64::from(by)).ok_or(MEMORY_HINT)?
        }
        (Unit::Minutes, name) => convert_to_base_unit(number, name, &TIME, 1.0).ok_or(TIME_HINT)?,
        (Unit::Seconds, name) => {
            convert_to_base_unit(number, name, &TIME, 1.0 / 60.0).ok_or(TIME_HINT)?
        }
        (Unit::Milliseconds, name) => {
            convert_to_base_unit(number, name, &TIME, 1.0 / 60_000.0).ok_or(TIME_HINT)?
        }
    };
    let number = number.round_ties_even();
    if number > f64::from(i32::MAX) || number < f64::from(i32::MIN) {
        return Err(INTEGER_RANGE_HINT);
    }
    Ok(number as i32)
}

/// `convert_to_base_unit`: a fraction is rounded to the next smaller unit, so that 30.1GB are
/// whole megabytes.
fn convert_to_base_unit(number: f64, name: &str, units: &[(&str, f64)], base: f64) -> Option<f64> {
    let place = units.iter().position(|(unit, _)| *unit == name)?;
    let (_, size) = units.get(place)?;
    let number = number * size / base;
    Some(match units.get(place + 1) {
        Some((_, smaller)) => {
            let smaller = smaller / base;
            (number / smaller).round_ties_even() * smaller
        }
        None => number,
    })
}

/// The number at the beginning, as `strtol` (decimal, hexadecimal or octal) reads it, or as `strtod`
/// does if it goes on with a point or an exponent; and the rest.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let (sign, unsigned) = signed(text);
    let hexadecimal = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => (digits, 16),
        _ if unsigned.starts_with('0') => (unsigned, 8),
        _ => (unsigned, 10),
    };
    let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let rest = &digits[length..];
    if !rest.starts_with(['.', 'e', 'E']) {
        let digits = &digits[..length];
        if digits.is_empty() {
            return None;
        }
        // Beyond 64 bits strtol gives up and strtod reads the same digits.
        let number = digits.bytes().fold(0.0, |number, digit| {
            number * f64::from(radix) + f64::from((digit as char).to_digit(radix).unwrap_or(0))
        });
        return Some((sign * number, rest));
    }
    let (number, rest) = strtod(unsigned)?;
    Some((sign * number, rest))
}

/// A number's sign, and what is behind it.
fn signed(text: &str) -> (f64, &str) {
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    (sign, text.strip_prefix(['-', '+']).unwrap_or(text))
}

/// A number that begins with `0x`, which `strtod` reads too: digits, perhaps with a point, and perhaps a
/// power of two.
fn hexadecimal(text: &str) -> Option<(f64, &str)> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let (mut number, mut scale, mut any, mut point, mut end) = (0.0, 1.0, false, false, 0);
    for c in digits.chars() {
        match c.to_digit(16) {
            Some(digit) => {
                any = true;
                number = number * 16.0 + f64::from(digit);
                scale *= if point { 16.0 } else { 1.0 };
            }
            None if c == '.' && !point => point = true,
            None => break,
        }
        end += 1;
    }
    let mut rest = digits.get(end..)?;
    if let Some(behind) = rest.strip_prefix(['p', 'P']) {
        let (sign, power) = signed(behind);
        let length = power.find(|c: char| !c.is_ascii_digit()).unwrap_or(power.len());
        if length > 0 {
            let given: i32 = power.get(..length)?.parse().unwrap_or(i32::MAX);
            number *= 2_f64.powi((given.min(3000) as f64 * sign) as i32);
            rest = power.get(length..)?;
        }
    }
    any.then_some((number / scale, rest))
}

/// The decimal number at the beginning, as `strtod` reads it, and the rest. Exact for up to 15 digits
/// and exponents up to 22, which is more than any setting has room for: the standard library's way
/// for all others has a table of 10 kB, which every reader of the page would have to fetch.
fn strtod(text: &str) -> Option<(f64, &str)> {
    if let Some(hexadecimal) = hexadecimal(text) {
        return Some(hexadecimal);
    }
    let (mut mantissa, mut exponent, mut any, mut point) = (0_u64, 0_i32, false, false);
    let mut end = 0;
    for byte in text.bytes() {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                let larger = mantissa.checked_mul(10);
                match larger.and_then(|it| it.checked_add(u64::from(byte - b'0'))) {
                    Some(larger) => {
                        mantissa = larger;
                        exponent -= i32::from(point);
                    }
                    // A digit that makes no difference any more.
                    None => exponent = exponent.saturating_add(i32::from(!point)),
                }
            }
            _ => break,
        }
        end += 1;
    }
    if !any {
        return None;
    }
    let mut rest = text.get(end..)?;
    if let Some(behind) = rest.strip_prefix(['e', 'E']) {
        let (sign, digits) = signed(behind);
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if length > 0 {
            let given = digits.get(..length)?.parse().unwrap_or(i32::MAX);
            exponent = exponent.saturating_add(if sign < 0.0 { -given } else { given });
            rest = digits.get(length..)?;
        }
    }
    let power = 10_f64.powi(exponent.unsigned_abs().min(400) as i32);
    let number = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    // Nothing times too much is no number.
    Some((if mantissa == 0 { 0.0 } else { number }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: Unit = Unit::Bytes(8192);

    #[test]
    fn strtod_reads_what_the_standard_library_reads() {
        for text in ["0", "0.5", ".5", "5.", "2.0", "0.0025", "1e3", "1E-3", "99.999999", "0e999"] {
            assert_eq!(strtod(text), Some((text.parse().expect(text), "")), "{text}");
        }
        assert_eq!(strtod("1e999"), Some((f64::INFINITY, "")));
        assert_eq!(strtod("1.5exa"), Some((1.5, "exa")));
        assert_eq!((strtod("."), strtod(""), strtod("e5")), (None, None, None));
    }

    #[test]
    fn numbers_have_six_digits_as_percent_g_writes_them() {
        for (number, text) in [
            (1_000_000_001.0, "1e+09"),
            (276_644_526_731.0, "2.76645e+11"),
            (999_999.5, "1e+06"),
            (-1_002_936.5, "-1.00294e+06"),
            (1234.5678, "1234.57"),
            (0.25, "0.25"),
            (0.00001, "1e-05"),
            (-3.0, "-3"),
            (0.0, "0"),
        ] {
            assert_eq!(with_six_digits(number), text);
        }
        assert_eq!(strtod("0x1f.8 "), Some((31.5, " ")));
        assert_eq!(strtod("0x1p3"), Some((8.0, "")));
        assert_eq!(strtod("0xg"), Some((0.0, "xg")));
    }

    #[test]
    fn a_number_is_read_as_strtol_or_strtod_reads_it() {
        for (text, number) in [
            ("16384", 16_384),
            (" +16 ", 16),
            ("-1", -1),
            ("0x4000", 16_384),
            ("0200", 128),
            ("0", 0),
            ("1e3", 1000),
            ("2.5e+2", 250),
            ("1000.5", 1000),
            ("1001.5", 1002),
            (".5e1", 5),
        ] {
            assert_eq!(parse_int(Unit::None, text), Ok(number), "{text}");
        }
        for text in ["", "-", "lots", "1 2", "10kB", "0x", "08", "."] {
            assert!(parse_int(Unit::None, text).is_err(), "{text}");
        }
        for text in ["2147483648", "-2147483649", "1e300", &"9".repeat(400)] {
            assert_eq!(parse_int(Unit::None, text), Err(INTEGER_RANGE_HINT), "{text}");
        }
    }

    #[test]
    fn a_unit_is_converted_to_the_settings_own() {
        assert_eq!(parse_int(BLOCKS, "128MB"), Ok(16_384));
        assert_eq!(parse_int(BLOCKS, "12 MB "), Ok(1536));
        assert_eq!(parse_int(BLOCKS, "20kB"), Ok(2));
        assert_eq!(parse_int(BLOCKS, "0.0001TB"), Ok(0));
        assert_eq!(parse_int(Unit::Bytes(1 << 20), "1500kB"), Ok(1));
        assert_eq!(parse_int(Unit::Minutes, "1.5h"), Ok(90));
        assert_eq!(parse_int(Unit::Minutes, "90s"), Ok(2));
        assert_eq!(parse_int(BLOCKS, "1XB"), Err(MEMORY_HINT));
        assert_eq!(parse_int(Unit::Minutes, "5kB"), Err(TIME_HINT));
    }

    #[test]
    fn a_boolean_may_be_short_as_long_as_it_is_clear() {
        for (text, value) in [("on", true), ("T", true), ("yes", true), ("1", true), ("tru", true)]
        {
            assert_eq!(parse_bool(text), Some(value), "{text}");
        }
        for text in ["of", "OFF", "f", "n", "0"] {
            assert_eq!(parse_bool(text), Some(false), "{text}");
        }
        for text in ["", "o", "maybe", "truer", "2"] {
            assert_eq!(parse_bool(text), None, "{text}");
        }
    }
}
