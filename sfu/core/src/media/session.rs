//! One session: its participants, who gets whose media, and the way of a packet from one to the others.

mod allocation;
mod choices;
mod feedback;
mod forwarding;
mod pacing;
mod publishing;
mod statistics;

use std::collections::VecDeque;
use std::time::Instant;

use hearken_protocol::{
    MediaEvent, MediaGrants, ParticipantId, SessionId, Slot, SlotContent, SpeechPacket, TrackSource,
    VideoCodec, ViewItem, ViewMode,
};
use rand::rngs::StdRng;

use super::downlink::Half;
use super::layers::{Demand, LAYERS_MAX, LiveLayers};
use super::participant::{Connection, LiveCodec, Participant, Subscription, silence_max};
use super::rate::Bitrate;
use super::red::Copies;
use super::slots::{Claim, Place, Reassignment};
use super::speaker::{Audible, SpeakerList};
use super::time::{MediaTime, ServerClock};
use crate::transport::{DisconnectReason, TransportEvent};
use crate::{Counters, DropCause, Outbox};

/// Participants in one session, connected or not: twice a session's greatest capacity. Full: admissions are ignored, and
/// offers refused.
const PARTICIPANTS_MAX: usize = 1024;
/// Events waiting for signaling. Full: the newest is lost and counted.
const EVENTS_MAX: usize = 65_536;
/// Speech packets waiting for the captions: twenty seconds of one speaker, or one of twenty. Full: the newest
/// is lost, which the captions mark as a gap.
const SPEECH_PACKETS_MAX: usize = 1024;

/// In a session with more places, what several people's wishes change is decided once in a turn of the clock: the way
/// of a packet must not wait for two hundred decisions about everybody.
const PROMPT_PLACES_MAX: usize = 30;

/// The time of a call into the core, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) time: MediaTime,
}

/// What all sessions of a core share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: ServerClock,
    pub(crate) random: StdRng,
    pub(crate) outbox: Outbox,
    /// What publishers are to encode with while everybody else can decode it.
    pub(crate) video_codec: VideoCodec,
    pub(crate) events: VecDeque<MediaEvent>,
    pub(crate) speech: VecDeque<SpeechPacket>,
    pub(crate) counters: Counters,
    pub(crate) next_stream: u64,
    /// RTCP as it is written, and sealed.
    pub(crate) rtcp: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
    /// When a receiver is to be served before the next turn of the clock.
    pub(crate) wake: Option<Instant>,
}

impl Shared {
    pub(crate) fn event(&mut self, event: MediaEvent) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.drops.count(DropCause::EventQueueFull);
        }
    }

    fn speech(&mut self, packet: SpeechPacket) {
        if self.speech.len() < SPEECH_PACKETS_MAX {
            self.speech.push_back(packet);
        } else {
            self.counters.drops.count(DropCause::SpeechQueueFull);
        }
    }

    /// Seals and queues what is in `rtcp`, and empties it.
    fn flush_rtcp(&mut self, connection: &mut Connection) {
        if self.rtcp.is_empty() {
            return;
        }
        self.sealed.clear();
        let sealed = connection.transport.seal_rtcp(&self.rtcp, &mut self.sealed);
        self.rtcp.clear();
        match (sealed, connection.transport.selected()) {
            (Ok(()), Some(pair)) if self.outbox.push_control(&self.sealed, pair) => {
                self.counters.sent.rtcp.add(self.sealed.len());
            }
            (Ok(()), _) => self.counters.drops.count(DropCause::OutboxFull),
            (Err(_), _) => self.counters.drops.count(DropCause::SealFailed),
        }
    }
}

/// What a change of somebody's transport means for the core's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// Nothing.
    Stays,
    /// The connection is dead for good and to be taken away.
    ConnectionDead,
}

/// See the module.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    has_captions: bool,
    /// A participant keeps its place; free places are used again.
    participants: Vec<Option<Box<Participant>>>,
    speakers: SpeakerList,
    audible: Audible,
    /// Of the packet under way.
    copies: Copies,
    /// Whether anybody's line needs them.
    needs_copies: bool,
    /// Counts turns of the clock.
    beat: u64,
    /// Somebody is to be served before the next one.
    is_awake: bool,
    /// Layers are to be chosen at the next one.
    must_choose: bool,
    scratch: Scratch,
}

/// Lists that are filled anew each time, kept for their memory.
#[derive(Debug, Default)]
struct Scratch {
    claims: Vec<Claim>,
    places: Vec<Place>,
    changes: Vec<Reassignment>,
    demands: Vec<Demand>,
    /// Per participant: whether they are heard in large groups.
    heard: Vec<bool>,
    /// Per participant: camera and screen.
    live: Vec<[LiveLayers; 2]>,
    codecs: Vec<[Option<LiveCodec>; 2]>,
    /// Layers each could send.
    offered: Vec<[usize; 2]>,
    /// What their sound takes: microphone and screen.
    sound: Vec<[Bitrate; 2]>,
    /// Layers that somebody gets.
    wanted: Vec<[[bool; LAYERS_MAX]; 2]>,
    /// Layers that somebody waits for.
    wished: Vec<[[bool; LAYERS_MAX]; 2]>,
    /// Layers of the camera that somebody needs, whether or not they arrive.
    needed: Vec<[bool; LAYERS_MAX]>,
}

impl Session {
    pub(crate) fn new(id: SessionId, has_captions: bool) -> Self {
        Self {
            id,
            has_captions,
            participants: Vec::new(),
            speakers: SpeakerList::default(),
            audible: Audible::default(),
            copies: Copies::default(),
            needs_copies: false,
            beat: 0,
            is_awake: false,
            must_choose: false,
            scratch: Scratch::default(),
        }
    }

    /// Opened again, as signaling does after its own restart.
    pub(crate) fn set_captions(&mut self, has_captions: bool) {
        self.has_captions = has_captions;
    }

    /// The place of a participant.
    pub(crate) fn find(&self, id: ParticipantId) -> Option<usize> {
        self.participants
            .iter()
            .position(|participant| participant.as_ref().is_some_and(|p| p.id == id))
    }

    pub(crate) fn participant(&mut self, at: usize) -> Option<&mut Participant> {
        self.participants.get_mut(at)?.as_deref_mut()
    }

    pub(crate) fn connection(&mut self, at: usize) -> Option<&mut Connection> {
        self.participant(at)?.connection.as_mut()
    }

    /// Participants with a connection.
    pub(crate) fn connections(&self) -> usize {
        let participants = self.participants.iter().flatten();
        participants
            .filter(|participant| participant.connection.is_some())
            .count()
    }

    /// Places in use, now or before.
    pub(crate) fn places(&self) -> usize {
        self.participants.len()
    }

    /// Whether one more can be admitted.
    pub(crate) fn has_place(&self) -> bool {
        self.participants.len() < PARTICIPANTS_MAX || self.participants.iter().any(Option::is_none)
    }

    pub(crate) fn admit(&mut self, id: ParticipantId, grants: MediaGrants, now: Now, shared: &mut Shared) {
        if let Some(at) = self.find(id) {
            self.set_grants(at, grants, now, shared);
            return;
        }
        let participant = Some(Box::new(Participant::new(id, grants)));
        if let Some(free) = self.participants.iter_mut().find(|place| place.is_none()) {
            *free = participant;
        } else if self.participants.len() < PARTICIPANTS_MAX {
            self.participants.push(participant);
        } else {
            shared.counters.commands_ignored += 1;
        }
    }

    pub(crate) fn set_grants(&mut self, at: usize, grants: MediaGrants, now: Now, shared: &mut Shared) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        participant.grants = grants;
        let mut screen_stopped = false;
        for source in TrackSource::ALL {
            let participant = self.participant(at).expect("it was there a line above");
            if participant.may_send(source) {
                continue;
            }
            if let Some(connection) = &mut participant.connection {
                connection.uplink.stop_repairs(source);
            }
            if source == TrackSource::Microphone {
                participant.voice.silence();
            }
            screen_stopped |= self.stop_sending(at, source, shared);
        }
        if screen_stopped {
            self.replan(now, shared);
        }
        self.update_speakers(now, shared);
        self.choose_layers(now, shared);
    }

    pub(crate) fn set_view(
        &mut self,
        at: usize,
        items: Vec<ViewItem>,
        mode: ViewMode,
        now: Now,
        shared: &mut Shared,
    ) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        participant.set_view(items, mode);
        self.replan_for(at, now, shared);
        self.choose_layers_soon(now, shared);
    }

    /// Chooses layers after one person's wishes have changed, or somebody has connected: at once in a small group.
    fn choose_layers_soon(&mut self, now: Now, shared: &mut Shared) {
        if self.participants.len() > PROMPT_PLACES_MAX {
            self.must_choose = true;
        } else {
            self.choose_layers(now, shared);
        }
    }

    /// Gives a participant a connection; the one before is to be taken away first, the pairs dealt out after.
    pub(crate) fn connect(&mut self, at: usize, connection: Connection) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        participant.connection = Some(connection);
        participant.has_media = true;
    }

    /// Deals out the pairs again, after an answer that brought more of them or more people.
    pub(crate) fn deal_pairs(&mut self, now: Now, shared: &mut Shared) {
        for participant in self.participants.iter_mut().flatten() {
            participant.dynacast.expect_viewer(now.time);
        }
        self.replan(now, shared);
        self.update_publishing(now, shared);
        self.choose_layers(now, shared);
    }

    /// Takes a participant's connection away, telling the browser. Their pairs at others' stay.
    pub(crate) fn disconnect(&mut self, at: usize, now: Now, shared: &mut Shared) -> Option<Connection> {
        let participant = self.participant(at)?;
        let mut connection = participant.connection.take()?;
        connection.transport.close(now.instant);
        while let Some(transmit) = connection.transport.poll_transmit() {
            shared.outbox.push_control(&transmit.contents, transmit.pair());
        }
        self.silence(at, shared);
        for other in self.participants.iter_mut().flatten() {
            for track in &mut other.tracks {
                track
                    .subscribers
                    .retain(|subscription| subscription.participant != at);
            }
        }
        Some(connection)
    }

    /// Takes a participant away, with their pairs everywhere.
    pub(crate) fn leave(&mut self, at: usize, now: Now, shared: &mut Shared) -> Option<Connection> {
        let connection = self.disconnect(at, now, shared);
        if let Some(participant) = self.participant(at) {
            participant.has_media = false;
            self.replan(now, shared);
        }
        self.participants[at] = None;
        self.update_speakers(now, shared);
        connection
    }

    /// One turn of the core's clock, every 20 ms. Returns the places of dead connections.
    pub(crate) fn tick(&mut self, now: Now, shared: &mut Shared, dead: &mut Vec<usize>) {
        self.beat += 1;
        for at in 0..self.participants.len() {
            if self.participants[at].is_none() {
                continue;
            }
            if self.run_transport(at, now, shared) == Aftermath::ConnectionDead {
                dead.push(at);
                continue;
            }
            self.send_reports(at, now, shared);
            self.serve(at, now, shared);
            self.send_statistics(at, now, shared);
            self.notice_silence(at, now, shared);
        }
        // 100 ms: quicker than anybody sees; 200 ms: layers come and go more slowly.
        if self.beat.is_multiple_of(5) {
            self.needs_copies = self.any_line_needs_copies();
            self.update_speakers(now, shared);
        }
        let is_turn = self.beat.is_multiple_of(10);
        if is_turn {
            self.update_limits(now);
        }
        if is_turn || self.must_choose || self.somebodys_line_has_changed(now) {
            self.choose_layers(now, shared);
        }
    }

    /// Whether a line carries much less than when layers were chosen last, or has got over that.
    fn somebodys_line_has_changed(&mut self, now: Now) -> bool {
        let participants = self.participants.iter_mut().flatten();
        let mut connections = participants.filter_map(|participant| participant.connection.as_mut());
        connections.any(|connection| {
            let bandwidth = &mut connection.downlink.bandwidth;
            bandwidth.has_fallen() || bandwidth.has_room_again(now.time)
        })
    }

    fn run_transport(&mut self, at: usize, now: Now, shared: &mut Shared) -> Aftermath {
        let Some(connection) = self.connection(at) else {
            return Aftermath::Stays;
        };
        if connection
            .transport
            .poll_timeout()
            .is_some_and(|timeout| timeout <= now.instant)
        {
            connection.transport.handle_timeout(now.instant);
        }
        self.drain_transport(at, now, shared)
    }

    /// Takes over what the transport has to send and to say.
    pub(crate) fn drain_transport(&mut self, at: usize, now: Now, shared: &mut Shared) -> Aftermath {
        let session = self.id;
        let Some(participant) = self.participant(at) else {
            return Aftermath::Stays;
        };
        let id = participant.id;
        let Some(connection) = &mut participant.connection else {
            return Aftermath::Stays;
        };
        while let Some(transmit) = connection.transport.poll_transmit() {
            if shared.outbox.push_control(&transmit.contents, transmit.pair()) {
                shared.counters.sent.connectivity.add(transmit.contents.len());
            } else {
                shared.counters.drops.count(DropCause::OutboxFull);
            }
        }
        let mut aftermath = Aftermath::Stays;
        while let Some(event) = self
            .connection(at)
            .and_then(|connection| connection.transport.poll_event())
        {
            match event {
                TransportEvent::Connected => {
                    if let Some(participant) = self.participant(at) {
                        participant.publishing.said = [None; 2];
                    }
                    shared.event(MediaEvent::Connected {
                        session,
                        participant: id,
                    });
                    self.choose_layers_soon(now, shared);
                }
                TransportEvent::Disconnected(reason) => {
                    shared.event(MediaEvent::Disconnected {
                        session,
                        participant: id,
                    });
                    self.silence(at, shared);
                    if let Some(connection) = self.connection(at) {
                        connection.downlink.pause();
                    }
                    if is_final(reason) {
                        aftermath = Aftermath::ConnectionDead;
                    }
                }
            }
        }
        aftermath
    }

    /// Nothing comes from this participant any more, for now.
    fn silence(&mut self, at: usize, shared: &mut Shared) {
        for source in TrackSource::ALL {
            self.stop_sending(at, source, shared);
        }
        if let Some(participant) = self.participant(at) {
            participant.voice.silence();
        }
    }

    fn notice_silence(&mut self, at: usize, now: Now, shared: &mut Shared) {
        let mut screen_stopped = false;
        for source in TrackSource::ALL {
            let Some(participant) = self.participant(at) else {
                return;
            };
            let last = participant.track(source).last_packet;
            if let Some(last) = last.filter(|last| now.time.since(*last) >= silence_max(source)) {
                if source == TrackSource::Camera && participant.is_cut_off_since(last) {
                    self.cut_off(at);
                }
                screen_stopped |= self.stop_sending(at, source, shared);
            }
        }
        if screen_stopped {
            self.replan(now, shared);
        }
    }

    /// Nothing comes of a participant's line: its camera's picture stands still at whoever sees it.
    fn cut_off(&mut self, at: usize) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        let subscribers = std::mem::take(&mut participant.track(TrackSource::Camera).subscribers);
        for subscription in &subscribers {
            if let Some(connection) = self.connection(subscription.participant)
                && let Some(pair) = connection.downlink.pairs.get_mut(subscription.pair)
            {
                pair.video.cut_off();
            }
        }
        if let Some(participant) = self.participant(at) {
            participant.track(TrackSource::Camera).subscribers = subscribers;
        }
    }

    /// A source has stopped: its subscribers' streams are closed, so that they go on without a gap when it
    /// comes back. True when that frees a screen's pairs.
    fn stop_sending(&mut self, at: usize, source: TrackSource, shared: &mut Shared) -> bool {
        let session = self.id;
        let Some(participant) = self.participant(at) else {
            return false;
        };
        let id = participant.id;
        let track = participant.track(source);
        track.last_packet = None;
        let was_sending = std::mem::replace(&mut track.is_sending, false);
        if !was_sending {
            return false;
        }
        let subscribers = std::mem::take(&mut track.subscribers);
        let half = if source.is_audio() {
            Half::Audio
        } else {
            Half::Video
        };
        for subscription in &subscribers {
            if let Some(connection) = self.connection(subscription.participant)
                && let Some(pair) = connection.downlink.pairs.get_mut(subscription.pair)
            {
                pair.half(half).pause();
            }
        }
        let participant = self.participant(at).expect("it was there above");
        participant.track(source).subscribers = subscribers;
        shared.event(MediaEvent::Sending {
            session,
            participant: id,
            source,
            live: false,
        });
        !participant.shares_screen() && matches!(source, TrackSource::Screen | TrackSource::ScreenAudio)
    }
}

fn is_final(reason: DisconnectReason) -> bool {
    match reason {
        DisconnectReason::NeverConnected | DisconnectReason::Silence => false,
        DisconnectReason::ClosedByPeer
        | DisconnectReason::HandshakeFailed
        | DisconnectReason::WrongFingerprint => true,
    }
}

fn slot_content(participant: ParticipantId, source: TrackSource, first_rtp_timestamp: u32) -> SlotContent {
    SlotContent {
        participant,
        source,
        first_rtp_timestamp,
    }
}

fn slot_event(
    session: SessionId,
    receiver: ParticipantId,
    mid: &str,
    generation: u32,
    content: Option<SlotContent>,
) -> MediaEvent {
    MediaEvent::Slot {
        session,
        participant: receiver,
        slot: Slot {
            mid: mid.to_owned(),
            generation,
            content,
        },
    }
}

fn subscription(participant: usize, pair: usize) -> Subscription {
    Subscription { participant, pair }
}
