//! The way from a session to the media plane: orders in order, none lost while there is room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hearken_protocol::MediaCommand;
use tokio::time::Instant;

use crate::media::{MediaPlane, MediaPlaneError};
use crate::metrics::Metrics;

/// How long to wait before orders that were not taken are given again.
const RETRY: Duration = Duration::from_millis(20);

/// Orders that may wait. Full: the oldest is lost, and counted.
const WAITING_MAX: usize = 4096;

/// One session's orders.
pub(super) struct Orders {
    media: Arc<dyn MediaPlane>,
    metrics: Arc<Metrics>,
    waiting: VecDeque<MediaCommand>,
}

impl Orders {
    /// Nothing waits yet.
    pub(super) fn new(media: Arc<dyn MediaPlane>, metrics: Arc<Metrics>) -> Self {
        Self {
            media,
            metrics,
            waiting: VecDeque::new(),
        }
    }

    /// When to call [`Self::retry`], if anything waits.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| Instant::now() + RETRY)
    }

    /// Gives an order, after those that wait.
    pub(super) fn give(&mut self, command: MediaCommand) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
            self.metrics.media_orders_lost.inc();
        }
        self.waiting.push_back(command);
        self.retry();
    }

    /// Gives what waits, as far as it is taken.
    pub(super) fn retry(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            match self.media.send(command.clone()) {
                Ok(()) => {}
                Err(MediaPlaneError::Overloaded) => {
                    self.waiting.push_front(command);
                    return;
                }
                Err(MediaPlaneError::Stopped) => self.metrics.media_orders_lost.inc(),
            }
        }
    }
}
