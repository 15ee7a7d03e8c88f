//! The script editor: a plain text field over a layer that paints its text.
//!
//! The field keeps the browser's caret, selection, undo, spelling of keys and accessibility; its own
//! letters are transparent. Behind it lies the same text in colours, to the pixel in the same
//! place, because both have the same font, line height and no wrapping. The box around both
//! scrolls them as one.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use pgscope_scenario::{Class, Diagnostic, highlight_line};
use web_sys::{HtmlElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::complete::{self, Offered, Pressed};
use crate::bridge::{editor, reveal};
use crate::paint::groups::{Group, Groups};
use crate::state::{Action, Move};

/// The height of a line in CSS pixels; `--line-height` in shell.css is the same.
const LINE_HEIGHT: i32 = 20;

/// The part of a line's number, from the left, where a click marks the line.
const MARGIN: i32 = 12;

/// Milliseconds after a letter until it is looked for what fits.
const PAUSE: u32 = 60;

/// Line numbers that are drawn together.
const NUMBERS: usize = 50;

/// What the editor shows.
#[derive(Clone, PartialEq, Properties)]
pub struct EditorProps {
    /// The script.
    pub text: Rc<str>,
    /// The line of the operation shown.
    pub line: Option<u32>,
    /// What is wrong with the text as it is now.
    pub diagnostics: Rc<[Diagnostic]>,
    /// Lines whose expectation did not hold.
    pub failed: Vec<u32>,
    /// Lines to stop at.
    pub breaks: Rc<BTreeSet<u32>>,
    /// The text field.
    pub field: NodeRef,
    /// To report what was typed.
    pub act: Callback<Action>,
    /// To go to where a line begins.
    pub on_line: Callback<u32>,
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Keyword => "hl-keyword",
        Class::Backend => "hl-backend",
        Class::Table => "hl-table",
        Class::Context => "hl-context",
        Class::Handle => "hl-handle",
        Class::Function => "hl-function",
        Class::Number => "hl-number",
        Class::Text => "hl-text",
        Class::Comment => "hl-comment",
        Class::Error => "hl-error",
    }
}

/// What is wrong: line numbers, with the bytes within the line.
type Wrong = Vec<(u32, Range<usize>)>;

/// Some painted lines.
#[derive(Clone, PartialEq, Properties)]
struct LinesProps {
    text: AttrValue,
    /// What is wrong in them, counted from their first.
    wrong: Wrong,
}

#[component]
fn Lines(props: &LinesProps) -> Html {
    let LinesProps { text, wrong } = props;
    let lines = (0..).zip(text.split('\n')).map(|(number, text)| {
        let parts = highlight_line(text);
        let wrong = wrong.iter().filter(|(line, _)| *line == number);
        line(text, &parts, &wrong.map(|(_, range)| range.clone()).collect::<Vec<_>>())
    });
    // The browser looks at a group's insides only where they are seen.
    html! {
        <div class="lines" style={height_of(text.split('\n').count())}>{ for lines }</div>
    }
}

/// So many lines, for the style sheet.
fn height_of(lines: usize) -> String {
    format!("--lines: {lines}")
}

fn line(text: &str, parts: &[(Range<usize>, Class)], wrong: &[Range<usize>]) -> Html {
    let mut cuts: Vec<usize> = vec![0, text.len()];
    for cut in parts.iter().map(|(range, _)| range).chain(wrong).flat_map(|r| [r.start, r.end]) {
        if let Err(place) = cuts.binary_search(&cut)
            && text.is_char_boundary(cut)
        {
            cuts.insert(place, cut);
        }
    }
    let pieces = cuts.windows(2).filter_map(|cut| {
        let (&from, &to) = (cut.first()?, cut.last()?);
        let piece = text.get(from..to)?.to_owned();
        let class = parts.iter().find(|(range, _)| range.contains(&from));
        let is_wrong = wrong.iter().any(|range| range.contains(&from));
        let class = class.map(|(_, class)| class_name(*class));
        Some(html! { <span class={classes!(class, is_wrong.then_some("wrong"))}>{ piece }</span> })
    });
    // Something is missing behind the last character.
    let beyond = wrong.iter().any(|range| range.start >= text.len());
    html! {
        <div class="line">
            { for pieces }
            if beyond { <span class="wrong">{ " " }</span> }
            { "\n" }
        </div>
    }
}

/// All lines in colours: each group looks at its own lines only, and only when they change.
fn painted(groups: &[Group], wrong: &Wrong) -> Html {
    let mut first = 1;
    let some = groups.iter().map(|Group { id, text, lines }| {
        let begin = first;
        first += lines;
        let within = |(line, range): &(u32, Range<usize>)| {
            Some((line.checked_sub(begin).filter(|line| line < lines)?, range.clone()))
        };
        let wrong: Wrong = wrong.iter().filter_map(within).collect();
        html! { <Lines key={*id} text={Rc::clone(text)} {wrong} /> }
    });
    html! { <>{ for some }</> }
}

/// The line numbers up to `last`.
fn numbers(last: usize, wrong: &[u32], breaks: &BTreeSet<u32>) -> Html {
    let number = |number: u32| {
        let class = classes!(
            wrong.contains(&number).then_some("has-error"),
            breaks.contains(&number).then_some("breakpoint")
        );
        html! { <span {class} data-line={number.to_string()}>{ number }</span> }
    };
    let numbers: Vec<Html> = (1..).take(last).map(number).collect();
    let groups = numbers.chunks(NUMBERS).map(|some| {
        html! { <div class="lines" style={height_of(some.len())}>{ for some.iter().cloned() }</div> }
    });
    html! { <>{ for groups }</> }
}

/// What is wrong in each line, as bytes within it.
fn wrong_parts(text: &str, diagnostics: &[Diagnostic]) -> Wrong {
    let in_line = |wrong: &Diagnostic| {
        let begin = text.get(..wrong.span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(begin..)?.split('\n').next().unwrap_or_default();
        let from = wrong.span.start - begin;
        // An error that spans lines is marked in its first.
        let to = wrong.span.end.saturating_sub(begin).clamp(from, line.len().max(from));
        Some((wrong.line, from..to))
    };
    diagnostics.iter().filter_map(in_line).collect()
}

/// The editor.
#[component]
pub fn Editor(props: &EditorProps) -> Html {
    let EditorProps { text, line, diagnostics, failed, breaks, field, act, on_line } = props;
    let scroller = use_node_ref();

    // What the page writes comes back as input, line for line: half of it is nothing to heed.
    let writing = use_mut_ref(|| false);
    let (written, the_field, begun) = (text.clone(), field.clone(), Rc::clone(&writing));
    use_effect_with(written, move |text| {
        if let Some(field) = the_field.cast::<HtmlTextAreaElement>() {
            begun.replace(true);
            editor::write(&field, text);
            begun.replace(false);
        }
    });
    let view = scroller.clone();
    use_effect_with(*line, move |line| {
        if let (Some(line), Some(view)) = (line, view.cast::<HtmlElement>()) {
            let top = i32::try_from(line.saturating_sub(1)).unwrap_or_default() * LINE_HEIGHT;
            let (from, height) = (view.scroll_top(), view.client_height());
            if top < from + LINE_HEIGHT || top + 3 * LINE_HEIGHT > from + height {
                view.set_scroll_top((top - height / 2).max(0));
            }
        }
    });

    // Errors below make the editor lower, and must not push away what is being written.
    let (view, the_field) = (scroller.clone(), field.clone());
    use_effect_with((diagnostics.len(), failed.len()), move |_| {
        if let (Some(view), Some(field)) = (view.cast::<HtmlElement>(), the_field.cast()) {
            editor::keep_caret_in_view(&field, &view, LINE_HEIGHT);
        }
    });

    let offered = use_state_eq(|| None::<Offered>);
    // What was chosen comes back as input too, and may be gone on from.
    let chosen = use_mut_ref(|| false);
    let on_edit = act.reform(|text: String| Action::Edit(text.into()));
    // What fits is looked for when the typist pauses: no letter waits for it.
    let due = use_mut_ref(|| None::<Timeout>);
    let pending = use_mut_ref(|| false);
    let oninput = {
        let (offered, chosen) = (offered.setter(), Rc::clone(&chosen));
        let (due, pending) = (Rc::clone(&due), Rc::clone(&pending));
        Callback::from(move |event: InputEvent| {
            if !*writing.borrow() {
                let field: HtmlTextAreaElement = event.target_unchecked_into();
                on_edit.emit(field.value());
                let (offered, chosen) = (offered.clone(), Rc::clone(&chosen));
                let pends = Rc::clone(&pending);
                pending.replace(true);
                due.replace(Some(Timeout::new(PAUSE, move || {
                    pends.replace(false);
                    offered.set(Offered::at_caret(&field, chosen.replace(false)));
                })));
            }
        })
    };
    // Escape gives the keys back to the page; those for breakpoints work here too.
    let pressed = act.clone();
    let (state, accepted) = (offered.clone(), Rc::clone(&chosen));
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        let field: HtmlTextAreaElement = event.target_unchecked_into();
        let offered = match complete::heeds(&event) && pending.replace(false) {
            true => {
                due.replace(None);
                let now = Offered::at_caret(&field, accepted.replace(false));
                state.set(now.clone());
                now
            }
            false => (*state).clone(),
        };
        match complete::pressed(&event, offered.as_ref(), &field) {
            Pressed::Shows(next) => return state.set(next),
            Pressed::Takes(place) => {
                accepted.replace(true);
                return complete::take(offered.as_ref(), place, &field);
            }
            Pressed::Else => {}
        }
        match event.key().as_str() {
            "Escape" => {
                let _ = field.blur();
                return;
            }
            "F8" => pressed.emit(Action::Go(Move::Break)),
            "F9" => pressed.emit(Action::Break(editor::caret_line(&field))),
            _ => return,
        }
        event.prevent_default();
    });
    let (choose, toggle) = (on_line.clone(), act.clone());
    let onclick = Callback::from(move |event: MouseEvent| {
        let gutter: HtmlElement = event.target_unchecked_into();
        if let Some(line) = gutter.dataset().get("line").and_then(|line| line.parse().ok()) {
            // The margin before the number marks the line, the number goes there.
            match event.offset_x() < MARGIN {
                true => toggle.emit(Action::Break(Some(line))),
                false => choose.emit(line),
            }
        }
    });

    // Made anew for another text only: a step through time just moves the mark of its line.
    let wrong = wrong_parts(text, diagnostics);
    let mut bad: Vec<u32> = failed.clone();
    bad.extend(wrong.iter().map(|(line, _)| *line));
    let count = text.split('\n').count();
    let gutter = use_memo((count, bad, Rc::clone(breaks)), |(count, bad, breaks)| {
        numbers(*count, bad, breaks)
    });
    let groups = use_mut_ref(Groups::default);
    let paint = use_memo((text.clone(), wrong), |(text, wrong)| {
        let mut groups = groups.borrow_mut();
        groups.update(text);
        painted(groups.all(), wrong)
    });
    let current = line.map(|line| format!("--at: {}", line.saturating_sub(1)));
    let mark = current.map(|at| html! { <div class="current" style={at} /> });
    let digits = count.to_string().len();
    let close = {
        let offered = offered.setter();
        Callback::from(move |()| offered.set(None))
    };
    let take = {
        let (offered, field, chosen) = (offered.clone(), field.clone(), Rc::clone(&chosen));
        Callback::from(move |place: usize| {
            if let Some(field) = field.cast::<HtmlTextAreaElement>() {
                chosen.replace(true);
                complete::take((*offered).as_ref(), place, &field);
            }
        })
    };
    let onscroll = {
        let (offered, field) = (offered.clone(), field.clone());
        Callback::from(move |_: Event| {
            let shown = offered.as_ref().zip(field.cast::<HtmlTextAreaElement>());
            if let Some((shown, field)) = shown {
                offered.set(shown.scrolled(&field));
            }
        })
    };
    let active = offered.as_ref().and_then(|it| it.active).map(complete::id);
    use_effect_with(active.clone(), |active| {
        if let Some(active) = active {
            reveal::reveal(&["#", active].concat());
        }
    });
    html! {
        <div class="editor" ref={scroller.clone()} {onscroll} style={format!("--digits: {}", digits.max(2))}>
            <div class="gutter" aria-hidden="true" {onclick}>
                { mark.clone() }
                { (*gutter).clone() }
            </div>
            <div class="code">
                { mark }
                <div class="paint" aria-hidden="true">{ (*paint).clone() }</div>
                <textarea ref={field} aria-label="Scenario" spellcheck="false" autocomplete="off"
                    autocapitalize="off" wrap="off" rows="1" {oninput} {onkeydown}
                    aria-autocomplete="list" aria-controls={offered.is_some().then_some("completions")}
                    aria-activedescendant={active} onblur={close.reform(|_: FocusEvent| ())}
                    onwheel={close.reform(|_: WheelEvent| ())}
                    onpointerdown={close.reform(|_: PointerEvent| ())} />
                if let Some(offered) = &*offered { { complete::list(offered, &take) } }
            </div>
        </div>
    }
}
