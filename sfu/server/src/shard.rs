//! One shard: a thread that owns sockets and a core, and turns the one's input into the other's.
//!
//! The clock is read twice per turn of the loop, when it wakes and when all is sent. Nothing here blocks but the one
//! wait for whatever is ready first.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use hearken_protocol::{MediaCommand, MediaEvent, ParticipantId, SessionId, SpeechPacket};
use hearken_sfu_core::{Core, Counters};
use tokio::sync::mpsc::Sender as Queue;
use tokio::sync::mpsc::error::TrySendError;

use crate::alarm::Alarm;
use crate::metrics::{Metrics, ShellDropCause};
use crate::poller::{Poller, Ready};
use crate::sender::Sender;
use crate::socket::{MediaSocket, ReceiveBuffers};
use crate::tcp::TcpMedia;
use crate::wake::Waker;

/// Receive calls on one socket before the others and the orders have their turn.
const RECEIVES_PER_TURN: usize = 4;

/// Orders carried out before datagrams have their turn. More: an offer takes up to a millisecond in a large group, and
/// when many come back at once the pictures of all others wait for all of them.
const ORDERS_PER_TURN: usize = 4;

/// Datagrams of one sender that the core gets at once. More: what is forwarded of them to a large group no longer fits
/// into the processor's cache before it is sent.
const DATAGRAMS_TOGETHER: usize = 8;

/// What waits in the outbox is sent in the middle of a batch when it is so much, in bytes: while it is in the cache.
pub(crate) const OUTBOX_BYTES_AT_ONCE: usize = 192 << 10;

/// Events that wait when signaling is behind. Full: the oldest is dropped and counted, since the newest say more.
const EVENT_BACKLOG_MAX: usize = 8192;

/// How often counters are exported.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Offers whose connection is being timed. More at once are not timed.
const TIMED_JOINS_MAX: usize = 1024;

/// A join that takes longer has failed: browsers give up after half a minute. Longer: those that failed keep others
/// from being timed.
const JOIN_TIME_MAX: Duration = Duration::from_secs(60);

/// What the shard and the server's handle both see.
#[derive(Debug, Default)]
pub(crate) struct ShardState {
    /// Set once by the handle; the shard ends its loop.
    pub(crate) stop: AtomicBool,
    /// Makes it panic at its next turn.
    #[cfg(test)]
    pub(crate) panics: AtomicBool,
    /// Participants with a transport, for the placement of sessions.
    pub(crate) connections: AtomicUsize,
    /// Packets sent per second, for the same.
    pub(crate) packets_per_second: AtomicU64,
}

/// What can wake the shard, in the order in which it is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    /// Orders, or the end.
    Orders,
    /// Something is due.
    Alarm,
    /// TCP connections and what came over them.
    Tcp,
    /// Datagrams on the socket of that index.
    Datagrams(usize),
}

impl Wake {
    /// As it is known to the poller: the sockets come last.
    fn token(self) -> u64 {
        match self {
            Self::Orders => 0,
            Self::Alarm => 1,
            Self::Tcp => 2,
            Self::Datagrams(index) => 3 + index as u64,
        }
    }

    fn of(token: u64) -> Self {
        match token {
            0 => Self::Orders,
            1 => Self::Alarm,
            2 => Self::Tcp,
            socket => Self::Datagrams((socket - 3) as usize),
        }
    }
}

/// Whether orders are left for the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orders {
    None,
    Waiting,
}

/// One shard, before its thread starts.
pub(crate) struct Shard {
    pub(crate) name: String,
    pub(crate) core: Core,
    pub(crate) sockets: Vec<MediaSocket>,
    pub(crate) tcp: TcpMedia,
    pub(crate) waker: Waker,
    pub(crate) sleep: Sleep,
    pub(crate) state: Arc<ShardState>,
    pub(crate) orders: Receiver<MediaCommand>,
    pub(crate) events: Queue<MediaEvent>,
    pub(crate) speech: Queue<SpeechPacket>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What a shard sleeps on.
pub(crate) struct Sleep {
    poller: Poller,
    alarm: Alarm,
}

impl Sleep {
    /// Until one of these is ready, or something is due.
    pub(crate) fn new(waker: &Waker, tcp: &TcpMedia, sockets: &[MediaSocket]) -> io::Result<Self> {
        let (poller, alarm) = (Poller::new()?, Alarm::new()?);
        poller.add(waker, Wake::Orders.token())?;
        poller.add(&alarm, Wake::Alarm.token())?;
        poller.add(tcp, Wake::Tcp.token())?;
        for (index, socket) in sockets.iter().enumerate() {
            poller.add(socket, Wake::Datagrams(index).token())?;
        }
        Ok(Self { poller, alarm })
    }
}

impl Shard {
    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut sender = Sender::new(&self.sockets);
        let mut buffers = ReceiveBuffers::new();
        let mut ready = Vec::new();
        let mut wakes = Vec::new();
        let mut journal = Journal::new(Instant::now());
        while !self.state.stop.load(Ordering::Acquire) {
            self.wait(&mut ready, &mut wakes, journal.next_export);
            #[cfg(test)]
            assert!(!self.state.panics.load(Ordering::Acquire), "as a test wants it");
            let now = Instant::now();
            for wake in &wakes {
                match wake {
                    Wake::Orders => {
                        self.carry_out_orders(&mut journal, now);
                    }
                    Wake::Alarm => self.sleep.alarm.reset(),
                    Wake::Tcp => self.tcp.turn(&mut self.core, now, &self.metrics),
                    Wake::Datagrams(index) => {
                        self.receive(*index, &mut buffers, &mut sender, &mut journal, now)
                    }
                }
            }
            if self.core.poll_timeout().is_some_and(|deadline| deadline <= now) {
                self.core.handle_timeout(now);
            }
            publish(
                &mut self.core,
                &mut journal,
                &self.events,
                &self.speech,
                &self.metrics,
                now,
            );
            let forwards = |wake: &Wake| matches!(wake, Wake::Tcp | Wake::Datagrams(_));
            self.flush(&mut sender, now, wakes.iter().any(forwards));
            if now >= journal.next_export {
                self.export(&mut journal, &sender, now);
            }
        }
        // The last orders closed the sessions: browsers hear of it by the good-bye of their transport.
        let now = Instant::now();
        while self.carry_out_orders(&mut journal, now) == Orders::Waiting {}
        self.flush(&mut sender, now, false);
    }

    /// Carries out some of the orders that wait. When there may be more, the shard stays awake for them.
    fn carry_out_orders(&mut self, journal: &mut Journal, now: Instant) -> Orders {
        self.waker.reset();
        for _ in 0..ORDERS_PER_TURN {
            let Ok(order) = self.orders.try_recv() else {
                return Orders::None;
            };
            journal.note_order(&order, &self.core, now);
            self.core.handle_command(now, order);
        }
        self.waker.wake();
        Orders::Waiting
    }

    /// Sleeps until there is input or something is due, and lists what there is.
    fn wait(&mut self, ready: &mut Vec<Ready>, wakes: &mut Vec<Wake>, next_export: Instant) {
        let due = self.core.poll_timeout();
        self.sleep
            .alarm
            .ring_by(due.map_or(next_export, |due| due.min(next_export)));
        self.sleep.poller.wait(ready);
        wakes.clear();
        wakes.extend(ready.iter().map(|ready| Wake::of(ready.token)));
        wakes.sort_unstable();
    }

    fn receive(
        &mut self,
        index: usize,
        buffers: &mut ReceiveBuffers,
        sender: &mut Sender,
        journal: &mut Journal,
        now: Instant,
    ) {
        for _ in 0..RECEIVES_PER_TURN {
            let Self {
                core,
                sockets,
                tcp,
                metrics,
                events,
                speech,
                ..
            } = self;
            let more = sockets[index].receive(buffers, |source, local, datagrams, size| {
                for together in datagrams.chunks_mut(DATAGRAMS_TOGETHER * size) {
                    core.handle_datagrams(now, source, local, together, size);
                    if core.outbox().waiting_bytes() >= OUTBOX_BYTES_AT_ONCE {
                        publish(core, journal, events, speech, metrics, now);
                        metrics.count_sends(sender.send(core.outbox(), sockets));
                        if core.outbox().frames() > 0 {
                            tcp.send(core, now, metrics);
                        }
                        core.outbox().clear();
                    }
                }
            });
            match more {
                Ok(true) => {}
                Ok(false) => break,
                // An ICMP error about an earlier send: it concerns one peer, who times out by itself.
                Err(_) => {
                    self.metrics.count_drops(ShellDropCause::ReceiveError, 1);
                    break;
                }
            }
        }
    }

    fn flush(&mut self, sender: &mut Sender, received_at: Instant, forwarding: bool) {
        if self.core.outbox().is_empty() {
            return;
        }
        let report = sender.send(self.core.outbox(), &self.sockets);
        if self.core.outbox().frames() > 0 {
            self.tcp.send(&mut self.core, received_at, &self.metrics);
        }
        self.core.outbox().clear();
        self.metrics.count_sends(report);
        if forwarding {
            self.metrics.observe_forwarding(received_at.elapsed());
        }
    }

    fn export(&mut self, journal: &mut Journal, sender: &Sender, now: Instant) {
        let counters = self.core.counters().clone();
        self.metrics.add(&journal.exported, &counters);
        self.metrics
            .set_load(&self.name, self.core.sessions(), self.core.connections());
        self.metrics.set_segmentation(&self.name, sender.segments());
        self.state
            .connections
            .store(self.core.connections(), Ordering::Relaxed);
        self.state
            .packets_per_second
            .store(self.core.packets_per_second(), Ordering::Relaxed);
        self.tcp.sweep(&mut self.core, now, &self.metrics);
        self.metrics
            .set_tcp_connections(&self.name, self.tcp.connections());
        journal.forget_old_offers(now);
        journal.exported = counters;
        journal.next_export = now + EXPORT_INTERVAL;
    }
}

/// Hands news and speech on; neither waits for anybody.
fn publish(
    core: &mut Core,
    journal: &mut Journal,
    events: &Queue<MediaEvent>,
    speech: &Queue<SpeechPacket>,
    metrics: &Metrics,
    now: Instant,
) {
    while let Some(event) = core.poll_event() {
        if let MediaEvent::Statistics { statistics, .. } = &event {
            metrics.observe(statistics);
        }
        if let Some(waited) = journal.note_event(&event, now) {
            metrics.observe_join(waited);
        }
        journal.events.push_back(event);
    }
    while let Some(event) = journal.events.pop_front() {
        match events.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(event)) => {
                journal.events.push_front(event);
                break;
            }
            Err(TrySendError::Closed(_)) => journal.events.clear(),
        }
    }
    while journal.events.len() > EVENT_BACKLOG_MAX {
        journal.events.pop_front();
        metrics.count_drops(ShellDropCause::EventBacklogFull, 1);
    }
    while let Some(packet) = core.poll_speech() {
        if speech.try_send(packet).is_err() {
            metrics.count_drops(ShellDropCause::SpeechChannelFull, 1);
        }
    }
}

/// What the shard remembers beside its core.
struct Journal {
    next_export: Instant,
    exported: Counters,
    events: VecDeque<MediaEvent>,
    offers: HashMap<(SessionId, ParticipantId), Instant>,
}

impl Journal {
    fn new(now: Instant) -> Self {
        Self {
            next_export: now,
            exported: Counters::default(),
            events: VecDeque::new(),
            offers: HashMap::new(),
        }
    }

    /// Starts the clock of a join. Whoever is connected already only says something new.
    fn note_order(&mut self, order: &MediaCommand, core: &Core, now: Instant) {
        match order {
            MediaCommand::Offer {
                session, participant, ..
            } if self.offers.len() < TIMED_JOINS_MAX && !core.is_connected(*session, *participant) => {
                self.offers.entry((*session, *participant)).or_insert(now);
            }
            MediaCommand::Leave { session, participant } => {
                self.offers.remove(&(*session, *participant));
            }
            MediaCommand::CloseSession { session } => self.offers.retain(|(of, _), _| of != session),
            _ => {}
        }
    }

    /// Nobody waits for these connections any more: if one comes after all, it is another attempt's.
    fn forget_old_offers(&mut self, now: Instant) {
        self.offers
            .retain(|_, offered| now.duration_since(*offered) < JOIN_TIME_MAX);
    }

    /// How long a join took, when this event completes one.
    fn note_event(&mut self, event: &MediaEvent, now: Instant) -> Option<Duration> {
        match event {
            MediaEvent::Connected { session, participant } => self
                .offers
                .remove(&(*session, *participant))
                .map(|offered| now.duration_since(offered)),
            MediaEvent::OfferRefused {
                session, participant, ..
            } => {
                self.offers.remove(&(*session, *participant));
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
