//! Stories of sessions, in virtual time, over the public interface alone.

#![allow(clippy::unwrap_used)]

mod caption_pages;
mod captions;
mod corrections;
mod facilitation;
mod invariants;
mod media;
mod record;
mod restart;
mod schedule;
mod seats;
mod typed_lines;
mod vocabulary;
mod waiting_room;
mod world;
mod writing;
