//! The page's few icons, as inline SVG: no file to load, and they take the colour of the text.

use yew::prelude::*;

/// An icon of the page's usual size.
macro_rules! icon {
    ($($inside:literal),+) => {
        Html::from_html_unchecked(AttrValue::Static(concat!(
            r#"<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">"#,
            $($inside,)+
            "</svg>"
        )))
    };
}

/// One whose path is filled.
macro_rules! filled {
    ($path:literal) => {
        icon!("<path d='", $path, "' fill='currentColor'/>")
    };
}

/// The logo: a dial of buffers with its hand.
pub fn logo() -> Html {
    Html::from_html_unchecked(AttrValue::Static(concat!(
        r#"<svg class="logo" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">"#,
        r#"<circle class="logo-ring" cx="12" cy="12" r="9" fill="none" stroke-width="3" stroke-dasharray="5.07 2"/>"#,
        r#"<path class="logo-hand" d="M12 12 16 7.5" fill="none" stroke-width="2" stroke-linecap="round"/>"#,
        r#"<circle class="logo-pin" cx="12" cy="12" r="1.6"/></svg>"#
    )))
}

/// To the start.
pub fn to_start() -> Html {
    filled!("M3.2 3.5h1.8v9H3.2zM13 3.5v9L5.8 8z")
}

/// Back.
pub fn back() -> Html {
    filled!("M11.2 3.5v9L4 8z")
}

/// Play.
pub fn play() -> Html {
    filled!("M4.5 2.8v10.4L13 8z")
}

/// Pause.
pub fn pause() -> Html {
    filled!("M4.2 3h2.7v10H4.2zM9.1 3h2.7v10H9.1z")
}

/// Step.
pub fn step() -> Html {
    filled!("M4.8 3.5v9L12 8z")
}

/// To the end.
pub fn to_end() -> Html {
    filled!("M3 3.5v9L10.2 8zM11 3.5h1.8v9H11z")
}

/// Back by one event: half a step.
pub fn back_event() -> Html {
    filled!("M10.4 5v6L5.6 8zM11.4 5h1.2v6h-1.2z")
}

/// On by one event.
pub fn step_event() -> Html {
    filled!("M5.6 5v6l4.8-3zM3.4 5h1.2v6H3.4z")
}

/// Day and night.
pub fn theme() -> Html {
    icon!(
        "<circle cx='8' cy='8' r='5.3' fill='none' stroke='currentColor' stroke-width='1.4'/>",
        "<path d='M8 2.7a5.3 5.3 0 0 1 0 10.6z' fill='currentColor'/>"
    )
}

/// Close.
pub fn close() -> Html {
    icon!(
        "<path d='m4 4 8 8M12 4l-8 8' fill='none' stroke='currentColor' stroke-width='1.6' stroke-linecap='round'/>"
    )
}
