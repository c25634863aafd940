//! What one participant receives: its slot pairs, and how much its line carries.

use std::time::Duration;

use hearken_protocol::TrackSource;
use rand::RngCore;
use rand::rngs::StdRng;

use super::allowance::Allowance;
use super::bandwidth::Bandwidth;
use super::loss::LossLimit;
use super::negotiated::ReceivePair;
use super::outgoing::{Outgoing, OutgoingSeed};
use super::pacer::Pacer;
use super::rate::{Bitrate, RateMeter};
use super::redundancy::Redundancy;
use super::round_trip::{RoundTrip, RoundTripMeter};
use super::rtcp::ReportBlock;
use super::slots::Owner;
use super::statistics::{LineMeter, Loss};
use super::steadiness::Steadiness;
use super::time::{MediaTime, NtpTime};
use crate::prefetch::prefetch;

/// Repairs may take a third of what the line carries, within these bounds, in bit/s: one that loses more has no
/// room for them.
const REPAIR_BITRATE_MIN: Bitrate = Bitrate(150_000);
const REPAIR_BITRATE_MAX: Bitrate = Bitrate(3_000_000);
/// Packets of RTCP per second, and as many at once: browsers send a few dozen. More are not looked at.
const RTCP_PACKETS_MAX: u32 = 1000;
/// Lost packets looked up per second, and as many at once: more would not fit into the repairs anyway.
const LOOK_UPS_MAX: u32 = 2000;
/// Until it was measured.
const ROUND_TRIP_ASSUMED: Duration = Duration::from_millis(50);

/// Two sections that carry one person, or one screen and its sound.
#[derive(Debug)]
pub(crate) struct SlotPair {
    pub(crate) owner: Option<Owner>,
    /// Counts the frees of this subscriber.
    pub(crate) freed: u64,
    /// The same for both: they are played in step.
    pub(crate) cname: String,
    pub(crate) audio: Outgoing,
    pub(crate) video: Outgoing,
    pub(crate) steadiness: Steadiness,
    /// Its video was given up because the line did not keep up.
    pub(crate) given_up: Option<GivenUp>,
    /// The layer that is to begin, and whose: it was charged to this subscriber.
    pub(crate) charged: Option<(Owner, u8)>,
}

/// When a video was given up, until it has got through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GivenUp {
    pub(crate) first: MediaTime,
    pub(crate) last: MediaTime,
}

/// Which of a pair's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Audio,
    Video,
}

impl Half {
    /// Where a source goes.
    pub(crate) fn of(source: TrackSource) -> Self {
        if source.is_audio() {
            Self::Audio
        } else {
            Self::Video
        }
    }
}

impl SlotPair {
    pub(crate) fn half(&mut self, half: Half) -> &mut Outgoing {
        match half {
            Half::Audio => &mut self.audio,
            Half::Video => &mut self.video,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Downlink {
    pub(crate) pairs: Vec<SlotPair>,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) pacer: Pacer,
    pub(crate) sent: RateMeter,
    pub(crate) limit: LossLimit,
    pub(crate) redundancy: Redundancy,
    pub(crate) meter: LineMeter,
    /// Videos that are left out do not fit on the line; else its viewer wants no more.
    pub(crate) is_line_short: bool,
    repairs: RateMeter,
    /// Packets of RTCP that are still looked at.
    pub(crate) rtcp: Allowance,
    /// Lost packets that are still looked up.
    pub(crate) look_ups: Allowance,
    round_trip: RoundTripMeter,
    frees: u64,
}

impl Downlink {
    /// Asks the processor for what sending anything reads and writes.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.pairs);
        prefetch(&self.pacer);
        prefetch(&self.sent);
        prefetch(&self.redundancy);
        self.bandwidth.prefetch();
    }

    /// The same for sending in this place; what [`Self::prefetch`] asks for says where that lies.
    pub(crate) fn prefetch_stream(&self, pair: usize, half: Half) {
        self.bandwidth.prefetch_next();
        if let Some(pair) = self.pairs.get(pair) {
            match half {
                Half::Audio => prefetch(&pair.audio),
                Half::Video => prefetch(&pair.video),
            }
        }
    }

    pub(crate) fn new(pairs: Vec<ReceivePair>, random: &mut StdRng) -> Self {
        let mut downlink = Self {
            pairs: Vec::new(),
            bandwidth: Bandwidth::default(),
            pacer: Pacer::default(),
            sent: RateMeter::default(),
            limit: LossLimit::default(),
            redundancy: Redundancy::default(),
            meter: LineMeter::default(),
            is_line_short: false,
            repairs: RateMeter::default(),
            rtcp: per_second(RTCP_PACKETS_MAX),
            look_ups: per_second(LOOK_UPS_MAX),
            round_trip: RoundTripMeter::default(),
            frees: 0,
        };
        downlink.extend(pairs, random);
        downlink
    }

    /// Adds pairs that a later offer has more of.
    pub(crate) fn extend(&mut self, pairs: Vec<ReceivePair>, random: &mut StdRng) {
        for pair in pairs {
            let cname = format!("{:016x}", random.next_u64());
            let audio = Outgoing::new(pair.audio, super::OPUS_RATE, self.seed(random));
            let video = Outgoing::new(pair.video, super::VIDEO_RATE, self.seed(random));
            if video.can_pad() {
                self.bandwidth.expect_feedback();
            }
            self.pairs.push(SlotPair {
                owner: None,
                freed: 0,
                cname,
                audio,
                video,
                steadiness: Steadiness::default(),
                given_up: None,
                charged: None,
            });
        }
    }

    fn seed(&self, random: &mut StdRng) -> OutgoingSeed {
        OutgoingSeed {
            ssrc: random.next_u32().max(1),
            rtx_ssrc: random.next_u32().max(1),
            first_sequence: random.next_u32() as u16,
            first_rtx_sequence: random.next_u32() as u16,
            timeline: random.next_u32(),
        }
    }

    /// Which half of which pair has this SSRC.
    pub(crate) fn find(&self, ssrc: u32) -> Option<(usize, Half)> {
        self.pairs.iter().enumerate().find_map(|(at, pair)| {
            if pair.video.ssrc == ssrc {
                Some((at, Half::Video))
            } else {
                (pair.audio.ssrc == ssrc).then_some((at, Half::Audio))
            }
        })
    }

    /// Numbers the next free of a pair.
    pub(crate) fn next_free(&mut self) -> u64 {
        self.frees += 1;
        self.frees
    }

    /// Takes a block of the receiver's reports.
    pub(crate) fn reported(&mut self, block: &ReportBlock, ntp_now: NtpTime, now: MediaTime) {
        let Some((pair, half)) = self.find(block.ssrc) else {
            return;
        };
        if block.last_report != 0 {
            let span = ntp_now
                .middle()
                .wrapping_sub(block.last_report)
                .wrapping_sub(block.delay);
            let span = Duration::from_nanos(u64::from(span) * 1_000_000_000 / 65_536);
            self.round_trip.measured(span, now);
        }
        let outgoing = self.pairs[pair].half(half);
        let highest = outgoing.reported_highest.replace(block.highest_sequence);
        outgoing.reported(block, highest);
        let expected = highest.map_or(0, |before| block.highest_sequence.wrapping_sub(before));
        // More than this in a second is nonsense.
        if expected >= 20_000 {
            return;
        }
        let lost = expected * u32::from(block.fraction_lost) / 256;
        if half == Half::Audio {
            self.redundancy.reported(expected, lost, now);
        }
        self.limit.reported(expected, lost);
        self.meter.down.add(Loss {
            expected: expected.into(),
            lost: lost.into(),
        });
    }

    /// What goes out keeps to what is known of the line.
    pub(crate) fn set_pace(&mut self, now: MediaTime) {
        let carries = self.bandwidth.narrow(now);
        let was_narrow = self.pacer.is_narrow();
        self.pacer.set_estimate(self.bandwidth.shown(), carries);
        if self.pacer.is_narrow() && !was_narrow {
            // What was repaired before the line fell is given up.
            self.repairs = RateMeter::default();
        }
    }

    /// Bytes of video that wait for the line.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.video.waiting_bytes()).sum()
    }

    /// What the line carries; `None` when nothing shows a limit.
    pub(crate) fn estimate(&self) -> Option<Bitrate> {
        self.bandwidth.estimate().or(self.limit.ceiling())
    }

    /// The most video, repairs and padding to send; `None` when nothing shows a limit. A receiver that tells of
    /// every arrival is judged by that, another by its reports about loss.
    pub(crate) fn budget(&mut self) -> Option<Bitrate> {
        self.bandwidth.spend().or(self.limit.ceiling())
    }

    /// Whether its viewer was told of videos that are paused because the line is too narrow.
    pub(crate) fn is_short_of_bandwidth(&self) -> bool {
        self.is_line_short && self.pairs.iter().any(|pair| pair.steadiness.is_announced())
    }

    /// What got lost on the line itself since the last reading. A receiver that tells of every arrival is judged by
    /// that; another's reports know nothing of packets that its publishers' lines lost before.
    pub(crate) fn read_loss(&mut self) -> Loss {
        let reported = std::mem::take(&mut self.meter.down);
        let told = self.bandwidth.read_loss();
        if told.expected > 0 { told } else { reported }
    }

    /// As reports tell it; `None` before the first one, and long after the last.
    pub(crate) fn measured_round_trip(&self, now: MediaTime) -> Option<RoundTrip> {
        self.round_trip.get(now)
    }

    /// Within this time what was sent should be there, and the receiver's next word of it here.
    pub(crate) fn round_trip(&self, now: MediaTime) -> Duration {
        self.round_trip
            .get(now)
            .map_or(ROUND_TRIP_ASSUMED, RoundTrip::with_wavering)
    }

    /// Whether there is room for one more repair of so many bytes; takes it if so.
    pub(crate) fn take_repair_budget(&mut self, bytes: usize, now: MediaTime) -> bool {
        let share = self.bandwidth.estimate().map_or(u64::MAX, |rate| rate.0 / 3);
        let room = share.clamp(REPAIR_BITRATE_MIN.0, REPAIR_BITRATE_MAX.0);
        let has_room = self.repairs.current_window_bits(now) < room;
        if has_room {
            self.repairs.add(bytes, now);
        }
        has_room
    }

    /// Nothing more goes out for now: the line is down. What is there begins afresh when it is back.
    pub(crate) fn pause(&mut self) {
        for pair in &mut self.pairs {
            pair.audio.pause();
            pair.video.pause();
        }
    }
}

fn per_second(most: u32) -> Allowance {
    Allowance::new(most, Duration::from_secs(1) / most)
}
