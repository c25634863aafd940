//! Carries news of the media plane and of the caption worker to the sessions they are about.

use std::sync::Arc;

use hearken_protocol::{CaptionNews, CaptionsState, MediaEvent};
use tokio::sync::{mpsc, watch};

use super::mail::Mail;
use super::registry::LiveSessions;

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
    state: watch::Sender<CaptionsState>,
) {
    let tell = |new: CaptionsState| {
        // First for sessions that start from now on, then for those that are live.
        state.send_replace(new);
        live.post_to_all(|| Mail::Captions(CaptionNews::State(new)));
    };
    while let Some(news) = news.recv().await {
        match news {
            CaptionNews::State(new) => tell(new),
            CaptionNews::Event(event) => live.post(event.session, Mail::Captions(CaptionNews::Event(event))),
        }
    }
    tell(CaptionsState::Unavailable);
}
