//! One shard's media plane: sessions and the packets between their participants.
//!
//! In: commands, datagrams and the passing of time. Out: datagrams, events for signaling, speech for the
//! captions. Drain all three after each batch of input, events first, so that a slot's new owner is known
//! before their packets are on the way. It must never wait, read a clock or touch a socket.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hearken_protocol::{MediaCommand, MediaEvent, SpeechPacket};

use crate::{Counters, Outbox};

/// What a core is built with.
#[derive(Debug)]
pub struct CoreConfig {
    /// The addresses that answers name as candidates, best first.
    pub candidates: Vec<SocketAddr>,
    /// Seeds every random value the core makes: must be fresh from the operating system in production.
    pub seed: [u8; 32],
    /// The time now; all later times are measured from here.
    pub started: Instant,
    /// The time since the Unix epoch at `started`.
    pub unix_time: Duration,
}

/// One shard's media plane.
#[derive(Debug)]
pub struct Core {
    outbox: Outbox,
    events: VecDeque<MediaEvent>,
    speech: VecDeque<SpeechPacket>,
    counters: Counters,
}

impl Core {
    /// An empty media plane.
    pub fn new(_config: CoreConfig) -> Self {
        Self {
            outbox: Outbox::default(),
            events: VecDeque::new(),
            speech: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Carries out an order of signaling. One about a session or participant that is not here does nothing.
    pub fn handle_command(&mut self, _now: Instant, _command: MediaCommand) {}

    /// Takes one datagram, which came from `source` to `local`. It is decrypted in place.
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _source: SocketAddr,
        _local: SocketAddr,
        _datagram: &mut [u8],
    ) {
    }

    /// Does what is due. To be called at [`poll_timeout`](Self::poll_timeout) or later.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` when nobody is connected.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Datagrams to send; the shell sends them and calls [`Outbox::clear`].
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// The next event for signaling.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// The next packet of an admitted, unmuted microphone in a session with captions.
    pub fn poll_speech(&mut self) -> Option<SpeechPacket> {
        self.speech.pop_front()
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        0
    }

    /// Participants with a transport.
    pub fn connections(&self) -> usize {
        0
    }
}
