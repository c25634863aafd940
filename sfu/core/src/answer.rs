//! Our answer to an offer, with the streams of a connection in it.

use crate::media::participant::Connection;
use crate::sdp::{Answer, AnswerSection, Offer, OutgoingStream, SectionRole};
use crate::transport::{Candidate, Identity};

/// Writes the next answer of a connection.
pub(crate) fn write(
    offer: &Offer,
    connection: &mut Connection,
    identity: &Identity,
    candidates: &[Candidate],
) -> String {
    connection.answers += 1;
    let answer = Answer {
        ice: connection.local.clone(),
        fingerprint: identity.fingerprint(),
        candidates: candidates.to_vec(),
        session: connection.sdp_session,
        version: connection.answers,
    };
    let streams = |mid: &str| {
        let pairs = &connection.downlink.pairs;
        let halves = pairs
            .iter()
            .flat_map(|pair| [&pair.audio, &pair.video].map(|half| (&pair.cname, half)));
        let (stream, half) = halves.into_iter().find(|(_, half)| half.mid == mid)?;
        Some(OutgoingStream {
            ssrc: half.ssrc,
            rtx_ssrc: half.rtx_ssrc(),
            stream: stream.clone(),
        })
    };
    let sections: Vec<_> = offer
        .sections
        .iter()
        .zip(offer.roles())
        .map(|(section, role)| match role {
            SectionRole::Source(_) => AnswerSection::Receive,
            SectionRole::Slot { .. } => {
                streams(&section.mid).map_or(AnswerSection::Inactive, AnswerSection::Send)
            }
            SectionRole::Unused => AnswerSection::Inactive,
        })
        .collect();
    answer.write(offer, &sections)
}
