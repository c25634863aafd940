//! What everybody gets: pairs of slots, and the list of speakers.

use std::cmp::Reverse;

use hearken_protocol::{MediaEvent, Speaker, TrackSource};

use super::{Now, Session, Shared, slot_content, slot_event, subscription};
use crate::media::downlink::Downlink;
use crate::media::slots::{self, Claim, Owner, Place, Reason, Reassignment, Share};
use crate::media::speaker::SPEAKERS_MAX;

/// The videos there are, as `Scratch` counts them.
pub(super) const VIDEO_SOURCES: [TrackSource; 2] = [TrackSource::Camera, TrackSource::Screen];

impl Session {
    /// Deals out the pairs of every receiver again.
    pub(super) fn replan(&mut self, now: Now, shared: &mut Shared) {
        for receiver in 0..self.participants.len() {
            self.replan_for(receiver, now, shared);
        }
    }

    /// Deals out one receiver's pairs again.
    pub(super) fn replan_for(&mut self, receiver: usize, now: Now, shared: &mut Shared) {
        let Some(participant) = &self.participants[receiver] else {
            return;
        };
        let Some(connection) = &participant.connection else {
            return;
        };
        let pairs = &connection.downlink.pairs;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.places.clear();
        scratch.places.extend(pairs.iter().map(|pair| Place {
            owner: pair.owner,
            freed: pair.freed,
        }));
        self.collect_claims(receiver, now, &mut scratch.claims);
        slots::plan(&scratch.places, &mut scratch.claims, &mut scratch.changes);
        for change in &scratch.changes {
            self.reassign(receiver, *change, now, shared);
        }
        self.scratch = scratch;
    }

    fn collect_claims(&self, receiver: usize, now: Now, claims: &mut Vec<Claim>) {
        claims.clear();
        let Some(viewer) = &self.participants[receiver] else {
            return;
        };
        for (at, participant) in self.participants.iter().enumerate() {
            let Some(participant) = participant.as_ref().filter(|p| at != receiver && p.has_media) else {
                continue;
            };
            let owner = |share| Owner {
                participant: at,
                share,
            };
            let reason = if let Some(place) = self.speakers.place(participant.id) {
                Reason::Speaks(place)
            } else if self.audible.is_in_turn(participant.id, now.time) {
                Reason::Speaks(SPEAKERS_MAX)
            } else if viewer.shown_height(participant.id, TrackSource::Camera).is_some() {
                Reason::Shown
            } else {
                Reason::Present(Reverse(participant.voice.last_spoke()))
            };
            claims.push(Claim::new(owner(Share::Person), reason));
            if participant.shares_screen() {
                claims.push(Claim::new(owner(Share::Screen), Reason::Screen));
            }
        }
    }

    /// Gives a pair to somebody, or frees it, and says so.
    fn reassign(&mut self, receiver: usize, change: Reassignment, now: Now, shared: &mut Shared) {
        let old = match self
            .connection(receiver)
            .and_then(|c| c.downlink.pairs.get(change.pair))
        {
            Some(pair) => pair.owner,
            None => return,
        };
        let ours = subscription(receiver, change.pair);
        if let Some(old) = old {
            let (audio, video) = old.share.sources();
            for source in [audio, video] {
                if let Some(publisher) = self.participant(old.participant) {
                    publisher
                        .track(source)
                        .subscribers
                        .retain(|subscription| *subscription != ours);
                }
            }
        }
        let content = change.owner.and_then(|owner| {
            let publisher = self.participant(owner.participant)?;
            let (audio, video) = owner.share.sources();
            publisher.track(audio).subscribers.push(ours);
            publisher.track(video).subscribers.push(ours);
            Some((publisher.id, audio, video))
        });
        let session = self.id;
        let old =
            old.and_then(|owner| Some((self.participant(owner.participant)?.id, owner.share.sources().1)));
        let Some(participant) = self.participant(receiver) else {
            return;
        };
        let id = participant.id;
        let generations = (participant.next_generation(), participant.next_generation());
        let Some(connection) = &mut participant.connection else {
            return;
        };
        let freed = if change.owner.is_none() {
            Some(connection.downlink.next_free())
        } else {
            None
        };
        let pair = &mut connection.downlink.pairs[change.pair];
        let was_paused = std::mem::take(&mut pair.steadiness).is_announced();
        pair.given_up = None;
        pair.owner = change.owner;
        pair.freed = freed.unwrap_or(pair.freed);
        let sources = content.map(|(_, audio, video)| (audio, video)).unzip();
        pair.audio.reassign(sources.0, generations.0, now.time);
        pair.video.reassign(sources.1, generations.1, now.time);
        pair.audio.choose(content.map(|_| 0), now.time);
        let (audio, video) = (&pair.audio, &pair.video);
        let owner = content.map(|(owner, audio_source, video_source)| {
            shared.counters.slot_assignments += 1;
            (
                slot_content(owner, audio_source, audio.first_timestamp),
                slot_content(owner, video_source, video.first_timestamp),
            )
        });
        if let (true, Some((publisher, source))) = (was_paused, old) {
            shared.event(MediaEvent::VideoPaused {
                session,
                participant: id,
                publisher,
                source,
                paused: false,
            });
        }
        shared.event(slot_event(
            session,
            id,
            &audio.mid,
            audio.generation,
            owner.map(|contents| contents.0),
        ));
        shared.event(slot_event(
            session,
            id,
            &video.mid,
            video.generation,
            owner.map(|contents| contents.1),
        ));
    }

    /// Judges each line by the loss that was reported.
    pub(super) fn update_limits(&mut self, now: Now) {
        for participant in self.participants.iter_mut().flatten() {
            if let Some(connection) = &mut participant.connection {
                let downlink = &mut connection.downlink;
                let sent = downlink.sent.rate(now.time);
                downlink.limit.update(sent, now.time);
                downlink.bandwidth.tick(now.time);
                downlink.set_pace(now.time);
            }
        }
    }

    /// Whether anybody is to get copies of earlier sound.
    pub(super) fn any_line_needs_copies(&self) -> bool {
        let mut connections = self
            .participants
            .iter()
            .flatten()
            .filter_map(|p| p.connection.as_ref());
        connections.any(|connection| connection.downlink.redundancy.copies() > 0)
    }

    /// Says who speaks, when that has changed.
    pub(super) fn update_speakers(&mut self, now: Now, shared: &mut Shared) {
        let speaking = self.participants.iter_mut().flatten().filter_map(|participant| {
            let level = participant.voice.speaking(now.time)?;
            Some(Speaker {
                participant: participant.id,
                level,
            })
        });
        let has_changed = self.speakers.update(speaking);
        self.audible.update(self.speakers.current(), now.time);
        if !has_changed {
            return;
        }
        let speakers = self.speakers.current().to_vec();
        shared.event(MediaEvent::Speakers {
            session: self.id,
            speakers,
        });
        if self.pairs_are_short() {
            self.replan(now, shared);
            self.choose_layers(now, shared);
        }
    }

    /// How many have media, or had.
    pub(crate) fn with_media(&self) -> usize {
        let participants = self.participants.iter().flatten();
        participants.filter(|participant| participant.has_media).count()
    }

    /// Whether somebody has fewer pairs than there are others.
    fn pairs_are_short(&self) -> bool {
        let others = self.with_media();
        let participants = self.participants.iter().flatten();
        let mut connections = participants.filter_map(|p| p.connection.as_ref());
        connections.any(|connection| is_short(&connection.downlink, others))
    }
}

/// Whether a receiver has fewer pairs than there are others.
fn is_short(downlink: &Downlink, people: usize) -> bool {
    downlink.pairs.len() + 1 < people
}

/// Everybody is heard, but in a group larger than the receiver's pairs only the loudest are.
pub(super) fn choose_sounds(downlink: &mut Downlink, people: usize, heard: &[bool], now: Now) {
    let only_loudest = is_short(downlink, people);
    for pair in &mut downlink.pairs {
        let Some(owner) = pair.owner else { continue };
        let is_chosen = owner.share == Share::Screen || !only_loudest || heard[owner.participant];
        pair.audio.choose(is_chosen.then_some(0), now.time);
    }
}
