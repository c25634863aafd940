//! How good captions are: speech streamed through the real pipeline in virtual time, and scored.

mod alignment;
mod english;
mod noise;
mod numbers;
mod rehearsal;
mod scorecard;
mod timeline;

pub use alignment::{Alignment, Errors, align};
pub use english::words as english_words;
pub use noise::Noise;
pub use rehearsal::{Played, Rehearsal, START, packets, thread_cpu_time};
pub use scorecard::{Score, Scorecard};
pub use timeline::{Timeline, plain_words};
