//! Who is heard: from the audio levels that microphones' packets carry (RFC 6464), with hysteresis.
//!
//! A voice counts after a few loud packets, so that a cough does not, and stays for a while after the last
//! one, so that the pauses between words don't end it.

use std::time::Duration;

use hearken_protocol::{ParticipantId, Speaker};

use super::time::MediaTime;

/// Louder than this (less in −dBov) is a voice. Room noise lies around 60.
const VOICE_LEVEL_MAX: u8 = 50;
/// How long a voice must have been loud, in packets of 20 ms: shorter is a cough.
const ONSET_PACKETS: u8 = 6;
/// How long a speaker stays one after the last loud packet.
const HANGOVER: Duration = Duration::from_millis(1200);
/// Two speakers change places in the order only if one is this much louder.
const ORDER_MARGIN: u8 = 6;
/// More speak at once only where nobody listens.
pub(crate) const SPEAKERS_MAX: usize = 8;
/// How long after their last word somebody counts like a speaker when pairs are dealt out: conversations go back
/// and forth.
const TURN: Duration = Duration::from_secs(5);

/// One microphone's loudness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VoiceActivity {
    /// Smoothed level in 1/16 of −dBov.
    level_16: u16,
    loud_packets: u8,
    speaking_until: Option<MediaTime>,
    /// The last moment there was a voice.
    last_spoke: Option<MediaTime>,
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self {
            level_16: 127 * 16,
            loud_packets: 0,
            speaking_until: None,
            last_spoke: None,
        }
    }
}

impl VoiceActivity {
    /// Takes one packet's level byte: voice flag and −dBov.
    pub(crate) fn packet(&mut self, level_byte: u8, now: MediaTime) {
        let level = level_byte & 0x7f;
        // Rises at once to a quarter, falls as slowly: about 80 ms.
        self.level_16 = (self.level_16 * 3 + u16::from(level) * 16) / 4;
        if level <= VOICE_LEVEL_MAX {
            self.loud_packets = self.loud_packets.saturating_add(1).min(ONSET_PACKETS);
        } else {
            self.loud_packets = self.loud_packets.saturating_sub(1);
        }
        let speaks = self.loud_packets >= ONSET_PACKETS || self.speaking_until.is_some();
        if speaks && level <= VOICE_LEVEL_MAX {
            self.speaking_until = Some(now + HANGOVER);
            self.last_spoke = Some(now);
        }
    }

    /// Silences it at once: muted, gone.
    pub(crate) fn silence(&mut self) {
        *self = Self {
            last_spoke: self.last_spoke,
            ..Self::default()
        };
    }

    /// The level of somebody who speaks.
    pub(crate) fn speaking(&mut self, now: MediaTime) -> Option<u8> {
        if self.speaking_until.is_some_and(|until| until <= now) {
            self.speaking_until = None;
            self.loud_packets = 0;
        }
        self.speaking_until.map(|_| (self.level_16 / 16).min(127) as u8)
    }

    /// When there was last a voice.
    pub(crate) fn last_spoke(&self) -> Option<MediaTime> {
        self.last_spoke
    }
}

/// The speakers of a session, loudest first, in an order that does not flicker.
#[derive(Debug, Default)]
pub(crate) struct SpeakerList {
    current: Vec<Speaker>,
    next: Vec<Speaker>,
}

impl SpeakerList {
    /// Takes everybody who speaks now; true when the list has changed.
    pub(crate) fn update(&mut self, speaking: impl Iterator<Item = Speaker>) -> bool {
        self.next.clear();
        self.next.extend(speaking);
        let current = &self.current;
        let place = |speaker: &Speaker| current.iter().position(|c| c.participant == speaker.participant);
        // Who was in the list keeps the place, who is new comes last; then the clearly louder move up.
        self.next
            .sort_by_key(|speaker| (place(speaker).unwrap_or(usize::MAX), speaker.level));
        for end in 1..self.next.len() {
            let mut at = end;
            while at > 0 && self.next[at].level.saturating_add(ORDER_MARGIN) <= self.next[at - 1].level {
                self.next.swap(at, at - 1);
                at -= 1;
            }
        }
        self.next.truncate(SPEAKERS_MAX);
        let names = |list: &[Speaker]| list.iter().map(|speaker| speaker.participant).collect::<Vec<_>>();
        let changed = names(&self.next) != names(&self.current);
        std::mem::swap(&mut self.current, &mut self.next);
        changed
    }

    /// Loudest first.
    pub(crate) fn current(&self) -> &[Speaker] {
        &self.current
    }

    /// The place of somebody in the list.
    pub(crate) fn place(&self, participant: ParticipantId) -> Option<usize> {
        self.current
            .iter()
            .position(|speaker| speaker.participant == participant)
    }
}

/// Who is heard where there are more people than pairs: the loudest, and who was among them before, as long as
/// nobody else needs the place. So the first syllable of an answer is not lost.
#[derive(Debug, Default)]
pub(crate) struct Audible {
    /// At most [`SPEAKERS_MAX`], with the time when they last spoke.
    heard: Vec<(ParticipantId, MediaTime)>,
}

impl Audible {
    /// Takes who speaks now, at most [`SPEAKERS_MAX`].
    pub(crate) fn update(&mut self, speakers: &[Speaker], now: MediaTime) {
        for speaker in speakers {
            let id = speaker.participant;
            if let Some(known) = self.heard.iter_mut().find(|(heard, _)| *heard == id) {
                known.1 = now;
            }
        }
        for speaker in speakers {
            let id = speaker.participant;
            if self.is_heard(id) {
                continue;
            }
            if self.heard.len() < SPEAKERS_MAX {
                self.heard.push((id, now));
                continue;
            }
            // Whoever was silent for the longest makes room.
            let silent = self.heard.iter_mut().filter(|(_, spoke)| *spoke < now);
            if let Some(place) = silent.min_by_key(|(_, spoke)| *spoke) {
                *place = (id, now);
            }
        }
    }

    /// Whether somebody's sound goes out.
    pub(crate) fn is_heard(&self, participant: ParticipantId) -> bool {
        self.heard.iter().any(|(heard, _)| *heard == participant)
    }

    /// Whether it may be their turn again at once.
    pub(crate) fn is_in_turn(&self, participant: ParticipantId, now: MediaTime) -> bool {
        let mut heard = self.heard.iter();
        heard.any(|(heard, spoke)| *heard == participant && now.since(*spoke) < TURN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime(ms * 1_000_000)
    }

    #[test]
    fn a_cough_is_no_speech_and_a_pause_no_end() {
        let mut voice = VoiceActivity::default();
        for packet in 0..3 {
            voice.packet(20, at(packet * 20));
        }
        assert_eq!(voice.speaking(at(60)), None);
        for packet in 3..30 {
            voice.packet(20, at(packet * 20));
        }
        assert!(voice.speaking(at(600)).is_some_and(|level| level <= 25));
        for packet in 30..60 {
            voice.packet(90, at(packet * 20));
        }
        assert!(voice.speaking(at(1200)).is_some());
        assert_eq!(voice.speaking(at(2000)), None);
    }

    #[test]
    fn a_place_among_the_heard_is_kept_until_somebody_else_needs_it() {
        let speaker = |id| Speaker {
            participant: ParticipantId(id),
            level: 30,
        };
        let mut audible = Audible::default();
        for id in 0..8 {
            audible.update(&[speaker(id)], at(1000 * id as i64));
        }
        audible.update(&[], at(60_000));
        assert!((0..8).all(|id| audible.is_heard(ParticipantId(id))));
        audible.update(&[speaker(0), speaker(20)], at(61_000));
        let heard: Vec<u64> = (0..30)
            .filter(|id| audible.is_heard(ParticipantId(*id)))
            .collect();
        assert_eq!(heard, [0, 2, 3, 4, 5, 6, 7, 20]);
        assert!(audible.is_in_turn(ParticipantId(20), at(65_000)));
        assert!(!audible.is_in_turn(ParticipantId(20), at(66_000)));
        let all: Vec<Speaker> = (30..38).map(speaker).collect();
        audible.update(&all, at(70_000));
        assert!((30..38).all(|id| audible.is_heard(ParticipantId(id))));
    }

    #[test]
    fn the_order_changes_only_for_the_clearly_louder() {
        let speaker = |id, level| Speaker {
            participant: ParticipantId(id),
            level,
        };
        let mut list = SpeakerList::default();
        assert!(list.update([speaker(1, 30), speaker(2, 32)].into_iter()));
        assert!(!list.update([speaker(2, 28), speaker(1, 30)].into_iter()));
        assert!(list.update([speaker(2, 20), speaker(1, 30)].into_iter()));
        assert_eq!(list.place(ParticipantId(2)), Some(0));
        assert!(list.update(std::iter::empty()));
        assert!(!list.update(std::iter::empty()));
    }
}
