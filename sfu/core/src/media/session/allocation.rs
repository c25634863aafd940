//! What each receiver's line is spent on: the layer of every video for everybody, what is paused, and which
//! layers publishers are to send.

use hearken_protocol::{Importance, MediaEvent, TrackSource, ViewMode};

use super::choices::{VIDEO_SOURCES, choose_sounds};
use super::{Now, Scratch, Session, Shared};
use crate::DropCause;
use crate::media::downlink::SlotPair;
use crate::media::key_frame_budget::KeyFrameBudgets;
use crate::media::layers::{self, Demand, LAYERS_MAX, Priority};
use crate::media::participant::{Connection, Participant};
use crate::media::rate::Bitrate;
use crate::media::slots::Share;
use crate::media::temporal::Pace;

/// The sound that goes with each video.
const SOUND_SOURCES: [TrackSource; 2] = [TrackSource::Microphone, TrackSource::ScreenAudio];
/// With little data: tiles count as no higher than this, in pixels, and all video together gets this much: two
/// small cameras, or a screen that does not move much.
const LOW_DATA_HEIGHT_MAX: u16 = 180;
const LOW_DATA_BUDGET: Bitrate = Bitrate(350_000);
/// A line is probed up to this multiple of what would be sent at best: a larger layer is only taken on with room
/// to spare.
const HEADROOM_PERCENT: u64 = 140;

impl Session {
    /// Chooses the layer of every video for everybody, and asks for key frames where one is to begin.
    pub(in crate::media) fn choose_layers(&mut self, now: Now, shared: &mut Shared) {
        self.must_choose = false;
        shared.counters.layer_choices += 1;
        let mut scratch = std::mem::take(&mut self.scratch);
        self.survey(&mut scratch, now);
        let people = self.with_media();
        for receiver in 0..self.participants.len() {
            let participant = self.participants[receiver].as_deref();
            if participant.is_some_and(Participant::is_connected) {
                self.collect_demands(receiver, &mut scratch, now);
                self.allocate(receiver, people, &mut scratch, now, shared);
            }
        }
        self.direct_publishers(&scratch, now);
        self.scratch = scratch;
        self.update_publishing(now, shared);
    }

    /// What arrives from everybody.
    fn survey(&mut self, scratch: &mut Scratch, now: Now) {
        scratch.live.clear();
        scratch.codecs.clear();
        scratch.offered.clear();
        scratch.sound.clear();
        for participant in &mut self.participants {
            let mut participant = participant.as_deref_mut();
            let live = |source| {
                participant
                    .as_mut()
                    .map(|p| p.live_layers(source, now.time))
                    .unwrap_or_default()
            };
            scratch.live.push(VIDEO_SOURCES.map(live));
            let codec = |source| participant.as_mut().and_then(|p| p.live_codec(source, now.time));
            scratch.codecs.push(VIDEO_SOURCES.map(codec));
            let offered = |source| participant.as_ref().map_or(1, |p| p.offered_layers(source));
            scratch.offered.push(VIDEO_SOURCES.map(offered));
            let sound = |source| {
                participant
                    .as_mut()
                    .map(|p| p.sound_rate(source, now.time))
                    .unwrap_or_default()
            };
            scratch.sound.push(SOUND_SOURCES.map(sound));
        }
        scratch.heard.clear();
        let is_heard = |place: &Option<Box<Participant>>| {
            let participant = place.as_ref();
            participant.is_some_and(|participant| self.audible.is_heard(participant.id))
        };
        scratch.heard.extend(self.participants.iter().map(is_heard));
        for list in [&mut scratch.wanted, &mut scratch.wished] {
            list.clear();
            list.resize(self.participants.len(), [[false; LAYERS_MAX]; 2]);
        }
        scratch.needed.clear();
        scratch
            .needed
            .resize(self.participants.len(), [[false; LAYERS_MAX]; 2]);
    }

    /// What one receiver shows of what arrives. Videos not shown are chosen away.
    fn collect_demands(&self, receiver: usize, scratch: &mut Scratch, now: Now) {
        let demands = &mut scratch.demands;
        demands.clear();
        let Some(viewer) = &self.participants[receiver] else {
            return;
        };
        let Some(connection) = &viewer.connection else {
            return;
        };
        let height_max = match viewer.mode {
            ViewMode::Full | ViewMode::AudioOnly => u16::MAX,
            ViewMode::LowData => LOW_DATA_HEIGHT_MAX,
        };
        let estimate = connection.downlink.bandwidth.estimate();
        for (at, pair) in connection.downlink.pairs.iter().enumerate() {
            let Some(owner) = pair.owner else { continue };
            let Some(publisher) = &self.participants[owner.participant] else {
                continue;
            };
            let (_, source) = owner.share.sources();
            let height = viewer.shown_height(publisher.id, source);
            let video = video_number(owner.share);
            let can_decode = scratch.codecs[owner.participant][video]
                .is_some_and(|live| pair.video.can_decode(live.codec, live.has_layers));
            let layers = if height.is_some() && can_decode {
                scratch.live[owner.participant][video]
            } else {
                [None; LAYERS_MAX]
            };
            let speaks = self
                .speakers
                .place(publisher.id)
                .filter(|_| owner.share == Share::Person);
            let priority = match (viewer.importance(publisher.id, source), speaks, owner.share) {
                (Importance::Pinned, _, _) => Priority::Pinned,
                (_, Some(place), _) => Priority::Speaks(place),
                (Importance::Interpreter, None, _) => Priority::Interpreter,
                (Importance::Normal, None, Share::Screen) => Priority::Screen,
                (Importance::Normal, None, Share::Person) => Priority::Other,
            };
            demands.push(Demand {
                pair: at,
                layers,
                offered: scratch.offered[owner.participant][video],
                height: height.unwrap_or(0).min(height_max),
                priority,
                current: pair.video.current_layer,
                current_stream: pair.video.rewriter.current(),
                before: pair.video.chosen,
                pace_before: pair.video.pace(),
                is_held: pair.steadiness.is_held(estimate, now.time),
                is_starved: pair.steadiness.is_starved(now.time),
                was_paused: pair.steadiness.is_paused(),
                is_pause_held: pair.steadiness.is_pause_held(estimate, now.time),
                chosen: None,
                pace: Pace::FULL,
                is_short: false,
                wish: None,
            });
        }
    }

    /// Spends what one receiver's line carries.
    fn allocate(
        &mut self,
        receiver: usize,
        people: usize,
        scratch: &mut Scratch,
        now: Now,
        shared: &mut Shared,
    ) {
        let Some(viewer) = self.participant(receiver) else {
            return;
        };
        let mode = viewer.mode;
        let Some(connection) = &mut viewer.connection else {
            return;
        };
        choose_sounds(&mut connection.downlink, people, &scratch.heard, now);
        let budget = budget(connection, mode, scratch);
        layers::choose(&mut scratch.demands, budget);
        for at in 0..scratch.demands.len() {
            let demand = scratch.demands[at];
            self.apply(receiver, &demand, scratch, now, shared);
        }
    }

    fn apply(
        &mut self,
        receiver: usize,
        demand: &Demand,
        scratch: &mut Scratch,
        now: Now,
        shared: &mut Shared,
    ) {
        let session = self.id;
        let Some(viewer) = self.participant(receiver) else {
            return;
        };
        let viewer_id = viewer.id;
        let Some(connection) = &mut viewer.connection else {
            return;
        };
        let downlink = &mut connection.downlink;
        let estimate = downlink.bandwidth.estimate();
        let pair = &mut downlink.pairs[demand.pair];
        let Some(owner) = pair.owner else { return };
        pair.steadiness.note_room(demand.is_short, now.time);
        if demand.rises() {
            pair.steadiness.raised(now.time);
        } else if demand.falls() && demand.is_limited() {
            pair.steadiness.lowered(estimate, now.time);
        }
        let is_too_full = downlink.bandwidth.is_too_full(now.time);
        let is_lower = demand.chosen < pair.video.current_layer && demand.is_limited();
        if is_lower && downlink.bandwidth.is_draining(now.time) {
            // It would only lengthen the queue that the smaller one has to wait in.
            let given_up = pair.video.stop();
            shared.counters.drops.add(DropCause::Pacing, given_up.into());
        }
        pair.video.choose(demand.chosen, now.time);
        let top = demand.top(pair.video.current_layer);
        pair.video.set_pace(demand.pace, top, now.time);
        if demand.height == 0 || demand.is_paused() {
            pair.video.expect_nothing();
        }
        let video = video_number(owner.share);
        let current = pair.video.current_layer;
        let announced = if demand.is_paused() {
            pair.steadiness.pause(now.time).then_some(true)
        } else {
            pair.steadiness.resume().then_some(false)
        };
        for layer in [demand.chosen, current].into_iter().flatten() {
            scratch.wanted[owner.participant][video][usize::from(layer)] = true;
        }
        let is_stuck = pair.video.is_stuck(now.time);
        let awaited = demand.awaited().or(demand.chosen.filter(|_| is_stuck));
        match awaited {
            None => pair.charged = None,
            Some(_) if is_too_full => {}
            Some(layer) if may_begin(&mut viewer.key_frames, pair, demand, layer, now) => {
                scratch.wished[owner.participant][video][usize::from(layer)] = true;
            }
            Some(_) => shared.counters.drops.count(DropCause::TooManyRequests),
        }
        for layer in [demand.chosen, current, demand.wish].into_iter().flatten() {
            scratch.needed[owner.participant][video][usize::from(layer)] = true;
        }
        let Some(paused) = announced else { return };
        shared.counters.pauses += u64::from(paused && downlink.is_line_short);
        let (_, source) = owner.share.sources();
        if let Some(publisher) = self.participant(owner.participant) {
            let publisher = publisher.id;
            shared.event(MediaEvent::VideoPaused {
                session,
                participant: viewer_id,
                publisher,
                source,
                paused,
            });
        }
    }

    /// Notes which key frames are waited for, and which layers are needed.
    fn direct_publishers(&mut self, scratch: &Scratch, now: Now) {
        for (at, participant) in self.participants.iter_mut().enumerate() {
            let Some(participant) = participant else { continue };
            let Some(connection) = &mut participant.connection else {
                continue;
            };
            for (video, source) in VIDEO_SOURCES.into_iter().enumerate() {
                for (layer, stream) in connection.uplink.layers(source).into_iter().enumerate() {
                    let Some(stream) = stream else { continue };
                    let (mut is_wanted, mut is_wished) =
                        (scratch.wanted[at][video][layer], scratch.wished[at][video][layer]);
                    if stream.layers.are_several() {
                        is_wanted = scratch.wanted[at][video].contains(&true);
                        is_wished = scratch.wished[at][video].contains(&true);
                    }
                    stream.set_wanted(is_wanted);
                    if is_wished {
                        stream.key_frames.wish(now.time);
                    }
                }
            }
            let offered = scratch.offered[at][0];
            if connection.transport.is_connected() {
                let [camera, screen] = scratch.needed[at];
                participant.dynacast.update(camera, offered, now.time);
                participant.update_screencast(screen.contains(&true), now.time);
            }
        }
    }
}

/// What a receiver may get of video: what the line carries beyond the sound, or what its viewer wants to spend.
fn budget(connection: &mut Connection, mode: ViewMode, scratch: &Scratch) -> Option<Bitrate> {
    let downlink = &mut connection.downlink;
    let is_heard = |pair: &&SlotPair| pair.audio.chosen.is_some();
    let owners = downlink
        .pairs
        .iter()
        .filter(is_heard)
        .filter_map(|pair| pair.owner);
    let sound: u64 = owners
        .map(|owner| scratch.sound[owner.participant][video_number(owner.share)].0)
        .sum();
    let limit = match mode {
        ViewMode::Full | ViewMode::AudioOnly => None,
        ViewMode::LowData => Some(LOW_DATA_BUDGET),
    };
    let wanted = layers::wanted(&scratch.demands);
    let wanted = limit.map_or(wanted, |limit| limit.min(wanted)).0;
    let is_beside_sound = downlink.bandwidth.leaves_out_sound();
    let carries = downlink.bandwidth.estimate().filter(|_| is_beside_sound);
    downlink.redundancy.fit(Bitrate(sound), carries);
    let sound = if is_beside_sound { 0 } else { sound };
    downlink
        .bandwidth
        .set_wanted(Bitrate(wanted * HEADROOM_PERCENT / 100));
    // As long as nothing is known of the line, a large group's sound does not take all that is assumed: without a
    // picture, which carries numbers, nothing would ever be known.
    let sound_max = if downlink.bandwidth.is_assumed() {
        downlink.budget().map_or(0, |budget| budget.0 / 2)
    } else {
        u64::MAX
    };
    let line = downlink
        .budget()
        .map(|budget| Bitrate(budget.0.saturating_sub(sound.min(sound_max))));
    // Where its viewer sets no limit, what is left out is left out because of the line.
    downlink.is_line_short = limit.is_none_or(|limit| line.is_some_and(|line| line < limit));
    match (line, limit) {
        (Some(line), Some(limit)) => Some(line.min(limit)),
        (line, limit) => line.or(limit),
    }
}

/// Whether a layer may be asked to begin for somebody. Each change is charged once, but for those that their line forces
/// upon them: how often it is judged anew is bounded.
fn may_begin(
    budgets: &mut KeyFrameBudgets,
    pair: &mut SlotPair,
    demand: &Demand,
    layer: u8,
    now: Now,
) -> bool {
    let Some(owner) = pair.owner else { return false };
    let charged = Some((owner, layer));
    let is_free = pair.charged == charged || demand.is_limited();
    let may = is_free || budgets.take_switch(owner, now.time);
    if may {
        pair.charged = charged;
    }
    may
}

/// The number of a share's video among [`VIDEO_SOURCES`].
fn video_number(share: Share) -> usize {
    match share {
        Share::Person => 0,
        Share::Screen => 1,
    }
}
