//! Colours of the terminal. Where there are none, or `NO_COLOR` is set, anstream takes them out.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use pgscope_scenario::markdown::Inline;
use pgscope_scenario::{Diagnostic, Entry, Narration, Tone};

const fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// The colours that the page has for them, as far as a terminal has them.
fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Who => Style::new().bold(),
        Tone::Hit => coloured(AnsiColor::Green),
        Tone::Miss => coloured(AnsiColor::Yellow),
        Tone::Evict => coloured(AnsiColor::Red),
        Tone::Dirty => coloured(AnsiColor::Magenta),
        Tone::Pin => coloured(AnsiColor::Cyan),
    }
}

/// One sentence in its tones, without the lines that belong to it.
pub(crate) fn narration(narration: &Narration) -> String {
    if !narration.prose.is_empty() {
        return prose(&narration.prose, Style::new());
    }
    narration.parts.iter().fold(String::new(), |mut text, part| {
        let style = style(part.tone);
        let _ = write!(text, "{style}{}{style:#}", part.text);
        text
    })
}

/// A text with its marks, as a terminal has them: a link is one that can be clicked there (OSC 8).
fn prose(pieces: &[Inline], style: Style) -> String {
    pieces.iter().fold(String::new(), |mut text, piece| {
        let _ = match piece {
            Inline::Text(words) => write!(text, "{style}{words}{style:#}"),
            Inline::Code(words) => {
                let code = style.fg_color(Some(AnsiColor::Cyan.into()));
                write!(text, "{code}{words}{code:#}")
            }
            Inline::Emphasis(inner) => write!(text, "{}", prose(inner, style.italic())),
            Inline::Strong(inner) => write!(text, "{}", prose(inner, style.bold())),
            Inline::Link { text: inner, url } => {
                let words = prose(inner, style.underline());
                write!(text, "\x1b]8;;{url}\x1b\\{words}\x1b]8;;\x1b\\")
            }
        };
        text
    })
}

/// A part of a story: the lines that [`Entry`] has as plain text, coloured.
pub(crate) fn entry(entry: &Entry<'_>) -> String {
    let dim = Style::new().dimmed();
    match entry {
        Entry::Step(line, told) => {
            let mut text = format!("{dim}{line}:{dim:#} {}\n", narration(told));
            told.listing.iter().for_each(|row| text.extend(["    ", row, "\n"]));
            text
        }
        Entry::More(..) => format!("{dim}{entry}{dim:#}"),
        Entry::End(_) => entry.to_string(),
    }
}

/// A diagnostic as the page has it, with the file's name before the line's.
pub(crate) fn diagnostic(name: &str, diagnostic: &Diagnostic) -> String {
    let red = coloured(AnsiColor::Red).bold();
    let blue = coloured(AnsiColor::Blue).bold();
    let mut text = String::new();
    for (number, line) in diagnostic.to_string().lines().enumerate() {
        let (before, styled, behind) = match number {
            0 => line.split_once(':').map_or(("", "", line.to_owned()), |(word, message)| {
                ("", word, format!(":{message}"))
            }),
            1 => line.split_once("--> ").map_or(("", "", line.to_owned()), |(margin, place)| {
                (margin, "--> ", format!("{name}, {place}"))
            }),
            _ => ("", "", line.to_owned()),
        };
        let style = if number == 0 { red } else { blue };
        let _ = writeln!(text, "{before}{style}{styled}{style:#}{behind}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstream::adapter::strip_str;
    use pgscope_scenario::compile;

    #[test]
    fn a_diagnostic_is_the_pages_and_names_its_file() {
        let found = compile("table t pages=1\nbackend a\na: read u 0").unwrap_err();
        let painted = diagnostic("x.pgscope", &found[0]);
        let expected = found[0].to_string().replacen("--> ", "--> x.pgscope, ", 1) + "\n";
        assert_eq!(strip_str(&painted).to_string(), expected);
        assert_ne!(painted, expected);
    }
}
