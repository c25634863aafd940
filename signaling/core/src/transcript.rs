//! A text of what was said, kept only while everybody inside agrees, handed out once at the end.
//!
//! It lives in memory alone: not in the store, not in a log. A restart of the server loses it, and everybody is
//! asked again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use hearken_protocol::{Caption, CaptionId, ParticipantId, Sensitive, Timestamp};

/// Lines that are kept; beyond it the oldest go. Twelve hours of a line every four seconds.
const LINES_MAX: usize = 10_800;

/// The transcript of a session that was created with one.
///
/// Shared between clones, since the shell clones a session before each message and drops the clone after it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    /// Who has answered, and how.
    answers: BTreeMap<ParticipantId, bool>,
    /// Since when everybody inside agrees; what began earlier is not kept.
    running_since: Option<Timestamp>,
    lines: Arc<BTreeMap<(Timestamp, CaptionId), Caption>>,
}

impl Transcript {
    /// How somebody answered, if they have.
    pub(crate) fn answer(&self, participant: ParticipantId) -> Option<bool> {
        self.answers.get(&participant).copied()
    }

    /// Takes an answer. Taking it back takes out what one said.
    pub(crate) fn answered(&mut self, participant: ParticipantId, agrees: bool) {
        self.answers.insert(participant, agrees);
        if !agrees {
            Arc::make_mut(&mut self.lines).retain(|_, line| line.participant != participant);
        }
    }

    /// Somebody is gone: whoever has their seat next is asked.
    pub(crate) fn left(&mut self, participant: ParticipantId) {
        self.answers.remove(&participant);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// Whether those inside agree, from now on.
    pub(crate) fn set_running(&mut self, running: bool, now: Timestamp) {
        self.running_since = running.then(|| self.running_since.unwrap_or(now));
    }

    /// Keeps a caption that has ended, or been corrected, if it may be kept.
    pub(crate) fn keep(&mut self, caption: &Caption) {
        let key = (caption.started_at, caption.id);
        let is_known = self.lines.contains_key(&key);
        let began_agreed = self
            .running_since
            .is_some_and(|since| caption.started_at >= since);
        let agrees = self.answer(caption.participant) == Some(true);
        if caption.off_record || !(is_known || (began_agreed && agrees)) {
            return;
        }
        let lines = Arc::make_mut(&mut self.lines);
        if caption.stable.is_empty() {
            lines.remove(&key);
            return;
        }
        lines.insert(key, caption.clone());
        if lines.len() > LINES_MAX {
            lines.pop_first();
        }
    }

    /// All of it as WebVTT (W3C), `None` when nothing was kept. Times count from the first line.
    pub(crate) fn to_webvtt(&self) -> Option<Sensitive<String>> {
        let start = self.lines.values().next()?.started_at;
        let mut text = String::from("WEBVTT\n");
        for line in self.lines.values() {
            let begins = Clock(line.started_at.saturating_since(start).as_millis());
            let spoken = line.ended_at.saturating_since(line.started_at).as_millis();
            // A cue must end after it begins.
            let ends = Clock(begins.0 + spoken.max(1));
            let (name, words) = (escaped(&line.name), escaped(&line.stable));
            let words = match line.language {
                Some(language) => format!("<lang {}>{words}</lang>", language.tag()),
                None => words,
            };
            write!(text, "\n{begins} --> {ends}\n<v {name}>{words}\n").expect("writing to a string");
        }
        Some(Sensitive(text))
    }
}

/// A WebVTT timestamp, from milliseconds.
struct Clock(u128);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0 / 1000;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{:03}", self.0 % 1000)
    }
}

/// Cue text and annotations: `&`, `<` and `>` have a meaning in them, and a line break would end them.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use hearken_protocol::{CaptionOrigin, CaptionStatus, Language};

    use super::*;

    fn caption(number: u64, who: u64, name: &str, text: &str) -> Caption {
        Caption {
            id: CaptionId { epoch: 1, number },
            participant: ParticipantId(who),
            name: name.into(),
            revision: 1,
            status: CaptionStatus::Final,
            stable: text.into(),
            tentative: Default::default(),
            started_at: Timestamp(1000 * number),
            ended_at: Timestamp(1000 * number + 700),
            origin: CaptionOrigin::Speech,
            corrected: false,
            off_record: false,
            words: Vec::new(),
            after_gap: false,
            language: None,
        }
    }

    #[test]
    fn it_is_valid_webvtt_whatever_was_said() {
        let mut transcript = Transcript::default();
        transcript.answered(ParticipantId(1), true);
        transcript.set_running(true, Timestamp(0));
        transcript.keep(&caption(5, 1, "Ann > Ben", "a < b & c\n\n00:00 --> 00:01"));
        transcript.keep(&caption(3_605, 1, "Ann", "later"));
        let text = transcript.to_webvtt().unwrap();
        assert_eq!(
            text.as_str(),
            "WEBVTT\n\n00:00:00.000 --> 00:00:00.700\n<v Ann &gt; Ben>a &lt; b &amp; c  00:00 --&gt; 00:01\n\
             \n01:00:00.000 --> 01:00:00.700\n<v Ann>later\n"
        );
    }

    #[test]
    fn what_began_before_everybody_agreed_is_not_kept() {
        let mut transcript = Transcript::default();
        transcript.answered(ParticipantId(1), true);
        transcript.set_running(true, Timestamp(2000));
        transcript.keep(&caption(1, 1, "Ann", "before"));
        transcript.keep(&caption(2, 1, "Ann", "after"));
        transcript.keep(&caption(3, 2, "Ben", "never asked"));
        assert_eq!(transcript.lines.len(), 1);
        transcript.answered(ParticipantId(1), false);
        assert!(transcript.to_webvtt().is_none());
    }

    #[test]
    fn a_line_tells_its_language() {
        let mut transcript = Transcript::default();
        transcript.answered(ParticipantId(1), true);
        transcript.set_running(true, Timestamp(0));
        let line = |number, code: &str| Caption {
            language: Language::parse(code),
            ..caption(number, 1, "Ann", "a < b")
        };
        transcript.keep(&line(1, "de"));
        transcript.keep(&line(2, "jw"));
        let text = transcript.to_webvtt().unwrap();
        assert!(text.contains("\n<v Ann><lang de>a &lt; b</lang>\n"));
        assert!(
            text.contains("\n<v Ann><lang jv>a &lt; b</lang>\n"),
            "the tag of documents"
        );
    }
}
