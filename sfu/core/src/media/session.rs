//! One session: its participants, who gets whose media, and the way of a packet from one to the others.

mod allocation;
mod choices;
mod feedback;
mod forwarding;
mod pacing;
mod presence;
mod publishing;
mod repair;
mod shared;
mod statistics;

use hearken_protocol::{
    MediaEvent, MediaGrants, ParticipantId, SessionId, Slot, SlotContent, TrackSource, ViewItem, ViewMode,
};

pub(crate) use self::presence::Aftermath;
pub(crate) use self::shared::{Now, Shared};
use super::layers::{Demand, LAYERS_MAX, LiveLayers};
use super::participant::{Connection, LiveCodec, Participant, Subscription};
use super::rate::Bitrate;
use super::red::Copies;
use super::slots::{Claim, Place, Reassignment};
use super::speaker::{Audible, SpeakerList};

/// Participants in one session, connected or not: twice a session's greatest capacity. Full: admissions are ignored, and
/// offers refused.
const PARTICIPANTS_MAX: usize = 1024;
/// In a session with more places, what several people's wishes change is decided once in a turn of the clock: the way
/// of a packet must not wait for two hundred decisions about everybody.
const PROMPT_PLACES_MAX: usize = 30;

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
    /// Layers of camera and screen that somebody needs, whether or not they arrive.
    needed: Vec<[[bool; LAYERS_MAX]; 2]>,
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

    /// Whether media of this participant can come and go at present.
    pub(crate) fn is_connected(&self, id: ParticipantId) -> bool {
        let participant = self.find(id).and_then(|at| self.participants[at].as_deref());
        participant.is_some_and(Participant::is_connected)
    }

    pub(crate) fn participant(&mut self, at: usize) -> Option<&mut Participant> {
        self.participants.get_mut(at)?.as_deref_mut()
    }

    pub(crate) fn connection(&mut self, at: usize) -> Option<&mut Connection> {
        self.participant(at)?.connection.as_mut()
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

    /// Deals out the pairs again, after an answer that brought more of them or more people.
    pub(crate) fn deal_pairs(&mut self, now: Now, shared: &mut Shared) {
        for participant in self.participants.iter_mut().flatten() {
            participant.dynacast.expect_viewer(now.time);
            participant.expect_viewer_of_screen(now.time);
        }
        self.replan(now, shared);
        self.update_publishing(now, shared);
        self.choose_layers(now, shared);
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

    /// Whether a line carries much less than when layers were chosen last, or has got over that. Nothing is chosen for
    /// somebody of whom nothing is heard, so theirs would have changed for ever.
    fn somebodys_line_has_changed(&mut self, now: Now) -> bool {
        let participants = self.participants.iter_mut().flatten();
        let participants = participants.filter(|participant| participant.is_connected());
        let mut connections = participants.filter_map(|participant| participant.connection.as_mut());
        connections.any(|connection| {
            let bandwidth = &mut connection.downlink.bandwidth;
            bandwidth.has_fallen() || bandwidth.has_room_again(now.time)
        })
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
