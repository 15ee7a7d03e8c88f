//! What an embed tells the page that holds it, by `postMessage`.
//!
//! Plain objects, each with `source: "pgscope"`, a `type`, and the `id` that the host's address gave
//! it, if any:
//!
//! | type | fields |
//! |---|---|
//! | `ready` | none: the first picture is drawn |
//! | `height` | `height`: CSS pixels that the embed would like to have |
//! | `position` | `op`, `event`, `of` (operations in all), `line` of the script or null |
//! | `events` | `events`: what happened in the operation shown, see [`told`](super::told) |
//!
//! They go to whoever holds the frame, since an embed can't know who that is; they hold nothing
//! but what the host's own link says. Nothing is accepted from the host.

use serde::Serialize;
use serde_wasm_bindgen::Serializer;

use super::told::Plain;
use super::{address, window};

/// Something to tell the host.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message {
    /// The first picture is drawn.
    Ready,
    /// The height that the embed would like to have.
    Height {
        /// In CSS pixels.
        height: f64,
    },
    /// Where in time it stands.
    Position {
        /// Operations that are complete.
        op: u64,
        /// Events of the operation under way.
        event: u32,
        /// Operations in all.
        of: u64,
        /// The line of the script.
        line: Option<u32>,
    },
    /// What happened in the operation shown.
    Events {
        /// One after the other.
        events: Vec<Plain>,
    },
}

#[derive(Serialize)]
struct Envelope<'a> {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(flatten)]
    message: &'a Message,
}

/// Tell the host.
pub fn tell(message: &Message) {
    let envelope = Envelope { source: "pgscope", id: address::query().id, message };
    let Ok(plain) = envelope.serialize(&Serializer::json_compatible()) else { return };
    let parent = window().and_then(|window| window.parent().ok().flatten());
    if let Some(parent) = parent {
        // A host that is gone hears nothing, and nobody minds.
        let _ = parent.post_message(&plain, "*");
    }
}
