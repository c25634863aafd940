//! One admitted participant: what they may send, whether they do, and their connection.

use std::time::Duration;

use hearken_protocol::{
    Importance, MediaGrants, ParticipantId, Publish, TrackSource, VideoCodec, ViewItem, ViewMode,
};

use super::downlink::{Downlink, SlotPair};
use super::dynacast::Dynacast;
use super::key_frame_budget::KeyFrameBudgets;
use super::layers::{LAYERS_MAX, LiveLayer, LiveLayers, RATES_ASSUMED};
use super::outgoing::Leg;
use super::rate::Bitrate;
use super::session::Shared;
use super::slots::Share;
use super::speaker::VoiceActivity;
use super::temporal::TemporalRates;
use super::time::MediaTime;
use super::uplink::Uplink;
use crate::Content;
use crate::transport::{Fingerprint, IceCredentials, Pair, Transport};

/// Opus sends a packet at least every 400 ms even in silence (DTX): after this the microphone is off.
const AUDIO_SILENCE_MAX: Duration = Duration::from_secs(3);
/// A camera sends many frames a second.
const CAMERA_SILENCE_MAX: Duration = Duration::from_secs(2);
/// Who sends nothing at all for this long after their camera's last packet has lost the line: browsers send sound, and
/// tell of what they get, much more often.
const CUT_OFF_MIN: Duration = Duration::from_secs(1);
/// A screen on which nothing moves may send a frame every few seconds.
const SCREEN_SILENCE_MAX: Duration = Duration::from_secs(10);
/// A layer that has not come for this long is not there to choose.
const LAYER_SILENCE_MAX: Duration = Duration::from_millis(1500);
/// The same where several layers come in one stream: each comes with every picture.
const SPATIAL_LAYER_SILENCE_MAX: Duration = Duration::from_millis(500);
/// A voice that only just comes.
const SOUND_RATE_ASSUMED: Bitrate = Bitrate(40_000);
/// Videos a client can show at once. Full: the rest is not sent.
const VIEW_ITEMS_MAX: usize = 64;

/// How long a source may be silent and still count as sending.
pub(crate) fn silence_max(source: TrackSource) -> Duration {
    match source {
        TrackSource::Microphone | TrackSource::ScreenAudio => AUDIO_SILENCE_MAX,
        TrackSource::Camera => CAMERA_SILENCE_MAX,
        TrackSource::Screen => SCREEN_SILENCE_MAX,
    }
}

/// The same for one layer of a stream that holds several.
fn spatial_silence_max(source: TrackSource) -> Duration {
    match source {
        TrackSource::Camera => SPATIAL_LAYER_SILENCE_MAX,
        TrackSource::Screen | TrackSource::Microphone | TrackSource::ScreenAudio => silence_max(source),
    }
}

/// What a video is encoded with at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveCodec {
    pub(crate) codec: VideoCodec,
    /// Several in one stream.
    pub(crate) has_layers: bool,
}

/// Whether these grants let a source through.
pub(crate) fn grants(grants: MediaGrants, source: TrackSource) -> bool {
    match source {
        TrackSource::Microphone => grants.microphone,
        TrackSource::Camera => grants.camera,
        TrackSource::Screen | TrackSource::ScreenAudio => grants.screen,
    }
}

impl Share {
    /// Sound and picture of a share.
    pub(crate) fn sources(self) -> (TrackSource, TrackSource) {
        match self {
            Self::Person => (TrackSource::Microphone, TrackSource::Camera),
            Self::Screen => (TrackSource::ScreenAudio, TrackSource::Screen),
        }
    }
}

/// Somebody who gets a source: their place in the session, and the pair of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) participant: usize,
    pub(crate) pair: usize,
}

/// One source of a participant, whether or not it sends at present.
#[derive(Debug, Default)]
pub(crate) struct Track {
    pub(crate) subscribers: Vec<Subscription>,
    pub(crate) last_packet: Option<MediaTime>,
    pub(crate) is_sending: bool,
}

/// How far what a browser sends is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// As far as here: sound can be taken apart, and heard by whoever writes captions.
    PerHop,
    /// As far as the other browsers: it passes as it is.
    EndToEnd,
}

impl Encryption {
    /// As browsers say it.
    pub(crate) fn of(is_end_to_end: bool) -> Self {
        if is_end_to_end {
            Self::EndToEnd
        } else {
            Self::PerHop
        }
    }
}

/// A browser's peer connection.
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) uplink: Uplink,
    pub(crate) downlink: Downlink,
    /// As in the offer: others mean another peer connection.
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) remote: IceCredentials,
    pub(crate) local: IceCredentials,
    /// All of ours that checks are answered with: beside the newest the one in use before an ICE restart, until the
    /// browser changes over.
    pub(crate) ufrags: Vec<String>,
    /// The ways that authentic checks came over.
    pub(crate) pairs: Vec<Pair>,
    /// As the newest offer says.
    pub(crate) encryption: Encryption,
    /// Names our SDP session.
    pub(crate) sdp_session: u64,
    /// Answers given so far.
    pub(crate) answers: u64,
    /// Our own in reports and requests.
    pub(crate) rtcp_ssrc: u32,
    /// When RTCP came last.
    pub(crate) last_rtcp: Option<MediaTime>,
}

impl Connection {
    /// The pairs, and what sending on one of them takes: without copies, and what has not waited.
    pub(crate) fn leg<'c: 'l, 'l>(
        &'c mut self,
        content: Content,
        now: MediaTime,
        shared: &'l mut Shared,
    ) -> (&'c mut [SlotPair], Leg<'l>) {
        let downlink = &mut self.downlink;
        let leg = Leg {
            transport: &mut self.transport,
            bandwidth: &mut downlink.bandwidth,
            pacer: &mut downlink.pacer,
            sent: &mut downlink.sent,
            outbox: &mut shared.outbox,
            content,
            counters: &mut shared.counters,
            copies: 0,
            waited_ms: 0,
            now,
        };
        (&mut downlink.pairs, leg)
    }
}

/// What somebody was told to send.
#[derive(Debug, Default)]
pub(crate) struct Publishing {
    /// Camera and screen; `None`: nothing yet.
    pub(crate) said: [Option<Publish>; 2],
    /// When somebody was last here who can't decode what the operator wishes.
    pub(crate) hindered: Option<MediaTime>,
}

/// See the module.
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) grants: MediaGrants,
    pub(crate) connection: Option<Connection>,
    /// Whether there ever was one: from then on they have a pair at everybody else's.
    pub(crate) has_media: bool,
    /// By `TrackSource`.
    pub(crate) tracks: [Track; TrackSource::ALL.len()],
    pub(crate) voice: VoiceActivity,
    pub(crate) publishing: Publishing,
    /// Which layers of the camera they are asked for.
    pub(crate) dynacast: Dynacast,
    /// Whether they are asked for the screen that they share.
    pub(crate) screencast: Dynacast,
    /// They were not asked for it, and it has not come again since.
    pub(crate) screen_rests: bool,
    view: Vec<ViewItem>,
    /// How much video they want at all.
    pub(crate) mode: ViewMode,
    /// What they may cause at each publisher.
    pub(crate) key_frames: KeyFrameBudgets,
    generation: u32,
}

impl Participant {
    pub(crate) fn new(id: ParticipantId, grants: MediaGrants) -> Self {
        Self {
            id,
            grants,
            connection: None,
            has_media: false,
            tracks: Default::default(),
            voice: VoiceActivity::default(),
            publishing: Publishing::default(),
            dynacast: Dynacast::default(),
            screencast: Dynacast::default(),
            screen_rests: false,
            view: Vec::new(),
            mode: ViewMode::Full,
            key_frames: KeyFrameBudgets::default(),
            generation: 0,
        }
    }

    pub(crate) fn may_send(&self, source: TrackSource) -> bool {
        grants(self.grants, source)
    }

    pub(crate) fn track(&mut self, source: TrackSource) -> &mut Track {
        &mut self.tracks[source as usize]
    }

    /// Whether nothing came of them any more soon after this.
    pub(crate) fn is_cut_off_since(&self, last: MediaTime) -> bool {
        let came = self.connection.as_ref().and_then(|connection| {
            let media = connection.uplink.last_packet();
            media.max(connection.last_rtcp)
        });
        came.is_none_or(|came| came.since(last) < CUT_OFF_MIN)
    }

    /// Whether a screen, or its sound, is being sent.
    pub(crate) fn shares_screen(&self) -> bool {
        [TrackSource::Screen, TrackSource::ScreenAudio]
            .iter()
            .any(|source| self.tracks[*source as usize].is_sending)
    }

    /// Takes whether anybody looks at the screen that is shared. While nobody does, it may be silent for as long as
    /// that takes, and is shared all the same.
    pub(crate) fn update_screencast(&mut self, is_needed: bool, now: MediaTime) {
        let track = &mut self.tracks[TrackSource::Screen as usize];
        if !track.is_sending {
            (self.screencast, self.screen_rests) = (Dynacast::default(), false);
            return;
        }
        let was_asked = self.screencast.is_asked(0);
        self.screencast.update_whole(is_needed, now);
        let is_asked = self.screencast.is_asked(0);
        self.screen_rests |= !is_asked;
        if is_asked && !was_asked {
            // From now on it must come.
            track.last_packet = Some(now);
        }
    }

    /// Somebody is about to join and to look: the screen is to be there by then.
    pub(crate) fn expect_viewer_of_screen(&mut self, now: MediaTime) {
        if self.tracks[TrackSource::Screen as usize].is_sending {
            self.update_screencast(true, now);
            self.screencast.expect_viewer_of_whole(now);
        }
    }

    /// A packet of the screen has come. Whether it is the first since it is asked for again.
    pub(crate) fn takes_rest_from_screen(&mut self) -> bool {
        let is_back = self.screen_rests && self.screencast.is_asked(0);
        self.screen_rests &= !is_back;
        is_back
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.transport.is_connected())
    }

    /// Counts this receiver's slot assignments, over all its slots and connections.
    pub(crate) fn next_generation(&mut self) -> u32 {
        self.generation += 1;
        self.generation
    }

    pub(crate) fn set_view(&mut self, mut items: Vec<ViewItem>, mode: ViewMode) {
        items.truncate(VIEW_ITEMS_MAX);
        self.view = items;
        self.mode = mode;
    }

    /// How many layers of a source they could send.
    pub(crate) fn offered_layers(&self, source: TrackSource) -> usize {
        self.connection
            .as_ref()
            .map_or(1, |connection| connection.uplink.offered_layers(source))
    }

    /// What the sound of a source takes; nothing while it does not come.
    pub(crate) fn sound_rate(&mut self, source: TrackSource, now: MediaTime) -> Bitrate {
        if !self.tracks[source as usize].is_sending || !self.may_send(source) {
            return Bitrate(0);
        }
        let Some(connection) = &mut self.connection else {
            return Bitrate(0);
        };
        let [stream, ..] = connection.uplink.layers(source);
        stream.map_or(Bitrate(0), |stream| {
            stream.bitrate.rate_or(SOUND_RATE_ASSUMED, now)
        })
    }

    /// How much a viewer needs a video, as they say.
    pub(crate) fn importance(&self, participant: ParticipantId, source: TrackSource) -> Importance {
        self.view
            .iter()
            .find(|item| item.participant == participant && item.source == source)
            .map_or(Importance::Normal, |item| item.importance)
    }

    /// How high a video is shown, in pixels; `None` when it is not. A tile wider than 16:9 counts by its width.
    pub(crate) fn shown_height(&self, participant: ParticipantId, source: TrackSource) -> Option<u16> {
        if self.mode == ViewMode::AudioOnly {
            return None;
        }
        let item = self
            .view
            .iter()
            .find(|item| item.participant == participant && item.source == source)?;
        Some(item.height.max((u32::from(item.width) * 9 / 16) as u16))
    }

    /// The layers of a video that arrive and may be sent on.
    pub(crate) fn live_layers(&mut self, source: TrackSource, now: MediaTime) -> LiveLayers {
        let mut live = [None; LAYERS_MAX];
        let silence_max = if source == TrackSource::Camera {
            LAYER_SILENCE_MAX
        } else {
            silence_max(source)
        };
        if !self.may_send(source) {
            return live;
        }
        let Some(connection) = &mut self.connection else {
            return live;
        };
        let dynacast = match source {
            TrackSource::Screen => self.screencast,
            TrackSource::Camera | TrackSource::Microphone | TrackSource::ScreenAudio => self.dynacast,
        };
        let is_asked = |layer: usize| dynacast.is_asked(layer);
        for (layer, stream) in connection.uplink.layers(source).into_iter().enumerate() {
            let Some(stream) = stream.filter(|stream| now.since(stream.last_packet) < silence_max) else {
                continue;
            };
            let id = stream.id;
            let temporal = stream.temporal.rates(now);
            if stream.layers.are_several() {
                let silence_max = silence_max.min(spatial_silence_max(source));
                return std::array::from_fn(|number| {
                    if !is_asked(number) {
                        return None;
                    }
                    let (size, bitrate) = stream.layers.get(number, silence_max, now)?;
                    Some(LiveLayer {
                        stream: id,
                        height: size.map(|size| size.height.min(size.width)),
                        bitrate,
                        temporal: if number == 0 {
                            temporal
                        } else {
                            TemporalRates::default()
                        },
                    })
                });
            }
            live[layer] = is_asked(layer).then(|| LiveLayer {
                stream: id,
                height: stream.size.map(|size| size.height.min(size.width)),
                bitrate: stream.bitrate.steady_or(RATES_ASSUMED[layer], now),
                temporal,
            });
        }
        live
    }

    /// What a video that arrives is encoded with.
    pub(crate) fn live_codec(&mut self, source: TrackSource, now: MediaTime) -> Option<LiveCodec> {
        let connection = self.connection.as_mut()?;
        let streams = connection.uplink.layers(source).into_iter().flatten();
        let newest = streams
            .filter(|stream| now.since(stream.last_packet) < silence_max(source))
            .max_by_key(|stream| stream.last_packet)?;
        Some(LiveCodec {
            codec: newest.video_codec()?,
            has_layers: newest.layers.are_several(),
        })
    }
}
