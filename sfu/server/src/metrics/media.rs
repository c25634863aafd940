//! What the media plane does about loss and narrow lines, and what it decides.

use hearken_sfu_core::Counters;
use prometheus::{Counter, IntCounter, IntCounterVec};

use super::registrar::Registrar;

/// See the module.
pub(super) struct MediaMetrics {
    loss: IntCounterVec,
    key_frames: IntCounterVec,
    redundancy: IntCounterVec,
    offers: IntCounterVec,
    decisions: IntCounterVec,
    feedback: IntCounterVec,
    layer_bytes: IntCounterVec,
    padding: IntCounter,
    freezes: IntCounter,
    paced: IntCounter,
    paced_seconds: Counter,
}

impl MediaMetrics {
    pub(super) fn register(registrar: Registrar<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            loss: registrar.counter(
                "hearken_sfu_nacks_total",
                "Sequence numbers reported missing: received, answered, sent, given_up, recovered.",
                &["event"],
            )?,
            key_frames: registrar.counter(
                "hearken_sfu_plis_total",
                "Key frame requests: received from subscribers, sent to publishers after merging.",
                &["event"],
            )?,
            redundancy: registrar.counter(
                "hearken_sfu_redundancy_total",
                "Redundant audio: packets restored on the way up, copies sent, bytes of copies sent.",
                &["event"],
            )?,
            offers: registrar.counter(
                "hearken_sfu_offers_total",
                "SDP offers by result: answered, or refused for being malformed, for want of room for anybody (full), or \
                 because their session needs more than its shard can carry (session_outgrown).",
                &["result"],
            )?,
            decisions: registrar.counter(
                "hearken_sfu_decisions_total",
                "Slot assignments, layer switches, congestion feedbacks sent, probes of lines, \
                 videos paused for bandwidth, videos begun anew since what waited for a line was given up, publishers told which layers to send, commands that came too late.",
                &["decision"],
            )?,
            feedback: registrar.counter(
                "hearken_sfu_feedback_refused_total",
                "Congestion feedback of subscribers: malformed messages, packets told of that were never sent.",
                &["reason"],
            )?,
            layer_bytes: registrar.counter(
                "hearken_sfu_layer_bytes_total",
                "Bytes of video forwarded, by the layer they were of (0 is the smallest).",
                &["layer"],
            )?,
            padding: registrar.plain_counter(
                "hearken_sfu_padding_packets_total",
                "Packets of nothing but padding, sent to find out what a line carries; they are in the kind rtx too.",
            )?,
            freezes: registrar.plain_counter(
                "hearken_sfu_freezes_total",
                "Times that a picture stood still at a participant, as far as the server can tell.",
            )?,
            paced: registrar.plain_counter(
                "hearken_sfu_paced_packets_total",
                "Packets of video that waited for a participant's line before they were sent.",
            )?,
            paced_seconds: registrar.seconds(
                "hearken_sfu_paced_seconds_total",
                "How long they waited, in all.",
            )?,
        })
    }

    /// Adds what a core counted between two readings.
    pub(super) fn add(&self, before: &Counters, after: &Counters) {
        let layers = before.forwarded_by_layer.iter().zip(&after.forwarded_by_layer);
        for (layer, (before, after)) in ["0", "1", "2"].into_iter().zip(layers) {
            self.layer_bytes
                .with_label_values(&[layer])
                .inc_by(after - before);
        }
        self.padding
            .inc_by(after.padding_packets - before.padding_packets);
        self.freezes.inc_by(after.freezes - before.freezes);
        self.paced.inc_by(after.paced_packets - before.paced_packets);
        let waited = after.paced_time.saturating_sub(before.paced_time);
        self.paced_seconds.inc_by(waited.as_secs_f64());
        self.add_events(before, after);
    }

    fn add_events(&self, before: &Counters, after: &Counters) {
        let add = |family: &IntCounterVec, label: &str, before: u64, after: u64| {
            family.with_label_values(&[label]).inc_by(after - before);
        };
        let (b, a) = (before, after);
        add(&self.loss, "received", b.nacks_received, a.nacks_received);
        add(&self.loss, "answered", b.nacks_answered, a.nacks_answered);
        add(&self.loss, "sent", b.nacks_sent, a.nacks_sent);
        add(&self.loss, "given_up", b.nacks_given_up, a.nacks_given_up);
        add(&self.loss, "recovered", b.recovered, a.recovered);
        add(&self.key_frames, "received", b.plis_received, a.plis_received);
        add(&self.key_frames, "sent", b.plis_sent, a.plis_sent);
        add(&self.redundancy, "restored", b.restored, a.restored);
        let (copies_before, copies) = (b.copies_sent, a.copies_sent);
        add(
            &self.redundancy,
            "copies_sent",
            copies_before.packets,
            copies.packets,
        );
        add(
            &self.redundancy,
            "copy_bytes_sent",
            copies_before.bytes,
            copies.bytes,
        );
        add(&self.offers, "answered", b.offers_answered, a.offers_answered);
        add(&self.offers, "malformed", b.offers_malformed, a.offers_malformed);
        add(&self.offers, "full", b.offers_full, a.offers_full);
        add(
            &self.offers,
            "session_outgrown",
            b.offers_outgrown,
            a.offers_outgrown,
        );
        add(
            &self.decisions,
            "slot_assignment",
            b.slot_assignments,
            a.slot_assignments,
        );
        add(&self.decisions, "layer_choice", b.layer_choices, a.layer_choices);
        add(
            &self.decisions,
            "layer_switch",
            b.layer_switches,
            a.layer_switches,
        );
        add(&self.decisions, "congestion_feedback", b.twcc_sent, a.twcc_sent);
        add(&self.decisions, "probe", b.probes, a.probes);
        add(&self.decisions, "pause", b.pauses, a.pauses);
        add(
            &self.decisions,
            "video_given_up",
            b.videos_given_up,
            a.videos_given_up,
        );
        add(&self.decisions, "publish", b.publish_requests, a.publish_requests);
        add(
            &self.feedback,
            "malformed",
            b.feedback_malformed,
            a.feedback_malformed,
        );
        add(&self.feedback, "strange", b.feedback_strange, a.feedback_strange);
        add(
            &self.decisions,
            "command_ignored",
            b.commands_ignored,
            a.commands_ignored,
        );
    }
}
