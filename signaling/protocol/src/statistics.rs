//! How well somebody's media gets through: what the media plane measures, and what others may see of it.

use serde::{Deserialize, Serialize};

use crate::{ParticipantId, TrackSource};

/// How well somebody's line carries the call: coarse enough for everybody to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum LineQuality {
    /// Nothing to notice; also while nothing is known yet.
    #[default]
    Good,
    /// Now and then something is noticed.
    Fair,
    /// Sound or picture suffer.
    Poor,
    /// Nothing gets through.
    Lost,
}

impl LineQuality {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::Good, Self::Fair, Self::Poor, Self::Lost];

    /// The name it goes by on the wire and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::Lost => "lost",
        }
    }
}

/// What is wrong with a line, the worst if it is more than one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum LineTrouble {
    /// What the person sends gets lost on its way to the server.
    SendingLoss,
    /// What the person is sent gets lost on its way from the server.
    ReceivingLoss,
    /// A round trip takes long.
    Delay,
    /// Packets come at uneven intervals.
    Jitter,
    /// The line is too narrow for what is shown.
    Bandwidth,
}

/// Measures of a flow of packets over the last interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct FlowStatistics {
    /// Bits per second.
    pub bitrate_bps: u32,
    /// Packets lost on the way, before repair, of 1000: 0 to 1000.
    pub loss_permille: u16,
    /// Interarrival jitter (RFC 3550, section 6.4.1), in milliseconds.
    pub jitter_ms: u16,
}

/// One stream over the last interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct StreamStatistics {
    /// Whose: one's own is being sent, anybody else's received.
    pub participant: ParticipantId,
    /// What it carries.
    pub source: TrackSource,
    /// Which layer of a video, 0 is the smallest; `null` for sound.
    pub layer: Option<u8>,
    /// How it flows.
    #[serde(flatten)]
    #[ts(flatten)]
    pub flow: FlowStatistics,
    /// How often the picture stood still, as far as the server can tell.
    pub freezes: u16,
}

/// What the media plane measured of one person's line over the last two seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Statistics {
    /// All of it in one word, which does not flicker.
    pub quality: LineQuality,
    /// Why it is not good; `null` while it is.
    pub trouble: Option<LineTrouble>,
    /// To the person and back, in milliseconds; `null` before it was measured.
    pub round_trip_ms: Option<u32>,
    /// What the line to the person carries, as estimated, in bits per second; `null` before it is known.
    pub bandwidth_bps: Option<u32>,
    /// Everything that the person sends.
    pub sending: FlowStatistics,
    /// Everything that the person is sent.
    pub receiving: FlowStatistics,
    /// Streams that flow.
    pub streams: Vec<StreamStatistics>,
}
