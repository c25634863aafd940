//! Stories of sessions, in virtual time, over the public interface alone.

#![allow(clippy::unwrap_used)]

mod captions;
mod facilitation;
mod invariants;
mod media;
mod restart;
mod schedule;
mod seats;
mod text;
mod vocabulary;
mod waiting_room;
mod world;
