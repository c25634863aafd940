//! A line that falls: from one moment to the next it carries a part of what is sent. The queue before it is full
//! within some 200 ms, sound included, and empties only when next to nothing is sent. So the fall is noticed by what
//! gets through while packets queue, long before averages show it, and what queues is let through first: the larger
//! layer stops at once, the key frame of the smaller one is asked for so that it finds room.

use std::time::Duration;

use super::Bandwidth;
use super::busy::Passage;
use super::trendline::Usage;
use crate::media::rate::Bitrate;
use crate::media::time::MediaTime;

/// A queue that takes this long is more than a burst or a line that is restless.
const QUEUED_US: i64 = 80_000;
/// This long is enough while it is seen to grow.
const GROWING_US: i64 = 40_000;
/// The line has fallen when it lets through less than this share of what is sent, and of the estimate.
const FALL_SHARE: f64 = 0.75;
/// What was sent in this time is compared with it.
const FALL_SENT_US: u32 = 300_000;
/// Not again within this time.
const FALL_INTERVAL: Duration = Duration::from_millis(300);
/// After a fall the queue empties within this time, if nothing is known to be in it any more.
const DRAIN_MAX: Duration = Duration::from_millis(500);
/// A key frame is asked for so long before: it takes most of this to come. Longer: it stands behind what is left in the
/// queue, and the sound behind it; shorter: the picture stands still for so much longer.
const KEY_FRAME_LEAD: Duration = Duration::from_millis(200);
/// A queue that overflows though nothing was seen to queue for longer is a short one: a key frame sent at once does not
/// fit into it.
const SHORT_QUEUE_US: u32 = 150_000;
/// A line thought to carry this multiple of what it did when it fell is another one.
const WIDENED: f64 = 1.5;
/// No more goes out than this much of the estimate either, which may have fallen since.
const ESTIMATE_PERCENT: u64 = 140;
/// A little less than it carries, so that its queue does not stay as full as it is.
const PACE_PERCENT: u64 = 90;

/// The line carries much less than was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fall {
    at: MediaTime,
    /// Packets up to this number were sent before it was known: what becomes of them says nothing new.
    last_number: u64,
    /// What was sent is through, about.
    drained: MediaTime,
    /// What it was seen to carry beside sound.
    carries: Bitrate,
    /// The longest that any of that was seen to queue, in microseconds.
    longest_us: u32,
    /// When smaller pictures are to be asked for, until it has been said.
    asks: Option<MediaTime>,
}

impl Bandwidth {
    /// Whether the line has fallen a moment ago, so far that what was sent still queues before it.
    pub(crate) fn is_draining(&self, now: MediaTime) -> bool {
        self.fall.is_some_and(|fall| now < fall.drained)
    }

    /// Whether a key frame that is asked for now would come too early: it would not fit into the queue.
    pub(crate) fn is_too_full(&self, now: MediaTime) -> bool {
        self.fall.is_some_and(|fall| fall.asks.is_some_and(|at| now < at))
    }

    /// Whether it was too full until now: layers are to be chosen. Says so once.
    pub(crate) fn has_room_again(&mut self, now: MediaTime) -> bool {
        let asks = self.fall.as_mut().map(|fall| &mut fall.asks);
        asks.is_some_and(|asks| asks.take_if(|at| now >= *at).is_some())
    }

    /// What a line that has fallen was seen to carry, sound included, until it is thought to carry more.
    pub(crate) fn narrow(&mut self, now: MediaTime) -> Option<Bitrate> {
        let carries = self.narrow?;
        let estimate = self.estimate()?.0;
        if estimate as f64 > carries.0 as f64 * WIDENED {
            self.narrow = None;
            return None;
        }
        let beside = self.beside.rate_at(now.0 / 1000);
        let video = carries.0.min(estimate.saturating_mul(ESTIMATE_PERCENT) / 100);
        Some(Bitrate((video + beside.0) * PACE_PERCENT / 100))
    }

    /// A packet that was sent before it was known has arrived, after so long a time in the queue.
    pub(super) fn came_after_fall(&mut self, queued_us: i64) {
        if let Some(fall) = &mut self.fall {
            fall.longest_us = fall.longest_us.max(queued_us.clamp(0, u32::MAX.into()) as u32);
        }
    }

    /// One is lost: the queue held no more than what was seen of it, and is empty sooner than was thought.
    pub(super) fn lost_after_fall(&mut self) {
        if let Some(fall) = self
            .fall
            .as_mut()
            .filter(|fall| fall.longest_us <= SHORT_QUEUE_US)
        {
            self.narrow = Some(fall.carries);
            let depth = Duration::from_micros(fall.longest_us.into()) * 5 / 4;
            fall.drained = fall.drained.min(fall.at + depth);
            let asks = fall.drained - KEY_FRAME_LEAD;
            fall.asks = fall.asks.map(|at| at.min(asks));
        }
    }

    /// Whether a packet was sent before it was known that the line has fallen.
    pub(super) fn is_before_fall(&self, number: u64) -> bool {
        self.fall.is_some_and(|fall| number <= fall.last_number)
    }

    /// What the line carries beside sound, as far as it was seen while packets queued; `None` if it was not.
    pub(super) fn carries(&mut self, now: MediaTime) -> Option<Bitrate> {
        let through = self.busy.passage()?;
        Some(self.beside_sound(through, now))
    }

    /// What of it is left beside sound.
    fn beside_sound(&mut self, through: Passage, now: MediaTime) -> Bitrate {
        // Sound that was sent between the first and the last of it had its share, as far as it was not lost like the
        // rest, and goes on as before.
        let beside = self.beside.rate_at(now.0 / 1000).0;
        let sent = self
            .history
            .bytes_between(through.first_sent_us, through.last_sent_us);
        let sent_us = through.last_sent_us.wrapping_sub(through.first_sent_us);
        let share = if through.lost > 0 {
            // A queue that is too full for pictures has room for the small packets of sound.
            1.0
        } else {
            (through.bytes as f64 / sent.max(1) as f64).min(1.0)
        };
        let sound = beside as f64 * share * (f64::from(sent_us) / f64::from(through.span_us)).min(1.0);
        let left = (through.rate().0 + sound as u64).saturating_sub(beside);
        Bitrate(left.min(through.rate().0))
    }

    /// Notices a line that carries much less than is sent. True when it has fallen just now.
    pub(super) fn notice_fall(&mut self, usage: Usage, now: MediaTime) -> bool {
        let is_recent = self.fall.is_some_and(|fall| now.since(fall.at) < FALL_INTERVAL);
        let least_us = match usage {
            Usage::Over => GROWING_US,
            Usage::Normal | Usage::Under => QUEUED_US,
        };
        let passage = if self.busy.queued_us() >= least_us {
            self.busy.passage()
        } else {
            self.busy
                .sudden_passage()
                .or_else(|| self.busy.overflow_passage())
        };
        let Some(passage) = passage.filter(|_| !is_recent) else {
            return false;
        };
        let carries = self.beside_sound(passage, now);
        let through = passage.rate();
        let sent = self.history.sent_bytes(FALL_SENT_US, now) * 8_000_000 / u64::from(FALL_SENT_US);
        let is_less = |than: u64| (through.0 as f64) < than as f64 * FALL_SHARE;
        if !is_less(sent) || !is_less(self.control.rate().0) {
            return false;
        }
        let under_way = self.history.bytes_after(self.reported);
        // Sound goes on, and has its share meanwhile.
        let drain = Duration::from_micros(under_way * 8_000_000 / carries.0.max(1)).min(DRAIN_MAX);
        self.fall = Some(Fall {
            at: now,
            last_number: self.history.given(),
            carries,
            longest_us: passage.longest_us,
            drained: now + drain,
            asks: Some(now + drain.saturating_sub(KEY_FRAME_LEAD)),
        });
        self.passage_seen = Some(now);
        self.narrow = self.narrow.map(|_| carries);
        if passage.lost > 0 {
            self.lost_after_fall();
        }
        self.control.fall(carries, now);
        self.loss.fell(carries, now);
        self.trendline.restart();
        self.queue.forgive();
        self.busy.restart();
        self.busy.forget_usual();
        self.is_measured = true;
        self.prober.cut(now);
        true
    }
}
