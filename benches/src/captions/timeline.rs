//! What a reader saw of one speaker, and when: each word's first showing, its last, and what was taken back.

use std::collections::BTreeMap;

use hearken_protocol::{CaptionEvent, CaptionStatus, Timestamp};

use crate::captions::alignment::align;

/// One speaker's captions as a reader saw them.
#[derive(Debug, Default)]
pub struct Timeline {
    /// The words that stood in the end.
    pub words: Vec<String>,
    /// When each of them was first shown in its place.
    pub first_shown: Vec<Timestamp>,
    /// When each of them could not change any more: it stood in the stable part of a caption.
    pub settled: Vec<Timestamp>,
    /// When the caption with it was closed.
    pub closed: Vec<Timestamp>,
    /// Words that were shown and later replaced or removed.
    pub taken_back: usize,
    /// Text of all finals, for scoring.
    pub text: String,
}

/// The words of a text as they are compared from one revision to the next: without case and punctuation.
pub fn plain_words(text: &str) -> Vec<String> {
    text.replace('-', " ")
        .split_whitespace()
        .map(|word| {
            let kept = word.chars().filter(|c| c.is_alphanumeric() || *c == '\'');
            kept.flat_map(char::to_lowercase).collect::<String>()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

impl Timeline {
    /// From a speaker's events in their order.
    pub fn new<'a>(events: impl Iterator<Item = &'a (Timestamp, CaptionEvent)> + Clone) -> Self {
        let mut timeline = Self::default();
        let mut latest = BTreeMap::new();
        for (_, event) in events.clone() {
            latest.insert(event.id, event);
        }
        let texts: Vec<&str> = latest.values().map(|event| event.stable.0.as_str()).collect();
        timeline.text = texts.join(" ");
        timeline.words = plain_words(&timeline.text);
        let count = timeline.words.len();
        let mut first = vec![None; count];
        let (mut settled, mut closed) = (vec![None; count], vec![None; count]);
        let mut captions = BTreeMap::new();
        let mut shown: Vec<String> = Vec::new();
        let mut events = events.peekable();
        while let Some((at, event)) = events.next() {
            captions.insert(event.id, event);
            if events.peek().is_some_and(|(next, _)| next == at) {
                // What comes at the same moment is seen as one: words that go over into the next caption are not
                // gone in between.
                continue;
            }
            let now = Seen::new(captions.values().copied());
            timeline.taken_back += taken_back(&shown, &now.words);
            for (_, place) in align(&now.words, &timeline.words[..count.min(now.words.len() + 4)]).hits {
                first[place].get_or_insert(*at);
            }
            mark(&mut settled, now.settled, *at);
            mark(&mut closed, now.closed, *at);
            shown = now.words;
        }
        let end =
            |times: Vec<Option<Timestamp>>| times.into_iter().map(|at| at.unwrap_or(Timestamp(0))).collect();
        timeline.settled = end(settled);
        timeline.closed = end(closed);
        // A word that was never paired with its place was shown when it settled.
        timeline.first_shown = first
            .into_iter()
            .zip(&timeline.settled)
            .map(|(first, settled)| first.unwrap_or(*settled).min(*settled))
            .collect();
        timeline
    }
}

/// What stands on the screen at one moment.
struct Seen {
    words: Vec<String>,
    settled: usize,
    closed: usize,
}

impl Seen {
    fn new<'a>(captions: impl Iterator<Item = &'a CaptionEvent>) -> Self {
        let (mut words, mut tentative, mut closed) = (Vec::new(), Vec::new(), 0);
        for caption in captions {
            words.extend(plain_words(&caption.stable));
            if caption.status == CaptionStatus::Partial {
                tentative.extend(plain_words(&caption.tentative));
            } else if tentative.is_empty() {
                closed = words.len();
            }
        }
        let settled = words.len();
        words.extend(tentative);
        Self {
            words,
            settled,
            closed,
        }
    }
}

fn mark(times: &mut [Option<Timestamp>], until: usize, at: Timestamp) {
    for time in times.iter_mut().take(until) {
        time.get_or_insert(at);
    }
}

/// Words of `before` that are not in their place in `after`.
fn taken_back(before: &[String], after: &[String]) -> usize {
    // What both begin with was not touched.
    let same = before
        .iter()
        .zip(after)
        .take_while(|(one, other)| one == other)
        .count();
    let errors = align(&before[same..], &after[same..]).errors;
    errors.substitutions + errors.deletions
}

#[cfg(test)]
mod tests {
    use hearken_protocol::{CaptionId, ParticipantId, SessionId};

    use super::*;

    fn event(
        at: u64,
        number: u64,
        status: CaptionStatus,
        stable: &str,
        tentative: &str,
    ) -> (Timestamp, CaptionEvent) {
        let event = CaptionEvent {
            session: SessionId(1),
            participant: ParticipantId(1),
            id: CaptionId { epoch: 1, number },
            revision: 1,
            status,
            stable: stable.to_owned().into(),
            tentative: tentative.to_owned().into(),
            started_at: Timestamp(0),
            ended_at: Timestamp(0),
            words: Vec::new(),
            after_gap: false,
            language: None,
        };
        (Timestamp(at), event)
    }

    #[test]
    fn words_are_followed_from_their_first_showing_to_their_end() {
        use CaptionStatus::{Final, Partial};
        let events = [
            event(10, 1, Partial, "", "We met"),
            event(20, 1, Partial, "We", "let on"),
            event(30, 1, Partial, "We met", "on two"),
            event(40, 1, Final, "We met on", ""),
            event(50, 2, Final, "Tuesday.", ""),
        ];
        let timeline = Timeline::new(events.iter());
        assert_eq!(timeline.words, ["we", "met", "on", "tuesday"]);
        let times = |times: &[Timestamp]| times.iter().map(|at| at.0).collect::<Vec<_>>();
        assert_eq!(times(&timeline.first_shown), [10, 10, 20, 50]);
        assert_eq!(times(&timeline.settled), [20, 30, 40, 50]);
        assert_eq!(times(&timeline.closed), [40, 40, 40, 50]);
        assert_eq!(timeline.taken_back, 3, "met, let, two");
    }

    #[test]
    fn words_that_go_over_into_the_next_caption_are_not_taken_back() {
        use CaptionStatus::{Final, Partial};
        let events = [
            event(10, 1, Partial, "", "We met. On Tuesday"),
            event(20, 1, Final, "We met.", ""),
            event(20, 2, Partial, "", "On Tuesday"),
            event(30, 2, Final, "On Tuesday.", ""),
        ];
        let timeline = Timeline::new(events.iter());
        assert_eq!((timeline.words.len(), timeline.taken_back), (4, 0));
    }
}
