//! What every publisher is to send: which codec its videos are to have, and which layers of them somebody needs.
//! The only place where that is decided and said.
//!
//! The operator's favourite codec is used only while everybody else in the session can decode it. When somebody comes
//! who can't, their offer alone brings everybody back to VP8, before they are connected.

use hearken_protocol::{MediaEvent, Publish, TrackSource, VideoCodec};

use super::{Now, Session, Shared};
use crate::media::layers::LAYERS_MAX;
use crate::media::participant::Participant;

use super::choices::VIDEO_SOURCES;

/// Somebody who can't decode the favourite has been gone for this long before it is taken up again: whoever reloads
/// a page should not make everybody change twice. In seconds.
const RETURN_AFTER_S: u64 = 10;

impl Session {
    /// Decides for all publishers, and says it to those for whom something has changed.
    pub(super) fn update_publishing(&mut self, now: Now, shared: &mut Shared) {
        let favourite = shared.video_codec;
        let session = self.id;
        // How many can't decode it: nearly always none, so the others need not be looked at for each publisher.
        let lacking = |participant: &Participant| !can_decode(participant, favourite);
        let all_lacking = self.participants.iter().flatten().filter(|p| lacking(p)).count();
        for participant in self.participants.iter_mut().flatten() {
            let Some(connection) = &participant.connection else {
                continue;
            };
            let is_connected = connection.transport.is_connected();
            let others_lacking = all_lacking - usize::from(lacking(participant));
            let can_send = connection.uplink.can_send(favourite);
            if others_lacking > 0 {
                participant.publishing.hindered = Some(now.time);
            }
            let is_hindered = participant
                .publishing
                .hindered
                .is_some_and(|hindered| now.time.since(hindered).as_secs() < RETURN_AFTER_S);
            let codec = if can_send && !is_hindered {
                favourite
            } else {
                VideoCodec::Vp8
            };
            for (video, source) in VIDEO_SOURCES.into_iter().enumerate() {
                let publish = Publish {
                    source,
                    codec,
                    layers: if source == TrackSource::Camera {
                        participant.dynacast.asked()
                    } else {
                        participant.screencast.asked()
                    },
                };
                let said = &mut participant.publishing.said[video];
                let is_known = match *said {
                    Some(said) => said == publish,
                    // A page keeps what it was told last: by us before its line was lost, or by a server that is gone.
                    None => !is_connected && publish == everything(source),
                };
                if is_known {
                    continue;
                }
                *said = Some(publish);
                shared.counters.publish_requests += 1;
                shared.event(MediaEvent::Publish {
                    session,
                    participant: participant.id,
                    publish,
                });
            }
        }
    }
}

/// What a publisher sends that was never told anything.
fn everything(source: TrackSource) -> Publish {
    Publish {
        source,
        codec: VideoCodec::Vp8,
        layers: [true; LAYERS_MAX],
    }
}

/// Whether this codec can be sent to somebody, in several layers if it has them. Who receives nothing can take all.
fn can_decode(participant: &Participant, codec: VideoCodec) -> bool {
    let Some(connection) = &participant.connection else {
        return true;
    };
    let pairs = &connection.downlink.pairs;
    pairs.iter().all(|pair| pair.video.can_decode(codec, true))
}
