//! Plain numbers about what the core did, for the shell to export. They only grow.

use std::time::Duration;

use crate::labelled::labelled;
use crate::transport::DropCounts;

/// Packets and their bytes, IP and UDP headers not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// Datagrams.
    pub packets: u64,
    /// Bytes of payload of these datagrams.
    pub bytes: u64,
}

impl Volume {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// One direction's traffic by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// RTP of microphones and screen audio.
    pub audio: Volume,
    /// RTP of cameras and screens.
    pub video: Volume,
    /// Retransmissions and probes (RFC 4588).
    pub rtx: Volume,
    /// RTCP.
    pub rtcp: Volume,
    /// STUN and DTLS, and whatever else is not media.
    pub connectivity: Volume,
}

impl Traffic {
    /// All of it.
    pub fn packets(&self) -> u64 {
        self.by_kind().iter().map(|(_, volume)| volume.packets).sum()
    }

    /// All kinds with the names they are exported under.
    pub fn by_kind(&self) -> [(&'static str, Volume); 5] {
        [
            ("audio", self.audio),
            ("video", self.video),
            ("rtx", self.rtx),
            ("rtcp", self.rtcp),
            ("connectivity", self.connectivity),
        ]
    }
}

labelled! {
    /// Why a packet went no further.
    pub enum DropCause {
        /// From an address nobody has shown to be theirs, or a connectivity check for nobody.
        UnknownPeer = "unknown_peer",
        /// The transport refused it: forged, replayed, malformed, too early.
        Transport = "transport",
        /// Authentic, but no RTP packet that could be read.
        MalformedRtp = "malformed_rtp",
        /// Longer than what can be sent on in one datagram.
        Oversized = "oversized",
        /// Authentic, but no RTCP packet that could be read.
        MalformedRtcp = "malformed_rtcp",
        /// Belongs to no section of the offer, or has a payload type that was not agreed on.
        UnknownStream = "unknown_stream",
        /// More streams than a participant may send.
        TooManyStreams = "too_many_streams",
        /// The source is not granted: muted, stopped.
        NotGranted = "not_granted",
        /// Came twice, or so late that nobody wants it.
        Duplicate = "duplicate",
        /// A subscriber asks for more than one has reason to.
        TooManyRequests = "too_many_requests",
        /// Sound beyond what any microphone or screen makes.
        TooMuchSound = "too_much_sound",
        /// Video beyond what any camera or screen makes.
        TooMuchVideo = "too_much_video",
        /// Carries nothing but padding.
        Padding = "padding",
        /// Video that would have waited too long for its subscriber's line.
        Pacing = "pacing",
        /// The outbox was full.
        OutboxFull = "outbox_full",
        /// A report for somebody whose way was lost and who has not shown another yet.
        NoWay = "no_way",
        /// The subscriber's transport could not seal it.
        SealFailed = "seal_failed",
        /// The queue to the captions was full.
        SpeechQueueFull = "speech_queue_full",
        /// The event queue to signaling was full.
        EventQueueFull = "event_queue_full",
    }
}

/// Drops by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops([u64; DropCause::ALL.len()]);

impl Drops {
    /// How many packets went no further for this cause.
    pub fn get(&self, cause: DropCause) -> u64 {
        self.0[cause as usize]
    }

    /// All causes with the labels they are exported under.
    pub fn by_cause(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        DropCause::ALL
            .iter()
            .map(|cause| (cause.label(), self.get(*cause)))
    }

    pub(crate) fn count(&mut self, cause: DropCause) {
        self.add(cause, 1);
    }

    pub(crate) fn add(&mut self, cause: DropCause, packets: u64) {
        self.0[cause as usize] += packets;
    }
}

/// Everything one core counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// What came in, once its sender was known.
    pub received: Traffic,
    /// What was queued to be sent.
    pub sent: Traffic,
    /// What went no further.
    pub drops: Drops,
    /// Of these, what the transports refused, by reason.
    pub transport_drops: DropCounts,
    /// Sequence numbers that subscribers reported as missing.
    pub nacks_received: u64,
    /// Of these, answered with a retransmission.
    pub nacks_answered: u64,
    /// Sequence numbers that publishers were asked to send again.
    pub nacks_sent: u64,
    /// Packets of publishers that were given up.
    pub nacks_given_up: u64,
    /// Packets of publishers that a retransmission brought back.
    pub recovered: u64,
    /// Packets of publishers that a copy in a later packet brought back (RFC 2198).
    pub restored: u64,
    /// Copies of earlier packets that were sent to subscribers, and their bytes.
    pub copies_sent: Volume,
    /// Requests for a key frame (PLI, FIR) from subscribers.
    pub plis_received: u64,
    /// Requests for a key frame to publishers, after merging.
    pub plis_sent: u64,
    /// Congestion feedback messages (TWCC) sent to publishers.
    pub twcc_sent: u64,
    /// Congestion feedback messages (TWCC) of subscribers that could not be read.
    pub feedback_malformed: u64,
    /// Packets told of by subscribers that were never sent to them, or too long ago.
    pub feedback_strange: u64,
    /// Probes of a subscriber's line.
    pub probes: u64,
    /// Packets of padding that these took; also counted as `sent.rtx`.
    pub padding_packets: u64,
    /// Packets of video that waited for a subscriber's line before they were sent; how long in all, and the longest.
    pub paced_packets: u64,
    /// See `paced_packets`.
    pub paced_time: Duration,
    /// See `paced_packets`.
    pub paced_longest: Duration,
    /// Videos begun anew, with a key frame, because what waited for a subscriber's line was given up.
    pub videos_given_up: u64,
    /// Videos that were paused because a subscriber's line did not carry them.
    pub pauses: u64,
    /// Messages to publishers about which layers to send.
    pub publish_requests: u64,
    /// Assignments of slots, frees not counted.
    pub slot_assignments: u64,
    /// Choices of everybody's layers in a session.
    pub layer_choices: u64,
    /// Switches of a subscriber from one layer of a video to another.
    pub layer_switches: u64,
    /// Bytes of video payload forwarded, repairs not counted, by the layer that they were of; where a stream holds
    /// several, by the one that the subscriber gets.
    pub forwarded_by_layer: [u64; 3],
    /// Times that a picture stood still at a subscriber, as far as can be told; added up every two seconds.
    pub freezes: u64,
    /// Offers answered.
    pub offers_answered: u64,
    /// Offers refused because they could not be understood.
    pub offers_malformed: u64,
    /// Offers refused because there is no room for anybody.
    pub offers_full: u64,
    /// Offers refused because their session needs more than there is.
    pub offers_outgrown: u64,
    /// Commands about sessions or participants that are not here: late, or nonsense.
    pub commands_ignored: u64,
}
