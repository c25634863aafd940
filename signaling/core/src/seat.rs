//! A seat in a session: who holds it, where they are, and what facilitators decided about it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use hearken_protocol::{
    Knock, LineQuality, MediaGrants, Microphone, Participant, ParticipantId, Permission, Publish, Role,
    Sensitive, ServerMessage, Slot, Timestamp, TrackSource, WaitingReason,
};

use crate::{ConnectionId, MicrophoneRule, SeatRecord, Standing, role_has};

/// How long a seat is held for somebody who lost the connection. Longer keeps ghosts in the room, shorter makes
/// people queue again after a tunnel.
pub const SEAT_HOLD: Duration = Duration::from_secs(120);

/// Offers that wait for their answer, per person; beyond it the oldest stays unanswered.
const OFFERS_PENDING_MAX: usize = 8;

/// Slots that are remembered per person: two for each section a client can offer. More are passed on, not kept.
const SLOTS_MAX: usize = 128;

/// A seat, on which somebody sits or may sit again.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) id: ParticipantId,
    pub(crate) role: Role,
    /// Empty while nobody sits here.
    pub(crate) name: Sensitive<String>,
    pub(crate) rule: MicrophoneRule,
    pub(crate) denials: u32,
    /// Counts who came into the waiting room or the session, in order.
    pub(crate) arrival: u64,
    /// What the store knows of it; `None` is nothing.
    pub(crate) standing: Option<Standing>,
    pub(crate) place: Place,
}

/// Where the holder of a seat is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Not here: denied, lapsed or blocked, as the seat's `standing` says.
    Absent,
    Waiting(Waiting),
    Inside(Inside),
}

/// Somebody in the waiting room.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) line: Line,
    pub(crate) since: Timestamp,
    pub(crate) reason: WaitingReason,
}

/// Somebody admitted.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    pub(crate) line: Line,
    /// What its owner wants; whether it is heard depends on the seat's rule too.
    pub(crate) microphone_on: bool,
    pub(crate) camera: bool,
    pub(crate) screen: bool,
    pub(crate) hand_raised_at: Option<Timestamp>,
    pub(crate) negotiation: Negotiation,
    /// How well their media gets through.
    pub(crate) quality: LineQuality,
}

/// Whether somebody is reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Connected(ConnectionId),
    /// The seat is held for this long.
    Held {
        until: Timestamp,
    },
}

impl Line {
    pub(crate) fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Connected(connection) => Some(connection),
            Self::Held { .. } => None,
        }
    }

    pub(crate) fn held_until(self) -> Option<Timestamp> {
        match self {
            Self::Connected(_) => None,
            Self::Held { until } => Some(until),
        }
    }
}

/// What is under way between somebody's browser and the media plane.
///
/// A page that is reloaded counts its negotiations from the start again. The media plane therefore sees numbers
/// of the session's own, so that the answer to a dead page is never taken for one to the page in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Negotiation {
    pending: VecDeque<PendingOffer>,
    /// Names the transport: the media plane makes a new one for each fingerprint.
    fingerprint: Option<Sensitive<String>>,
    /// What each section of the present transport carries: told again to a page that reconnects, as is the rest.
    slots: BTreeMap<String, Slot>,
    /// What of their own videos they are to send.
    publish: BTreeMap<TrackSource, Publish>,
    /// Videos that their line does not carry at present.
    paused: BTreeSet<(ParticipantId, TrackSource)>,
}

/// An offer that was not answered yet.
#[derive(Debug, Clone)]
pub(crate) struct PendingOffer {
    /// Its number in the media plane.
    pub(crate) number: u32,
    /// Its number in the browser.
    pub(crate) negotiation: u32,
    pub(crate) connection: ConnectionId,
    pub(crate) request: Option<u32>,
    /// The first `a=fingerprint` line (RFC 8122, section 5).
    pub(crate) fingerprint: Option<Sensitive<String>>,
}

impl Negotiation {
    pub(crate) fn offered(&mut self, offer: PendingOffer) {
        if self.pending.len() == OFFERS_PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(offer);
    }

    /// The offer that an answer is to. Slots heard before it were another transport's, if it made a new one.
    pub(crate) fn answered(&mut self, number: u32) -> Option<PendingOffer> {
        let offer = self.refused(number)?;
        if offer.fingerprint != self.fingerprint {
            self.fingerprint.clone_from(&offer.fingerprint);
            self.slots.clear();
            self.publish.clear();
            self.paused.clear();
        }
        Some(offer)
    }

    /// The offer that a refusal is about.
    pub(crate) fn refused(&mut self, number: u32) -> Option<PendingOffer> {
        let index = self.pending.iter().position(|offer| offer.number == number)?;
        self.pending.remove(index)
    }

    pub(crate) fn assigned(&mut self, slot: &Slot) {
        if self.slots.len() < SLOTS_MAX || self.slots.contains_key(&slot.mid) {
            self.slots.insert(slot.mid.clone(), slot.clone());
        }
    }

    pub(crate) fn asked_for(&mut self, publish: Publish) {
        self.publish.insert(publish.source, publish);
    }

    pub(crate) fn paused(&mut self, publisher: ParticipantId, source: TrackSource, paused: bool) {
        if !paused {
            self.paused.remove(&(publisher, source));
        } else if self.paused.len() < SLOTS_MAX {
            self.paused.insert((publisher, source));
        }
    }

    /// Forgets what was about somebody who is gone.
    pub(crate) fn left(&mut self, publisher: ParticipantId) {
        self.paused.retain(|(whose, _)| *whose != publisher);
    }

    /// All that the media plane said and that still holds.
    pub(crate) fn standing(&self) -> Vec<ServerMessage> {
        let slots = self.slots.values().cloned().map(ServerMessage::Slot);
        let publish = self.publish.values().copied().map(ServerMessage::Publish);
        let paused = self
            .paused
            .iter()
            .map(|&(participant, source)| ServerMessage::VideoPaused {
                participant,
                source,
                paused: true,
            });
        slots.chain(publish).chain(paused).collect()
    }
}

impl Inside {
    pub(crate) fn new(line: Line) -> Self {
        Self {
            line,
            microphone_on: false,
            camera: false,
            screen: false,
            hand_raised_at: None,
            negotiation: Negotiation::default(),
            quality: LineQuality::default(),
        }
    }
}

impl Seat {
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.place, Place::Absent)
    }

    pub(crate) fn may(&self, permission: Permission) -> bool {
        role_has(self.role, permission)
    }

    pub(crate) fn line(&self) -> Option<Line> {
        match &self.place {
            Place::Absent => None,
            Place::Waiting(waiting) => Some(waiting.line),
            Place::Inside(inside) => Some(inside.line),
        }
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.line().and_then(Line::connection)
    }

    pub(crate) fn set_line(&mut self, line: Line) {
        match &mut self.place {
            Place::Absent => {}
            Place::Waiting(waiting) => waiting.line = line,
            Place::Inside(inside) => inside.line = line,
        }
    }

    pub(crate) fn inside(&self) -> Option<&Inside> {
        match &self.place {
            Place::Inside(inside) => Some(inside),
            Place::Absent | Place::Waiting(_) => None,
        }
    }

    pub(crate) fn inside_mut(&mut self) -> Option<&mut Inside> {
        match &mut self.place {
            Place::Inside(inside) => Some(inside),
            Place::Absent | Place::Waiting(_) => None,
        }
    }

    pub(crate) fn waiting(&self) -> Option<&Waiting> {
        match &self.place {
            Place::Waiting(waiting) => Some(waiting),
            Place::Absent | Place::Inside(_) => None,
        }
    }

    /// What facilitators see of somebody who waits; nothing while they are not connected, so that nobody is
    /// let in who is not there.
    pub(crate) fn knock(&self) -> Option<Knock> {
        let waiting = self.waiting()?;
        let knocks = waiting.reason == WaitingReason::Knocking && waiting.line.connection().is_some();
        knocks.then(|| Knock {
            participant: self.id,
            name: self.name.clone(),
            since: waiting.since,
            denied: self.denials,
        })
    }

    /// What everybody inside sees of somebody inside.
    pub(crate) fn participant(&self) -> Option<Participant> {
        self.inside().map(|inside| Participant {
            participant: self.id,
            name: self.name.clone(),
            role: self.role,
            microphone: self.microphone(inside),
            camera: inside.camera,
            screen: inside.screen,
            hand_raised_at: inside.hand_raised_at,
            connected: inside.line.connection().is_some(),
            line: inside.quality,
        })
    }

    fn microphone(&self, inside: &Inside) -> Microphone {
        match self.rule {
            MicrophoneRule::Locked => Microphone::Locked,
            MicrophoneRule::Muted => Microphone::Muted,
            MicrophoneRule::Free if inside.microphone_on => Microphone::On,
            MicrophoneRule::Free => Microphone::Off,
        }
    }

    /// What the media plane lets through.
    pub(crate) fn grants(&self) -> Option<MediaGrants> {
        self.inside().map(|inside| MediaGrants {
            microphone: self.microphone(inside) == Microphone::On,
            camera: inside.camera,
            screen: inside.screen,
        })
    }

    /// What the store keeps of it.
    pub(crate) fn record(&self) -> Option<SeatRecord> {
        self.standing.map(|standing| SeatRecord {
            participant: self.id,
            role: self.role,
            name: match standing {
                Standing::Admitted => self.name.clone(),
                Standing::Denied | Standing::Lapsed | Standing::Blocked => Sensitive::default(),
            },
            standing,
            denials: self.denials,
            microphone: self.rule,
        })
    }
}
