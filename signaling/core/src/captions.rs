//! Captions on their way to the browsers: the latest revision wins, an end is an end, every caption is closed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use hearken_protocol::{
    CAPTION_HISTORY_MAX, Caption, CaptionEvent, CaptionId, CaptionStatus, CaptionsState, ParticipantId,
    Sensitive,
};

/// Captions that can be open at once; one more is not shown. Ten speakers with ten sentences each are 100.
const OPEN_CAPTIONS_MAX: usize = 256;

/// People who left and whose late captions still get their name; beyond it the one who left first is forgotten.
const PAST_NAMES_MAX: usize = 200;

/// What has been said in a session, and whether anything is written along.
///
/// Shared between clones, since the shell clones a session before each message and drops the clone after it.
#[derive(Debug, Clone)]
pub(crate) struct Captions {
    state: CaptionsState,
    log: Arc<Log>,
}

#[derive(Debug, Clone, Default)]
struct Log {
    /// The latest life of the worker.
    epoch: u64,
    open: BTreeMap<CaptionId, Caption>,
    /// Finals and interrupted ones, in the order in which they ended.
    ended: VecDeque<Caption>,
    ended_ids: BTreeSet<CaptionId>,
    /// The highest id that fell out of `ended`: what is not open at or below it is over.
    forgotten: Option<CaptionId>,
    past_names: VecDeque<(ParticipantId, Sensitive<String>)>,
}

impl Captions {
    /// For a session that has captions, or has none.
    pub(crate) fn new(wanted: bool) -> Self {
        let state = if wanted {
            CaptionsState::Starting
        } else {
            CaptionsState::Off
        };
        Self {
            state,
            log: Arc::default(),
        }
    }

    pub(crate) fn state(&self) -> CaptionsState {
        self.state
    }

    /// The latest ends, oldest first, without those that turned out to be no speech.
    pub(crate) fn history(&self) -> Vec<Caption> {
        let ended = self.log.ended.iter();
        ended
            .filter(|caption| !caption.stable.is_empty())
            .cloned()
            .collect()
    }

    /// Takes a new state; says which captions it closed, or `None` if nothing has changed.
    pub(crate) fn set_state(&mut self, state: CaptionsState) -> Option<Vec<Caption>> {
        if self.state == CaptionsState::Off || self.state == state {
            return None;
        }
        self.state = state;
        Some(if state == CaptionsState::On {
            Vec::new()
        } else {
            Arc::make_mut(&mut self.log).interrupt()
        })
    }

    /// Takes a revision; says which captions to pass on: those of a worker that died unnoticed, closed, and this
    /// one, unless it is out of date.
    pub(crate) fn hear(&mut self, event: CaptionEvent, name: Sensitive<String>) -> Vec<Caption> {
        if self.state == CaptionsState::Off {
            return Vec::new();
        }
        Arc::make_mut(&mut self.log).hear(event, name)
    }

    /// Remembers the name of somebody who is gone.
    pub(crate) fn remember_name(&mut self, participant: ParticipantId, name: Sensitive<String>) {
        let names = &mut Arc::make_mut(&mut self.log).past_names;
        names.retain(|(past, _)| *past != participant);
        if names.len() == PAST_NAMES_MAX {
            names.pop_front();
        }
        names.push_back((participant, name));
    }

    pub(crate) fn past_name(&self, participant: ParticipantId) -> Option<Sensitive<String>> {
        let names = &self.log.past_names;
        names
            .iter()
            .find(|(past, _)| *past == participant)
            .map(|(_, name)| name.clone())
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.log = Arc::default();
    }
}

impl Log {
    fn hear(&mut self, event: CaptionEvent, name: Sensitive<String>) -> Vec<Caption> {
        let id = event.id;
        if id.epoch < self.epoch {
            return Vec::new();
        }
        let mut news = if id.epoch > self.epoch {
            self.interrupt()
        } else {
            Vec::new()
        };
        self.epoch = id.epoch;
        let name = match self.open.get(&id) {
            Some(known) if known.revision >= event.revision => return news,
            Some(known) if known.participant != event.participant => return news,
            Some(known) => known.name.clone(),
            None if self.ended_ids.contains(&id) || self.forgotten >= Some(id) => return news,
            None if self.open.len() >= OPEN_CAPTIONS_MAX => return news,
            None => name,
        };
        let caption = Caption {
            id,
            participant: event.participant,
            name,
            revision: event.revision,
            status: event.status,
            stable: event.stable,
            tentative: event.tentative,
            started_at: event.started_at,
            ended_at: event.ended_at,
        };
        match caption.status {
            CaptionStatus::Partial => {
                self.open.insert(id, caption.clone());
            }
            CaptionStatus::Final | CaptionStatus::Interrupted => self.end(caption.clone()),
        }
        news.push(caption);
        news
    }

    /// Closes every open caption; its text stays as it stood.
    fn interrupt(&mut self) -> Vec<Caption> {
        let mut closed: Vec<Caption> = std::mem::take(&mut self.open).into_values().collect();
        for caption in &mut closed {
            caption.revision = caption.revision.saturating_add(1);
            caption.status = CaptionStatus::Interrupted;
            let tentative = std::mem::take(&mut caption.tentative);
            caption.stable = Sensitive(join(&caption.stable, &tentative));
            self.end(caption.clone());
        }
        closed
    }

    fn end(&mut self, caption: Caption) {
        self.open.remove(&caption.id);
        self.ended_ids.insert(caption.id);
        self.ended.push_back(caption);
        if self.ended.len() > CAPTION_HISTORY_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.ended_ids.remove(&oldest.id);
            self.forgotten = self.forgotten.max(Some(oldest.id));
        }
    }
}

/// The agreed and the tentative words as one text.
fn join(stable: &str, tentative: &str) -> String {
    let apart = !stable.is_empty()
        && !tentative.is_empty()
        && !stable.ends_with(char::is_whitespace)
        && !tentative.starts_with(char::is_whitespace);
    format!("{stable}{}{tentative}", if apart { " " } else { "" })
}
