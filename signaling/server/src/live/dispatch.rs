//! Carries news of the media plane and of the caption worker to the sessions they are about.

use std::sync::Arc;

use hearken_protocol::{CaptionAbilities, CaptionNews, CaptionsState, MediaEvent};
use tokio::sync::{mpsc, watch};

use super::mail::Mail;
use super::registry::LiveSessions;

/// How it stands with captions, for sessions that start and for those who want to make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CaptionOutlook {
    pub(crate) state: CaptionsState,
    /// What the model can do; unknown until one was loaded.
    pub(crate) model: Option<CaptionAbilities>,
}

impl CaptionOutlook {
    /// Nothing was heard of the worker yet.
    pub(crate) const UNKNOWN: Self = Self {
        state: CaptionsState::Starting,
        model: None,
    };

    /// What a session is told when it starts.
    pub(crate) fn news(self) -> impl Iterator<Item = CaptionNews> {
        let model = self.model.map(CaptionNews::Model);
        model.into_iter().chain([CaptionNews::State(self.state)])
    }
}

/// Runs until the media plane has stopped.
pub(crate) async fn pass_on_media(live: Arc<LiveSessions>, mut events: mpsc::Receiver<MediaEvent>) {
    while let Some(event) = events.recv().await {
        live.post(event.session(), Mail::Media(event));
    }
}

/// Runs until the caption link has stopped; then there are no captions any more.
pub(crate) async fn pass_on_captions(
    live: Arc<LiveSessions>,
    mut news: mpsc::Receiver<CaptionNews>,
    outlook: watch::Sender<CaptionOutlook>,
) {
    let tell = |new: CaptionsState| {
        // First for sessions that start from now on, then for those that are live.
        outlook.send_modify(|outlook| outlook.state = new);
        live.post_to_all(|| Mail::Captions(CaptionNews::State(new)));
    };
    while let Some(news) = news.recv().await {
        match news {
            CaptionNews::State(new) => tell(new),
            CaptionNews::Model(new) => {
                outlook.send_modify(|outlook| outlook.model = Some(new));
                live.post_to_all(|| Mail::Captions(CaptionNews::Model(new)));
            }
            CaptionNews::Event { ref event, .. } => live.post(event.session, Mail::Captions(news)),
        }
    }
    tell(CaptionsState::Unavailable);
}
