//! How much the line to one receiver carries, judged by the sender from what the receiver tells of arrivals
//! (transport-wide congestion control).
//!
//! ```text
//!  sent packets ─► history ◄─ feedback ─┬─► trendline, queue ─► rate control ─┐
//!                     │                 ├─► throughput, busy ────┘▲     ├─ the smaller is the estimate
//!                     └───────► probe ──┼─────────────────────┘         │
//!                                       └─► loss bound ─────────────────┘
//! ```
//!
//! What a receiver tells may be anything: it changes nothing but what it is sent itself, and that never beyond
//! what it asked for. Nothing here allocates after the first packet.

mod aimd;
mod busy;
mod fall;
mod feedback;
mod history;
mod loss_bound;
mod probe;
mod queue;
mod throughput;
mod trendline;
mod usual;

use std::time::Duration;

use self::aimd::{RateControl, Through};
use self::busy::Busy;
use self::fall::Fall;
use self::feedback::{Feedback, ReceiverClock};
use self::history::{Acknowledged, Report, SentHistory};
use self::loss_bound::LossBound;
use self::probe::{Outcome, Prober};
use self::queue::Queue;
use self::throughput::Throughput;
use self::trendline::{Trendline, Usage};
use super::rate::Bitrate;
use super::statistics::Loss;
use super::time::MediaTime;
use crate::Counters;
use crate::prefetch::prefetch;

/// Before anything is known: a medium layer and some small ones. More floods a bad line at the start, less
/// makes everybody on a good one wait; the first probes come after a tenth of a second either way.
pub(crate) const ESTIMATE_START: Bitrate = Bitrate(1_000_000);
/// Below this there is no watchable video; what is left of it finds out whether the line is back.
pub(crate) const ESTIMATE_MIN: Bitrate = Bitrate(50_000);
/// More than anybody can show.
pub(crate) const ESTIMATE_MAX: Bitrate = Bitrate(60_000_000);

/// A receiver that has told nothing for so long of what it gets does not do so at all: then its reports about
/// loss must do.
const FEEDBACK_PATIENCE: Duration = Duration::from_secs(2);
/// One that has told before has lost its line, or tells lies.
const SILENCE_MAX: Duration = Duration::from_secs(1);
const HALVING_INTERVAL: Duration = Duration::from_millis(500);
/// Packets one message may tell of: as many as are remembered. More are nonsense that costs time.
const PACKETS_PER_MESSAGE_MAX: u16 = 2048;
/// A probe makes a queue of its own, which is not taken for overuse: what is sent from its beginning on for so
/// long is not judged by its delay.
const PROBE_ECHO: Duration = Duration::from_millis(350);
/// Without packets but those of probes there is no trend any more.
const TREND_AGE_MAX: Duration = Duration::from_millis(500);
const ROUND_TRIP_ASSUMED: Duration = Duration::from_millis(100);
const ROUND_TRIP_MAX: Duration = Duration::from_secs(2);
/// For so long after it was seen what the line lets through, averages say less.
const PASSAGE_KNOWN: Duration = Duration::from_millis(1500);
/// What nothing was heard of for so long is lost.
const UNTOLD_MAX: Duration = Duration::from_secs(1);
/// The estimate counts as fallen from below this share on.
const FALLEN: f64 = 0.8;

/// How far the receiver's word is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// Nothing was sent yet, or not long ago.
    Awaited { since: Option<MediaTime> },
    /// It tells nothing.
    Silent,
    /// It tells; packets sent since the last message wait since then.
    Heard { unanswered: Option<MediaTime> },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    hearing: Hearing,
    history: SentHistory,
    clock: ReceiverClock,
    trendline: Trendline,
    queue: Queue,
    throughput: Throughput,
    busy: Busy,
    /// What goes to the receiver without numbers: sound.
    beside: Throughput,
    /// When it was seen last what the line lets through.
    passage_seen: Option<MediaTime>,
    fall: Option<Fall>,
    /// What the line carried beside sound when it fell, until it carries more.
    narrow: Option<Bitrate>,
    loss: LossBound,
    control: RateControl,
    prober: Prober,
    round_trip: Duration,
    /// The highest number told of.
    reported: u64,
    /// When the last probe began.
    probed_us: Option<u32>,
    /// When the trend was looked at last.
    trend_at: MediaTime,
    wanted: Bitrate,
    /// The estimate is more than an assumption: a probe has shown something, or the line had too much.
    is_measured: bool,
    /// The estimate when layers were chosen last.
    spent: Bitrate,
    /// Of what was told of since the last reading of the statistics.
    told: Loss,
}

impl Default for Bandwidth {
    fn default() -> Self {
        Self {
            hearing: Hearing::Silent,
            history: SentHistory::default(),
            clock: ReceiverClock::default(),
            trendline: Trendline::default(),
            queue: Queue::default(),
            throughput: Throughput::default(),
            busy: Busy::default(),
            beside: Throughput::default(),
            passage_seen: None,
            fall: None,
            narrow: None,
            loss: LossBound::default(),
            control: RateControl::new(ESTIMATE_START),
            prober: Prober::default(),
            round_trip: ROUND_TRIP_ASSUMED,
            reported: 0,
            probed_us: None,
            trend_at: MediaTime(0),
            wanted: Bitrate(0),
            is_measured: false,
            spent: ESTIMATE_START,
            told: Loss::default(),
        }
    }
}

impl Bandwidth {
    /// Asks the processor for what sending reads and writes.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.hearing);
        prefetch(&self.history);
        prefetch(&self.prober);
        prefetch(&self.beside);
    }

    /// The same for where the next packet is noted; what [`Self::prefetch`] asks for says where that is.
    pub(crate) fn prefetch_next(&self) {
        self.history.prefetch_next();
    }

    /// The receiver has agreed to tell: it starts at [`ESTIMATE_START`] instead of without a limit.
    pub(crate) fn expect_feedback(&mut self) {
        if self.hearing == Hearing::Silent && self.history.given() == 0 {
            self.hearing = Hearing::Awaited { since: None };
        }
    }

    /// The transport-wide number of a packet that goes out now; [`sent`](Self::sent) follows.
    pub(crate) fn number(&mut self, now: MediaTime) -> u16 {
        self.history.number(self.prober.sending(), now)
    }

    /// The packet that was numbered last has gone out.
    pub(crate) fn sent(&mut self, bytes: usize, now: MediaTime) {
        self.history.set_size(bytes);
        self.prober.sent(self.history.given(), bytes, now);
        match &mut self.hearing {
            Hearing::Awaited { since: wait } | Hearing::Heard { unanswered: wait } => {
                wait.get_or_insert(now);
            }
            Hearing::Silent => {}
        }
    }

    /// A packet without a number has gone out.
    pub(crate) fn sent_beside(&mut self, bytes: usize, now: MediaTime) {
        self.beside.arrived(bytes as u32, now.0 / 1000);
    }

    /// What may be sent to this receiver per second; `None` when it does not say anything that would tell.
    pub(crate) fn estimate(&self) -> Option<Bitrate> {
        let rate = self.control.rate();
        let rate = self.loss.bound().map_or(rate, |bound| bound.min(rate));
        (self.hearing != Hearing::Silent).then_some(rate.max(ESTIMATE_MIN))
    }

    /// What was measured of the line; `None` as long as the estimate is where it began.
    pub(crate) fn shown(&self) -> Option<Bitrate> {
        self.estimate().filter(|_| self.is_measured)
    }

    /// Whether more is wanted than the line is thought to carry.
    pub(crate) fn is_short(&self) -> bool {
        self.estimate().is_some_and(|estimate| estimate < self.wanted)
    }

    /// Whether the estimate was measured beside the sound, which carries no transport-wide numbers: then it is
    /// what is left for video already.
    pub(crate) fn leaves_out_sound(&self) -> bool {
        matches!(self.hearing, Hearing::Heard { .. })
    }

    /// Whether the estimate is the assumed one: the receiver would tell, but got no numbered packet yet, or only
    /// just.
    pub(crate) fn is_assumed(&self) -> bool {
        matches!(self.hearing, Hearing::Awaited { .. })
    }

    /// The estimate, to be spent on layers.
    pub(crate) fn spend(&mut self) -> Option<Bitrate> {
        let estimate = self.estimate();
        self.spent = estimate.unwrap_or(ESTIMATE_MAX);
        estimate
    }

    /// Whether there is much less than when it was spent last.
    pub(crate) fn has_fallen(&self) -> bool {
        self.estimate()
            .is_some_and(|estimate| (estimate.0 as f64) < self.spent.0 as f64 * FALLEN)
    }

    /// What was sent in this time may be on its way still: the receiver has told of nothing that was sent later.
    pub(crate) fn untold(&self, now: MediaTime) -> Duration {
        let newest = self.history.sent_us(self.reported);
        let is_all_told = self.history.given() == self.reported;
        newest.filter(|_| !is_all_told).map_or(Duration::ZERO, |sent_us| {
            let untold_us = history::wrapping_us(now).wrapping_sub(sent_us);
            Duration::from_micros(untold_us.into()).min(UNTOLD_MAX)
        })
    }

    /// What the receiver would be sent if there were no limit: no use in probing beyond.
    pub(crate) fn set_wanted(&mut self, wanted: Bitrate) {
        self.wanted = wanted;
    }

    /// What the receiver told of since the last reading.
    pub(crate) fn read_loss(&mut self) -> Loss {
        std::mem::take(&mut self.told)
    }

    /// Takes a message's body, from the base number on. Returns how many packets it tells of for the first time,
    /// and how many of these are lost.
    pub(crate) fn feedback(&mut self, body: &[u8], now: MediaTime, counters: &mut Counters) -> (u32, u32) {
        let (mut told, mut lost) = (0, 0);
        let feedback = Feedback::parse(body).ok();
        let Some(feedback) = feedback.filter(|feedback| feedback.count() <= PACKETS_PER_MESSAGE_MAX) else {
            counters.feedback_malformed += 1;
            return (0, 0);
        };
        let mut number = self.history.extend(feedback.base);
        let mut newest_sent = None;
        for packet in feedback.packets(&mut self.clock) {
            let Ok(arrival) = packet else {
                counters.feedback_malformed += 1;
                break;
            };
            match self.history.report(number, arrival.is_some()) {
                Report::Acknowledged(packet) => {
                    told += 1;
                    if packet.was_lost {
                        self.told.lost = self.told.lost.saturating_sub(1);
                    } else {
                        self.told.expected += 1;
                    }
                    if !self.is_before_fall(number) {
                        self.loss.arrived(packet.was_lost);
                    }
                    if let Some(arrival_us) = arrival {
                        self.take_arrival(&packet, arrival_us, now);
                    }
                    newest_sent = Some(packet.sent_us);
                    self.reported = self.reported.max(number);
                }
                Report::Lost => {
                    (told, lost) = (told + 1, lost + 1);
                    if !self.is_before_fall(number) {
                        self.loss.lost();
                        self.busy.lost();
                    } else {
                        self.lost_after_fall();
                    }
                    self.told.expected += 1;
                    self.told.lost += 1;
                    self.reported = self.reported.max(number);
                }
                Report::Repeated => {}
                Report::Strange => counters.feedback_strange += 1,
            }
            number = number.wrapping_add(1);
        }
        if let Some(sent_us) = newest_sent {
            self.hearing = Hearing::Heard { unanswered: None };
            let waited = history::wrapping_us(now).wrapping_sub(sent_us);
            let waited = Duration::from_micros(waited.into()).min(ROUND_TRIP_MAX);
            self.round_trip = (self.round_trip * 7 + waited) / 8;
            self.judge(now);
        }
        (told, lost)
    }

    fn take_arrival(&mut self, packet: &Acknowledged, arrival_us: i64, now: MediaTime) {
        self.throughput.arrived(packet.bytes, arrival_us);
        self.prober.arrived(packet, arrival_us);
        if self.is_echo(packet.sent_us) {
            self.trendline.interrupt();
            self.busy.restart();
        } else if !self.is_before_fall(packet.number) {
            if now.since(self.trend_at) > TREND_AGE_MAX {
                self.trendline.restart();
            }
            let queued_us = self.queue.arrived(packet.sent_us, arrival_us);
            self.busy
                .arrived(packet.sent_us, arrival_us, queued_us, packet.bytes);
            self.trendline.arrived(packet.sent_us, arrival_us);
            self.trend_at = now;
        } else {
            self.came_after_fall(self.queue.queued_us(packet.sent_us, arrival_us));
        }
    }

    fn has_seen_passage(&self, now: MediaTime) -> bool {
        self.passage_seen
            .is_some_and(|seen| now.since(seen) < PASSAGE_KNOWN)
    }

    fn is_echo(&self, sent_us: u32) -> bool {
        self.probed_us
            .is_some_and(|probed| u128::from(sent_us.wrapping_sub(probed)) < PROBE_ECHO.as_micros())
    }

    fn judge(&mut self, now: MediaTime) {
        let arrives = self.throughput.rate();
        let is_standing = self.queue.is_standing(now);
        let usage = if now.since(self.trend_at) < TREND_AGE_MAX {
            self.trendline.usage()
        } else {
            Usage::Normal
        };
        let usage = match usage {
            Usage::Normal if is_standing => Usage::Over,
            usage => usage,
        };
        if self.notice_fall(usage, now) {
            return;
        }
        let carries = (usage == Usage::Over).then(|| self.carries(now)).flatten();
        if carries.is_some() {
            self.passage_seen = Some(now);
        }
        let usage = match usage {
            // The trend remembers a queue that is gone, and what arrives is an average with what came before.
            Usage::Over if carries.is_none() && self.has_seen_passage(now) => Usage::Under,
            usage => usage,
        };
        let queues = is_standing || self.busy.is_queue();
        let average = arrives.filter(|_| queues).map(Through::Average);
        let through = carries.map(Through::Seen).or(average).unwrap_or(Through::Unknown);
        let cut = self.control.last_cut();
        self.control.update(usage, arrives, through, self.round_trip, now);
        let allowed = self.control.rate();
        let is_lossy = arrives.is_some_and(|arrives| self.loss.update(arrives, allowed, now));
        if is_lossy || self.control.last_cut() != cut {
            self.is_measured = true;
            self.prober.cut(now);
        }
        self.conclude_probe(now);
    }

    fn conclude_probe(&mut self, now: MediaTime) {
        let Some(outcome) = self.prober.outcome(self.reported, now) else {
            return;
        };
        let before = self.estimate().unwrap_or(ESTIMATE_START);
        if let Outcome::Shown(rate) = outcome {
            self.is_measured = true;
            self.control.shown(rate);
            self.loss.shown(rate);
        }
        let after = self.estimate().unwrap_or(ESTIMATE_START);
        self.prober.schedule(before, after, now);
    }

    /// Lets time pass: a receiver that tells nothing any more gets less and less.
    pub(crate) fn tick(&mut self, now: MediaTime) {
        match self.hearing {
            Hearing::Awaited { since: Some(since) } if now.since(since) > FEEDBACK_PATIENCE => {
                self.hearing = Hearing::Silent;
            }
            Hearing::Heard {
                unanswered: Some(since),
            } if now.since(since) > SILENCE_MAX => {
                self.control.halve(now);
                self.is_measured = true;
                self.prober.cut(now);
                self.hearing = Hearing::Heard {
                    unanswered: Some(now - (SILENCE_MAX - HALVING_INTERVAL)),
                };
            }
            Hearing::Awaited { .. } | Hearing::Heard { .. } | Hearing::Silent => {}
        }
        self.conclude_probe(now);
    }

    /// Bytes of padding to be sent now for a probe; `None` when none is under way. Begins one if there is use
    /// for it.
    pub(crate) fn poll_probe(&mut self, now: MediaTime, counters: &mut Counters) -> Option<u64> {
        if self.prober.sending() == 0 {
            // Where nothing fits at the start, the first padding is also the first that the receiver can tell of.
            let (Hearing::Heard { .. } | Hearing::Awaited { since: None }) = self.hearing else {
                return None;
            };
            let estimate = self.estimate()?;
            let next = self.history.given() + 1;
            if !self.prober.begin(estimate, self.wanted, next, now) {
                return None;
            }
            self.probed_us = Some(history::wrapping_us(now));
            counters.probes += 1;
        }
        self.prober.missing_bytes(now)
    }
}

/// How long after one piece of a probe the next is due.
pub(crate) const PROBE_STEP: Duration = probe::STEP;

#[cfg(test)]
mod tests;
