//! Connections that come and go, and those that fall silent.

use hearken_protocol::{MediaEvent, TrackSource};

use super::{Now, Session, Shared};
use crate::DropCause;
use crate::media::downlink::Half;
use crate::media::participant::{Connection, silence_max};
use crate::transport::{DisconnectReason, TransportEvent};

/// What a change of somebody's transport means for the core's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// Nothing.
    Stays,
    /// The connection is dead for good and to be taken away.
    ConnectionDead,
}

impl Session {
    /// Gives a participant a connection; the one before is to be taken away first, the pairs dealt out after.
    pub(crate) fn connect(&mut self, at: usize, connection: Connection) {
        let Some(participant) = self.participant(at) else {
            return;
        };
        participant.connection = Some(connection);
        participant.has_media = true;
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
        for other in self.participants.iter_mut().flatten() {
            other.key_frames.forget(at);
        }
        self.update_speakers(now, shared);
        connection
    }

    pub(super) fn run_transport(&mut self, at: usize, now: Now, shared: &mut Shared) -> Aftermath {
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
    pub(super) fn silence(&mut self, at: usize, shared: &mut Shared) {
        for source in TrackSource::ALL {
            self.stop_sending(at, source, shared);
        }
        if let Some(participant) = self.participant(at) {
            participant.voice.silence();
        }
    }

    pub(super) fn notice_silence(&mut self, at: usize, now: Now, shared: &mut Shared) {
        let mut screen_stopped = false;
        for source in TrackSource::ALL {
            let Some(participant) = self.participant(at) else {
                return;
            };
            if source == TrackSource::Screen && !participant.screencast.is_asked(0) {
                // Nobody looks at it, so it is not asked for.
                continue;
            }
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
    pub(super) fn cut_off(&mut self, at: usize) {
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
    pub(super) fn stop_sending(&mut self, at: usize, source: TrackSource, shared: &mut Shared) -> bool {
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
        let half = Half::of(source);
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
