//! Offers of browsers and our answers to them (RFC 8866, RFC 8829, RFC 8843, RFC 8853), read and written by
//! hand: what is needed of SDP is a list of lines.
//!
//! In: text from anybody, bounded. Out: data, or an error that quotes nothing of it.

mod answer;
mod codec;
mod extension;
mod offer;
#[cfg(test)]
mod safari;
mod section;
#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerSection, OutgoingStream};
pub use codec::{ChosenCodecs, Codec, Feedback, OfferedCodec};
pub use extension::HeaderExtension;
pub use offer::{Offer, OfferError};
pub use section::{Direction, MediaKind, OfferSection, SectionRole};
