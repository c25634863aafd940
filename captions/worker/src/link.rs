//! The server's end of the socket to the captioning child: messages to it, news from it.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use hearken_protocol::{CaptionNews, CaptionsState};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::wire::{self, FromWorker, ToWorker, WireError};

/// A child that says nothing for so long hangs; it reports every second, and loads its model in a few.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// So long after a word its caption is late, which the groups are told...
const LATE_FROM: Duration = Duration::from_secs(5);
/// ...until no word has waited longer than that. With little to do it is two seconds and a half.
const LATE_UNTIL: Duration = Duration::from_millis(3_500);

/// So many reports in a row, a second apart, have to be in time before captions are: a worker that gets little time
/// has some of it between two sentences.
const REPORTS_IN_TIME: u32 = 5;

/// Writes what there is until nobody has anything to say any more, or the socket fails.
pub(crate) async fn write_messages(
    mut socket: OwnedWriteHalf,
    mut messages: mpsc::Receiver<ToWorker>,
) -> WireError {
    while let Some(message) = messages.recv().await {
        let written = match wire::encode(&message) {
            Ok(bytes) => socket.write_all(&bytes).await,
            // No packet is so long; if one is, it is left out.
            Err(_) => Ok(()),
        };
        if let Err(error) = written {
            return WireError::Io(error);
        }
    }
    WireError::Closed
}

/// What a child's messages change.
pub(crate) struct Reader<'a> {
    pub metrics: &'a mut Metrics,
    pub news: &'a mpsc::Sender<CaptionNews>,
    pub state: &'a mut Option<CaptionsState>,
    /// Nobody has spoken for a second, and nothing waits to be decoded.
    pub is_quiet: &'a Cell<bool>,
    pub clock: Clock,
    /// What to go back to if the present model cannot be used.
    pub model_before: &'a mut Option<PathBuf>,
    pub punctuality: Punctuality,
}

impl Reader<'_> {
    /// Reads until the child falls silent or talks nonsense.
    pub async fn read(mut self, socket: OwnedReadHalf) -> WireError {
        let mut socket = BufReader::new(socket);
        loop {
            let mut reading = pin!(read_message(&mut socket));
            let message = match timeout(LATE_FROM, &mut reading).await {
                Ok(message) => Ok(message),
                Err(_) => {
                    // It reports every second if it can: what people say now comes late, if it comes at all.
                    self.punctuality.miss();
                    if *self.state == Some(CaptionsState::On) {
                        self.tell(CaptionsState::Late).await;
                    }
                    timeout(SILENCE_MAX - LATE_FROM, reading).await
                }
            };
            match message {
                Ok(Ok(message)) => self.take(message).await,
                Ok(Err(error)) => return error,
                Err(_) => return WireError::Io(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    async fn take(&mut self, message: FromWorker) {
        match message {
            FromWorker::Hello { .. } => {}
            FromWorker::Ready(abilities) => {
                self.metrics.up.set(1);
                let _ = self.news.send(CaptionNews::Model(abilities)).await;
                *self.model_before = None;
                self.is_quiet.set(true);
                self.tell(CaptionsState::On).await;
            }
            FromWorker::Caption(event) => {
                let sent_at = self.clock.now();
                self.metrics.event(&event, sent_at);
                self.is_quiet.set(false);
                let _ = self.news.send(CaptionNews::Event { event, sent_at }).await;
            }
            FromWorker::Report(report) => {
                let had_voice = self.metrics.report(&report);
                self.is_quiet.set(!had_voice && report.backlog_milliseconds == 0);
                let delay = Duration::from_millis(report.delay_milliseconds);
                if let Some(new) = self.punctuality.judge(*self.state, delay) {
                    self.tell(new).await;
                }
            }
        }
    }

    async fn tell(&mut self, state: CaptionsState) {
        *self.state = Some(state);
        let _ = self.news.send(CaptionNews::State(state)).await;
    }
}

/// Whether captions come in time, with some patience before saying that they do again.
#[derive(Debug, Default)]
pub(crate) struct Punctuality {
    /// Reports in a row that were in time.
    in_time: u32,
}

impl Punctuality {
    /// Takes what a report says about the delay; gives the new state if that changes it.
    fn judge(&mut self, state: Option<CaptionsState>, delay: Duration) -> Option<CaptionsState> {
        self.in_time = if delay < LATE_UNTIL {
            self.in_time.saturating_add(1)
        } else {
            0
        };
        match state? {
            CaptionsState::On if delay > LATE_FROM => Some(CaptionsState::Late),
            CaptionsState::Late if self.in_time >= REPORTS_IN_TIME => Some(CaptionsState::On),
            _ => None,
        }
    }

    /// A report did not come when it was due.
    fn miss(&mut self) {
        self.in_time = 0;
    }
}

async fn read_message(socket: &mut BufReader<OwnedReadHalf>) -> Result<FromWorker, WireError> {
    let length = socket.read_u32_le().await.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => WireError::Closed,
        _ => WireError::Io(error),
    })?;
    let mut bytes = vec![0; wire::checked_length(length as usize)?];
    socket.read_exact(&mut bytes).await.map_err(WireError::Io)?;
    wire::decode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_when_captions_come_late_and_when_they_are_in_time_again() {
        use CaptionsState::{Late, On, Starting};
        let mut punctuality = Punctuality::default();
        let mut after = |state, seconds| punctuality.judge(Some(state), Duration::from_secs(seconds));
        assert_eq!(after(Starting, 9), None);
        assert_eq!(after(On, 4), None);
        assert_eq!(after(On, 6), Some(Late));
        // A breath between two sentences is not the end of it.
        for seconds in [1, 0, 0, 4, 0, 0, 1, 0] {
            assert_eq!(after(Late, seconds), None);
        }
        assert_eq!(after(Late, 1), Some(On));
    }

    /// In time that passes only while nothing else happens.
    #[tokio::test(start_paused = true)]
    async fn a_child_that_hangs_makes_captions_late_until_it_reports_again_and_is_given_up_at_last() {
        let mut metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let (news, mut heard) = mpsc::channel(8);
        let mut state = Some(CaptionsState::On);
        let (is_quiet, mut model_before) = (Cell::new(false), None);
        let reader = Reader {
            metrics: &mut metrics,
            news: &news,
            state: &mut state,
            is_quiet: &is_quiet,
            clock: Clock::of_day(),
            model_before: &mut model_before,
            punctuality: Punctuality::default(),
        };
        let (mut child, server) = tokio::net::UnixStream::pair().unwrap();
        let began = tokio::time::Instant::now();
        let child = async {
            assert_eq!(heard.recv().await, Some(CaptionNews::State(CaptionsState::Late)));
            assert_eq!(began.elapsed().as_secs(), LATE_FROM.as_secs());
            let report = wire::encode(&FromWorker::Report(wire::Report::default())).unwrap();
            for _ in 0..REPORTS_IN_TIME {
                child.write_all(&report).await.unwrap();
            }
            assert_eq!(heard.recv().await, Some(CaptionNews::State(CaptionsState::On)));
            assert_eq!(heard.recv().await, Some(CaptionNews::State(CaptionsState::Late)));
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            () = child => unreachable!("it pends"),
            error = reader.read(server.into_split().0) => error,
        };
        assert!(matches!(error, WireError::Io(error) if error.kind() == io::ErrorKind::TimedOut));
        assert_eq!(began.elapsed().as_secs(), (LATE_FROM + SILENCE_MAX).as_secs());
    }
}
