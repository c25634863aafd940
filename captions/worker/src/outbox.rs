//! What goes to the child, through a queue with an end: packets, which are left out while it is full, and how groups
//! speak, which is said again as soon as there is room.

use std::collections::BTreeMap;

use hearken_protocol::{GroupSpeech, SessionId, SpeechPacket};
use tokio::sync::mpsc;

use crate::wire::ToWorker;

/// Messages on their way to the child: some twenty seconds of one speaker. Full: packets are dropped.
const TO_WORKER_MAX: usize = 1_024;
/// Sessions whose speech is known. Full: one more is taken for English without a vocabulary. Fewer than messages can
/// wait: a new child is told them all at once.
const SPEECHES_MAX: usize = 1_000;

/// How groups speak that speak otherwise than most. Every child is told.
#[derive(Debug, Default)]
pub(crate) struct Speeches(BTreeMap<SessionId, GroupSpeech>);

impl Speeches {
    pub(crate) fn learn(&mut self, session: SessionId, speech: GroupSpeech) {
        if self.0.len() < SPEECHES_MAX || self.0.contains_key(&session) {
            self.0.insert(session, speech);
        }
    }

    pub(crate) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    /// All of them, as a child is told.
    fn messages(&self) -> impl Iterator<Item = ToWorker> {
        self.0
            .iter()
            .map(|(session, speech)| ToWorker::Listen(*session, speech.clone()))
    }
}

/// The queue to one child.
#[derive(Debug)]
pub(crate) struct Outbox<'a> {
    queue: mpsc::Sender<ToWorker>,
    speeches: &'a mut Speeches,
    /// A child that reads slowly does not know yet how some group speaks.
    is_behind: bool,
}

impl<'a> Outbox<'a> {
    /// To a new child, which is told first how groups speak; and what it reads from.
    pub(crate) fn new(speeches: &'a mut Speeches) -> (Self, mpsc::Receiver<ToWorker>) {
        let (queue, messages) = mpsc::channel(TO_WORKER_MAX);
        let mut outbox = Self {
            queue,
            speeches,
            is_behind: true,
        };
        outbox.catch_up();
        (outbox, messages)
    }

    /// Hands a packet on. False if there is no room: it is left out.
    #[must_use]
    pub(crate) fn speech(&self, packet: SpeechPacket) -> bool {
        self.queue.try_send(ToWorker::Speech(packet)).is_ok()
    }

    /// How a group speaks from now on.
    pub(crate) fn listen(&mut self, session: SessionId, speech: GroupSpeech) {
        self.is_behind |= self
            .queue
            .try_send(ToWorker::Listen(session, speech.clone()))
            .is_err();
        self.speeches.learn(session, speech);
    }

    /// A session is over. A child without room for that finds out when no packets come.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.speeches.forget(session);
        let _ = self.queue.try_send(ToWorker::ForgetSession(session));
    }

    /// Whether there is something that was not said for want of room.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Says how groups speak by now, if that is due and there is room for all of it.
    pub(crate) fn catch_up(&mut self) {
        if !self.is_behind || self.queue.capacity() <= self.speeches.0.len() {
            return;
        }
        for message in self.speeches.messages() {
            let _ = self.queue.try_send(message);
        }
        self.is_behind = false;
    }

    /// Asks the child to end.
    pub(crate) fn shut_down(&self) {
        let _ = self.queue.try_send(ToWorker::Shutdown);
    }
}

#[cfg(test)]
mod tests {
    use hearken_protocol::Sensitive;

    use super::*;
    use crate::fixtures::packet;

    fn knowing(term: &str) -> GroupSpeech {
        GroupSpeech {
            vocabulary: Sensitive(vec![term.to_owned()]),
            ..GroupSpeech::default()
        }
    }

    /// The child reads so many messages; gives what it is told of sessions in them.
    fn reads(messages: &mut mpsc::Receiver<ToWorker>, count: usize) -> Vec<String> {
        let read = std::iter::from_fn(|| messages.try_recv().ok()).take(count);
        read.filter_map(|message| match message {
            ToWorker::Speech(_) => None,
            ToWorker::Listen(session, speech) => Some(format!("{} {:?}", session.0, speech.vocabulary.0)),
            ToWorker::ForgetSession(session) => Some(format!("{} is over", session.0)),
            ToWorker::Shutdown => Some("end".to_owned()),
        })
        .collect()
    }

    fn fills(outbox: &Outbox<'_>) {
        while outbox.speech(packet(1)) {}
    }

    #[test]
    fn a_child_whose_queue_was_full_is_told_what_it_missed_once_there_is_room() {
        let mut speeches = Speeches::default();
        let (mut outbox, mut messages) = Outbox::new(&mut speeches);
        outbox.listen(SessionId(1), knowing("Ann"));
        fills(&outbox);
        outbox.listen(SessionId(1), knowing("Kathryn"));
        outbox.listen(SessionId(2), knowing("Ben"));
        assert!(outbox.is_behind());
        // With room for two messages it waits: one more has to stay free.
        assert_eq!(reads(&mut messages, 2), ["1 [\"Ann\"]"]);
        outbox.catch_up();
        assert!(outbox.is_behind());
        reads(&mut messages, 1);
        outbox.catch_up();
        assert!(!outbox.is_behind());
        outbox.catch_up();
        let told = reads(&mut messages, usize::MAX);
        assert_eq!(told, ["1 [\"Kathryn\"]", "2 [\"Ben\"]"]);
    }

    #[test]
    fn what_has_changed_until_there_is_room_is_told_as_it_is_by_then() {
        let mut speeches = Speeches::default();
        let (mut outbox, mut messages) = Outbox::new(&mut speeches);
        fills(&outbox);
        for term in ["Ann", "Anne", "Anneliese"] {
            outbox.listen(SessionId(1), knowing(term));
        }
        outbox.listen(SessionId(2), knowing("Ben"));
        outbox.forget(SessionId(2));
        reads(&mut messages, 10);
        outbox.catch_up();
        assert_eq!(reads(&mut messages, usize::MAX), ["1 [\"Anneliese\"]"]);
    }

    #[test]
    fn a_new_child_is_told_of_all_sessions_that_are_not_over() {
        let mut speeches = Speeches::default();
        let (mut outbox, messages) = Outbox::new(&mut speeches);
        for session in 0..SPEECHES_MAX as u128 + 10 {
            outbox.listen(SessionId(session), knowing("Ann"));
        }
        outbox.forget(SessionId(5));
        drop((outbox, messages));
        let (outbox, mut messages) = Outbox::new(&mut speeches);
        assert!(!outbox.is_behind());
        assert_eq!(reads(&mut messages, usize::MAX).len(), SPEECHES_MAX - 1);
    }
}
