//! The way of a packet: from its publisher to everybody who gets the source. Sound goes out at once, pictures as
//! trains of what came together. No allocation.

use hearken_protocol::{MediaEvent, SpeechPacket, TrackSource};

use super::{Now, Session, Shared, slot_content, slot_event};
use crate::media::cache::StoredPacket;
use crate::media::downlink::Half;
use crate::media::outgoing::{MediaPacket, Promise};
use crate::media::participant::{Encryption, Participant, Subscription};
use crate::media::red::Copies;
use crate::media::train::Train;
use crate::media::uplink::ReceivedPacket;
use crate::{Content, DropCause};

/// Receivers whose memory is asked for at once: some 40 lines of 64 bytes each, so 40 KB. More: it no longer stays near
/// until it is used; fewer: the processor waits more often.
const RECEIVERS_TOGETHER: usize = 16;

impl Session {
    /// Takes a decrypted RTP packet of the participant at `at`. If it joins the `train`, it goes out with that.
    pub(crate) fn handle_rtp<'a>(
        &mut self,
        at: usize,
        packet: &'a [u8],
        now: Now,
        shared: &mut Shared,
        train: &mut Train<'a>,
    ) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        let Some(connection) = &mut participant.connection else {
            return;
        };
        let grants = participant.grants;
        let uplink = &mut connection.uplink;
        let received = uplink.receive(
            packet,
            grants,
            now.time,
            &mut shared.next_stream,
            &mut shared.counters,
        );
        let result = received.and_then(|received| {
            // What was missing before this packet goes before it.
            while let Some(restored) = self.take_restored(at) {
                self.handle_media(at, packet, restored, now, shared, train)?;
            }
            self.handle_media(at, packet, received, now, shared, train)
        });
        if let Err(cause) = result {
            shared.counters.drops.count(cause);
        }
    }

    fn take_restored(&mut self, at: usize) -> Option<ReceivedPacket<'static>> {
        self.connection(at)?.uplink.take_restored()
    }

    fn handle_media<'a>(
        &mut self,
        at: usize,
        packet: &'a [u8],
        received: ReceivedPacket<'a>,
        now: Now,
        shared: &mut Shared,
        train: &mut Train<'a>,
    ) -> Result<(), DropCause> {
        let Some(connection) = self.connection(at) else {
            return Ok(());
        };
        let source = connection.uplink.stream(received.stream).source;
        if !train.takes(at, source) {
            self.send_train(train, now, shared);
        }
        let payload = &packet[received.payload.clone()];
        let Some(media) = self.keep(at, source, payload, &received, now)? else {
            return Ok(());
        };
        if source == TrackSource::Microphone {
            self.listen(at, payload, &received, now, shared);
        }
        self.notice_sending(at, source, now, shared);
        train.push(at, source, media);
        if source.is_audio() {
            self.send_train(train, now, shared);
        }
        Ok(())
    }

    /// Reads what stands in a packet, and keeps it for those who will have lost it. `None` while nothing is known of
    /// the stream's clock.
    fn keep<'a>(
        &mut self,
        at: usize,
        source: TrackSource,
        payload: &'a [u8],
        received: &ReceivedPacket<'a>,
        now: Now,
    ) -> Result<Option<MediaPacket<'a>>, DropCause> {
        let place = self.participants.get_mut(at);
        let participant = place.and_then(|place| place.as_deref_mut());
        let Some(connection) = participant.and_then(|participant| participant.connection.as_mut()) else {
            return Ok(None);
        };
        let stream = connection.uplink.stream(received.stream);
        let video = match stream.video_codec() {
            Some(codec) => {
                let numbered = (received.sequence, payload);
                Some(stream.read_video(codec, numbered, received.dependency, now.time)?)
            }
            None => None,
        };
        let is_voice = source == TrackSource::Microphone;
        let audio_level = received.audio_level.filter(|_| is_voice);
        let stored = StoredPacket {
            sequence: received.sequence,
            timestamp: received.timestamp,
            marker: received.marker,
            byte_extension: audio_level.or(received.video_orientation),
            // Of other videos nobody needs it.
            dependency: video
                .filter(|video| video.dependency.is_some() || video.temporal.is_some())
                .map_or(&[], |_| received.dependency),
            payload,
        };
        stream.cache.insert(stored, now.time);
        let Some(anchor) = stream.clock.anchor() else {
            return Ok(None);
        };
        self.copies.clear();
        if source.is_audio() && self.needs_copies {
            self.copies.collect(&stream.cache, &stored, now.time);
        }
        Ok(Some(MediaPacket {
            stream: stream.id,
            layer: stream.layer,
            stored,
            video,
            anchor,
        }))
    }

    /// Takes note of how loud a voice is, and hands it to the captions.
    fn listen(
        &mut self,
        at: usize,
        payload: &[u8],
        received: &ReceivedPacket<'_>,
        now: Now,
        shared: &mut Shared,
    ) {
        let (session, has_captions) = (self.id, self.has_captions);
        let Some(participant) = self.participant(at) else {
            return;
        };
        if let Some(level) = received.audio_level {
            participant.voice.packet(level, now.time);
        }
        let Some(connection) = &mut participant.connection else {
            return;
        };
        if !has_captions || connection.encryption != Encryption::PerHop {
            return;
        }
        let stream = connection.uplink.stream(received.stream).ssrc;
        let received_at = shared.clock.timestamp(now.time);
        let is_queued = shared.speech.push(payload, |payload| SpeechPacket {
            session,
            participant: participant.id,
            stream,
            sequence: received.extended,
            rtp_timestamp: received.timestamp,
            received_at,
            payload,
        });
        if !is_queued {
            shared.counters.drops.count(DropCause::SpeechQueueFull);
        }
    }

    /// Sends what is in the train, and empties it.
    pub(crate) fn send_train(&mut self, train: &mut Train<'_>, now: Now, shared: &mut Shared) {
        if !train.packets().is_empty() {
            self.forward(train, now, shared);
            train.clear();
        }
    }

    /// A packet of the source has come.
    fn notice_sending(&mut self, at: usize, source: TrackSource, now: Now, shared: &mut Shared) {
        let session = self.id;
        let Some(participant) = self.participant(at) else {
            return;
        };
        let id = participant.id;
        let track = participant.track(source);
        track.last_packet = Some(now.time);
        if std::mem::replace(&mut track.is_sending, true) {
            if source == TrackSource::Screen && participant.takes_rest_from_screen() {
                self.choose_layers(now, shared);
            }
            return;
        }
        shared.event(MediaEvent::Sending {
            session,
            participant: id,
            source,
            live: true,
        });
        if matches!(source, TrackSource::Screen | TrackSource::ScreenAudio) {
            self.replan(now, shared);
        }
        if !source.is_audio() {
            self.choose_layers(now, shared);
        }
    }

    fn forward(&mut self, train: &Train<'_>, now: Now, shared: &mut Shared) {
        let Train { at, source, .. } = *train;
        let session = self.id;
        let Some(participant) = self.participant(at) else {
            return;
        };
        let owner = participant.id;
        let subscribers = std::mem::take(&mut participant.track(source).subscribers);
        let copies = std::mem::take(&mut self.copies);
        for together in subscribers.chunks(RECEIVERS_TOGETHER) {
            self.prefetch(together, Half::of(source));
            for subscription in together {
                for media in train.packets().iter().flatten() {
                    let Some(receiver) = self.participant(subscription.participant) else {
                        break;
                    };
                    let announce = |receiver: &mut Participant, shared: &mut Shared| {
                        renew_promise(session, receiver, *subscription, (owner, source), now, shared);
                    };
                    forward_to(
                        receiver,
                        *subscription,
                        source,
                        (media, &copies),
                        now,
                        shared,
                        announce,
                    );
                    if holds_something(receiver) {
                        self.keep_pace(subscription.participant, now, shared);
                    }
                }
            }
        }
        self.copies = copies;
        if let Some(participant) = self.participant(at) {
            participant.track(source).subscribers = subscribers;
        }
    }

    /// Asks the processor for what belongs to these receivers: of all of them for what says where the rest lies, then
    /// for the rest.
    fn prefetch(&self, receivers: &[Subscription], half: Half) {
        let connections = receivers.iter().filter_map(|to| {
            let receiver = self.participants.get(to.participant)?.as_deref()?;
            Some((to.pair, receiver.connection.as_ref()?))
        });
        for (_, connection) in connections.clone() {
            connection.transport.prefetch();
            connection.downlink.prefetch();
        }
        for (pair, connection) in connections {
            connection.transport.prefetch_key();
            connection.downlink.prefetch_stream(pair, half);
        }
    }
}

/// Whether something waits for this receiver's line.
fn holds_something(receiver: &Participant) -> bool {
    let connection = receiver.connection.as_ref();
    connection.is_some_and(|connection| connection.downlink.pacer.holds_something())
}

fn forward_to(
    receiver: &mut Participant,
    to: Subscription,
    source: TrackSource,
    (media, copies): (&MediaPacket<'_>, &Copies),
    now: Now,
    shared: &mut Shared,
    announce: impl Fn(&mut Participant, &mut Shared),
) {
    let half = Half::of(source);
    let Some(connection) = receiver.connection.as_mut() else {
        return;
    };
    if !connection.transport.is_connected() {
        return;
    }
    let Some(pair) = connection.downlink.pairs.get_mut(to.pair) else {
        return;
    };
    let outgoing = pair.half(half);
    if outgoing.begins_with(media, now.time) {
        if outgoing.check_promise(now.time) == Promise::Outdated {
            announce(receiver, shared);
        }
        let Some(connection) = receiver.connection.as_mut() else {
            return;
        };
        let outgoing = connection.downlink.pairs[to.pair].half(half);
        if outgoing.begin(media, now.time) {
            shared.counters.layer_switches += 1;
        }
    }
    let Some(connection) = receiver.connection.as_mut() else {
        return;
    };
    let copies_max = connection.downlink.redundancy.copies();
    let (pairs, mut leg) = connection.leg(Content::of(source), now.time, shared);
    leg.copies = copies_max;
    let pair = &mut pairs[to.pair];
    let outgoing = pair.half(half);
    outgoing.forward(to.pair, media, copies, &mut leg);
    if outgoing.report_is_due() {
        shared.rtcp.clear();
        let cname = std::mem::take(&mut pair.cname);
        pair.half(half)
            .write_report(&shared.clock, &cname, now.time, &mut shared.rtcp);
        pair.cname = cname;
        shared.flush_rtcp(connection);
    }
}

/// Announces a slot again whose first timestamp lies too far back to be compared with.
fn renew_promise(
    session: hearken_protocol::SessionId,
    receiver: &mut Participant,
    to: Subscription,
    owner: (hearken_protocol::ParticipantId, TrackSource),
    now: Now,
    shared: &mut Shared,
) {
    let id = receiver.id;
    let generation = receiver.next_generation();
    let half = Half::of(owner.1);
    let Some(connection) = receiver.connection.as_mut() else {
        return;
    };
    let outgoing = connection.downlink.pairs[to.pair].half(half);
    outgoing.promise(generation, now.time);
    let content = slot_content(owner.0, owner.1, outgoing.first_timestamp);
    shared.event(slot_event(session, id, &outgoing.mid, generation, Some(content)));
}
