//! Scenarios as files, and those that were written here before.

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::bridge::drafts;
use crate::bridge::files;
use crate::state::{Action, Notice, State, sentence};

/// Open what a file holds, or say why that can't be.
pub fn open(file: &web_sys::File, act: &Callback<Action>) {
    let act = act.clone();
    files::read(file, move |text| {
        act.emit(match text {
            Ok(text) => Action::Load(text.into()),
            Err(reason) => Action::Tell(Notice::Failed(sentence(&reason))),
        });
    });
}

/// Let the reader save the script.
pub fn save(state: &State, act: &Callback<Action>) {
    let name = files::name_for(&state.title());
    if !files::save(&state.text, &name) {
        act.emit(Action::Tell(Notice::Failed("This page may not save files here.".into())));
    }
}

/// What the menu does.
#[derive(Clone, Properties)]
pub struct FilesProps {
    /// Everything.
    pub state: State,
    /// To change it.
    pub act: Callback<Action>,
}

impl PartialEq for FilesProps {
    /// What it saves is the script, and that it lists was another script before.
    fn eq(&self, other: &Self) -> bool {
        self.state.text == other.state.text
    }
}

/// The menu.
#[component]
pub fn Files(props: &FilesProps) -> Html {
    let FilesProps { state, act } = props;
    let field = use_node_ref();
    let recent = use_state(Vec::new);

    // They are looked up when somebody is about to choose one.
    let look = {
        let recent = recent.clone();
        Callback::from(move |_: FocusEvent| recent.set(drafts::recent()))
    };
    let onchange = {
        let (act, state, field, recent) =
            (act.clone(), state.clone(), field.clone(), recent.clone());
        Callback::from(move |event: Event| {
            let select = event.target_unchecked_into::<HtmlSelectElement>();
            match select.value().as_str() {
                "open" => {
                    if let Some(field) = field.cast::<HtmlInputElement>() {
                        field.click();
                    }
                }
                "save" => save(&state, &act),
                place => {
                    let draft = place.parse::<usize>().ok().and_then(|place| recent.get(place));
                    if let Some(draft) = draft {
                        act.emit(Action::Load(draft.link.text.as_str().into()));
                    }
                }
            }
            select.set_value("");
        })
    };
    let onfile = {
        let act = act.clone();
        Callback::from(move |event: Event| {
            if let Some(file) = files::chosen(&event.target_unchecked_into()) {
                open(&file, &act);
            }
        })
    };
    let drafts = recent.iter().enumerate().map(|(place, draft)| {
        html! { <option value={place.to_string()}>{ draft.name() }</option> }
    });
    html! {
        <>
            <select class="files" aria-label="Files" onfocus={look} {onchange}>
                <option value="" selected=true>{ "File" }</option>
                <option value="open">{ "Open …" }</option>
                <option value="save">{ "Save" }</option>
                if !recent.is_empty() {
                    <optgroup label="Written here before">{ for drafts }</optgroup>
                }
            </select>
            <input ref={field} type="file" accept=".pgscope,text/plain" hidden=true tabindex="-1"
                aria-label="Scenario file" onchange={onfile} />
        </>
    }
}
