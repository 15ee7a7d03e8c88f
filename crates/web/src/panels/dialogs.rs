//! The dialogs: the keys, the link where the clipboard is closed, the code that embeds.

use std::rc::Rc;

use pgscope_core::profile::Version;
use pgscope_scenario::limits::CHATS_CUT;
use web_sys::{HtmlDialogElement, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use super::icons;
use super::versions::Versions;
use crate::bridge::address;
use crate::bridge::clipboard;
use crate::bridge::keys::KEYS;
use crate::bridge::later::{self, Later, MISSING};
use crate::bridge::picture;
use crate::state::compose::BUTTONS;
use crate::state::{Action, Dialog, Notice, State, sentence};

/// Which dialog, and what it needs to know.
#[derive(Clone, PartialEq, Properties)]
pub struct DialogsProps {
    /// The one that is open.
    pub dialog: Dialog,
    /// The address of the page with the scenario.
    pub link: AttrValue,
    /// The scenario's title.
    pub title: AttrValue,
    /// The scenario.
    pub text: Rc<str>,
    /// How many of its operations are done.
    pub op: u64,
    /// The version that it runs on.
    pub version: Version,
    /// To close it.
    pub act: Callback<Action>,
}

/// Do what needs the later part of the page, or tell the reader that it isn't here.
pub fn with_later(act: &Callback<Action>, then: impl FnOnce(&Later) + 'static) {
    let act = act.clone();
    later::with(move |later| match &later {
        Some(later) => then(later),
        None => act.emit(Action::Tell(Notice::Failed(sentence(MISSING)))),
    });
}

/// Copy, and tell the reader how that went; where it can't be, show the link to copy by hand.
pub fn copy_link(state: &State, act: &Callback<Action>) {
    let (link, told) = (state.link(), act.clone());
    with_later(act, move |later| {
        let link = address::with_fragment(&later.pack(&link), "");
        address::keep(&link);
        let copy = link.clone();
        clipboard::copy(&copy, move |copied| {
            told.emit(if copied {
                match link.len() > CHATS_CUT {
                    true => Action::Tell(Notice::Long(link.len())),
                    false => Action::Tell(Notice::Done("Link copied".into())),
                }
            } else {
                Action::Show(Some(Dialog::Link))
            });
        });
    });
}

/// The dialog that is open.
#[component]
pub fn Dialogs(props: &DialogsProps) -> Html {
    let DialogsProps { dialog, link, act, .. } = props;
    let element = use_node_ref();
    let wish = use_state(Wish::default);
    let opened = element.clone();
    use_effect_with(*dialog, move |_| {
        if let Some(dialog) = opened.cast::<HtmlDialogElement>() {
            // Fails only for one that is open already, and then it is.
            let _ = dialog.show_modal();
        }
    });
    let onclose = act.reform(|_: Event| Action::Show(None));
    let close = act.reform(|_: MouseEvent| Action::Show(None));
    // A click beside the dialog is a click on its backdrop, which is the element itself.
    let beside = {
        let (element, act) = (element.clone(), act.clone());
        Callback::from(move |event: MouseEvent| {
            if event.target().is_some_and(|it| element.get().is_some_and(|own| *own == it)) {
                act.emit(Action::Show(None));
            }
        })
    };
    let (heading, body) = match dialog {
        Dialog::Keys => ("Keys", keys()),
        Dialog::Link => ("Link", link_field(link)),
        Dialog::Embed => ("Embed", embed_code(props, &wish)),
        Dialog::Versions => ("Versions", versions(props)),
    };
    html! {
        <dialog ref={element} {onclose} onclick={beside} aria-labelledby="dialog-heading">
            <div class="dialog-body">
                <header>
                    <h2 id="dialog-heading">{ heading }</h2>
                    <button type="button" class="quiet" aria-label="Close" onclick={close}>
                        { icons::close() }
                    </button>
                </header>
                { body }
            </div>
        </dialog>
    }
}

fn versions(DialogsProps { text, version, act, .. }: &DialogsProps) -> Html {
    html! {
        <>
            <p>{ "This scenario on each version that pgscope knows. What differs from yours is marked." }</p>
            <Versions text={AttrValue::from(Rc::clone(text))} own={*version} act={act.clone()} />
        </>
    }
}

/// Written as text: it holds our own words only.
fn keys() -> Html {
    let mut out = String::from("<h3>Through time</h3><dl class='key-list'>");
    let row = |out: &mut String, keys: &str, meaning: &str| {
        *out += "<div><dt>";
        for key in keys.split(' ') {
            out.extend(["<kbd>", key, "</kbd>"]);
        }
        out.extend(["</dt><dd>", meaning, "</dd></div>"]);
    };
    KEYS.iter().for_each(|(keys, meaning)| row(&mut out, keys, meaning));
    out += "</dl><h3>Into the script</h3><dl class='key-list'>";
    BUTTONS.iter().for_each(|it| row(&mut out, it.key, it.label));
    out += "</dl><p class='dim'>Keys rest while you type in a field.</p>";
    Html::from_html_unchecked(out.into())
}

fn link_field(link: &AttrValue) -> Html {
    let onfocus = Callback::from(|event: FocusEvent| {
        event.target_unchecked_into::<HtmlInputElement>().select();
    });
    html! {
        <>
            <p>{ "The browser keeps its clipboard closed to this page. Copy the link from here:" }</p>
            <input type="text" readonly=true aria-label="Link" value={link} {onfocus} />
        </>
    }
}

/// What can be chosen of the code that embeds; nothing is the usual.
#[derive(Clone, Default)]
struct Wish {
    kind: String,
    panel: String,
    theme: String,
}

/// The iframe's code, for a page about this scenario.
fn iframe(link: &str, title: &str, wish: &Wish) -> String {
    let (page, fragment) = link.split_once('#').unwrap_or((link, ""));
    let query = |name, value: &str| match value {
        "" => String::new(),
        value => ["&amp;", name, "=", value].concat(),
    };
    let (panel, theme) = (query("panel", &wish.panel), query("theme", &wish.theme));
    let title: String = title.chars().filter(|c| !matches!(c, '"' | '<' | '>' | '&')).collect();
    format!(
        "<iframe src=\"{page}?embed{panel}{theme}#{fragment}\"\n  title=\"pgscope: {title}\" \
         width=\"100%\" height=\"520\" loading=\"lazy\"\n  style=\"border:1px solid #8884;\
         border-radius:12px\"\n  sandbox=\"allow-scripts allow-popups \
         allow-popups-to-escape-sandbox\"></iframe>"
    )
}

/// The custom element's code: the script, that can be read and changed where it stands.
fn element(DialogsProps { link, text, op, .. }: &DialogsProps, wish: &Wish) -> String {
    let (page, fragment) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.rfind('/').and_then(|end| page.get(..=end)).unwrap_or_default();
    let attribute = |name, value: &str| match value {
        "" => String::new(),
        value => [" ", name, "=\"", value, "\""].concat(),
    };
    let (panel, theme) = (attribute("panel", &wish.panel), attribute("theme", &wish.theme));
    // In a script element these would be HTML's: then the link has the text.
    let (source, body) = if text.contains("</") || text.contains("<!--") {
        (attribute("src", &["#", fragment].concat()), String::new())
    } else {
        let body = ["<script type=\"text/pgscope\">\n", text.trim_end(), "\n</script>"].concat();
        (attribute("at", &op.to_string()), body)
    };
    format!(
        "<script src=\"{folder}pg-scope.js\" defer></script>\n\
         <pg-scope height=\"520\"{panel}{theme}{source}>{body}</pg-scope>"
    )
}

/// The code that embeds, with what can be chosen of it.
fn embed_code(props: &DialogsProps, wish: &UseStateHandle<Wish>) -> Html {
    let DialogsProps { link, title, act, .. } = props;
    let code = match wish.kind.is_empty() {
        true => iframe(link, title, wish),
        false => element(props, wish),
    };
    let set = |change: fn(&mut Wish, String)| {
        let wish = wish.clone();
        Callback::from(move |event: Event| {
            let mut next = (*wish).clone();
            change(&mut next, event.target_unchecked_into::<HtmlSelectElement>().value());
            wish.set(next);
        })
    };
    let copy = {
        let (act, code) = (act.clone(), code.clone());
        Callback::from(move |_: MouseEvent| {
            let act = act.clone();
            clipboard::copy(&code, move |copied| {
                let news = if copied { "Code copied" } else { "Copy the code from its field" };
                act.emit(Action::Tell(Notice::Done(news.into())));
            });
        })
    };
    html! {
        <>
            <p>{ "Put this where the page about it has its HTML. It opens where you stand now." }</p>
            <div class="options">
                { choice("code", &wish.kind, set(|wish, kind| wish.kind = kind),
                    &[("", "iframe"), ("element", "custom element")]) }
                { choice("picture", &wish.panel, set(|wish, panel| wish.panel = panel),
                    &[("", "shared memory"), ("memory", "local memory")]) }
                { choice("theme", &wish.theme, set(|wish, theme| wish.theme = theme),
                    &[("", "as the reader's system"), ("light", "light"), ("dark", "dark")]) }
            </div>
            if !wish.kind.is_empty() {
                <p class="dim">{ "The first line once on a page, the second wherever one is wanted: the scenario \
                    stands in it to be read and changed." }</p>
            }
            <textarea readonly=true rows="7" aria-label="Embed code" value={code} spellcheck="false" />
            <button type="button" class="primary" onclick={copy}>{ "Copy code" }</button>
            <h3>{ "The picture alone" }</h3>
            <div class="options" role="group" aria-label="Save the picture">
                { picture("Save as SVG", picture::Kind::Svg, act) }
                { picture("Save as PNG", picture::Kind::Png, act) }
                <button type="button" onclick={Callback::from(|_: MouseEvent| print())}>
                    { "Print" }
                </button>
            </div>
        </>
    }
}

/// One of a few values, by its label. Which one is chosen is said of each: the last is put in first.
fn choice(
    label: &'static str,
    chosen: &str,
    onchange: Callback<Event>,
    offered: &[(&'static str, &'static str)],
) -> Html {
    let options = offered.iter().map(|&(value, name)| {
        html! { <option {value} selected={value == chosen}>{ name }</option> }
    });
    html! { <label>{ label }<select {onchange}>{ for options }</select></label> }
}

/// A button that saves the picture, or says why there is none.
fn picture(label: &'static str, kind: picture::Kind, act: &Callback<Action>) -> Html {
    let onclick = act.reform(move |_: MouseEvent| {
        Action::Tell(match picture::save(kind) {
            true => Notice::Done("Picture saved".into()),
            false if kind == picture::Kind::Svg => {
                Notice::Failed("Only the dial can be an SVG: a grid is saved as PNG.".into())
            }
            false => Notice::Failed("Choose Buffers first: there is no picture here.".into()),
        })
    });
    html! { <button type="button" {onclick}>{ label }</button> }
}

/// As the browser prints a page, in the style for paper.
fn print() {
    if let Some(window) = web_sys::window() {
        // Where printing is forbidden, as in a sandbox, nothing happens.
        let _ = window.print();
    }
}
