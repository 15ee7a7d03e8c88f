//! The page of pgscope and its embed, one program in two forms.
//!
//! ```text
//!            Action                    View, Frame
//! panels ────────────▶ state ─────────────────────────▶ panels, paint
//!    ▲                   ▲
//!    └───── bridge ──────┘   keys, timers, address, storage, clipboard, host
//! ```
//!
//! - [`state`]: everything the page knows, and the one reducer that changes it; knows no DOM
//! - [`panels`]: components; they draw, and send actions
//! - [`paint`]: from state to shapes; decides nothing
//! - [`bridge`]: the world outside

pub mod bridge;
pub mod frame;
pub mod paint;
pub mod panels;
pub mod state;

/// Take over the page.
pub fn start() {
    bridge::crash::install();
    panels::app::mount();
}
