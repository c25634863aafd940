//! How good captions are: speech streamed through the real pipeline in virtual time, and scored.

mod alignment;
mod crowd;
mod decoder;
mod english;
mod meeting;
mod memory;
mod noise;
mod numbers;
mod rehearsal;
mod scorecard;
mod timeline;
mod trend;

pub use alignment::{Alignment, Errors, align};
pub use crowd::{Crowd, Outcome, Reading};
pub use decoder::Decoder;
pub use english::words as english_words;
pub use meeting::{Meeting, Minute};
pub use memory::{Memory, allocated_bytes, resident_bytes};
pub use noise::Noise;
pub use rehearsal::{Microphone, Played, Rehearsal, START, packets, thread_cpu_time};
pub use scorecard::{Score, Scorecard};
pub use timeline::{Timeline, plain_words};
pub use trend::Trend;
