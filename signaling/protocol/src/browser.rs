//! Messages between browser and server over the WebSocket, version 1. `signaling/PROTOCOL.md` is the prose.
//!
//! Unknown fields are ignored; an unknown `type` is answered by an error and changes nothing.

mod admission;
mod client_message;
mod error_code;
mod participant;
mod request;
mod server_message;
mod session_info;
mod typed_line;

pub use admission::*;
pub use client_message::*;
pub use error_code::*;
pub use participant::*;
pub use request::*;
pub use server_message::*;
pub use session_info::*;
pub use typed_line::*;

/// How many final captions the server keeps in memory for who comes later, per session.
pub const CAPTION_HISTORY_MAX: usize = 500;

/// How many of their latest captions speakers can put right.
pub const OWN_CAPTIONS_CORRECTABLE: usize = 5;

/// How many of the latest captions of all captioners can put right.
pub const ALL_CAPTIONS_CORRECTABLE: usize = 20;

/// A word of which the model is less sure than this, of 100, is a guess.
pub const WORD_SURE_MIN: u8 = 50;

/// Longest name, in characters.
pub const NAME_CHARACTERS_MAX: usize = 40;
