//! A media plane that writes down its orders and carries out none.

use std::sync::atomic::{AtomicBool, Ordering};

use hearken_protocol::MediaCommand;
use hearken_signaling_server::{MediaPlane, MediaPlaneError};
use tokio::sync::mpsc;

pub struct RecordedMedia {
    orders: mpsc::UnboundedSender<MediaCommand>,
    pub down: AtomicBool,
    epoch: u64,
}

impl RecordedMedia {
    pub fn new() -> (std::sync::Arc<Self>, mpsc::UnboundedReceiver<MediaCommand>) {
        static LIVES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let (orders, receiver) = mpsc::unbounded_channel();
        let media = Self {
            orders,
            down: AtomicBool::new(false),
            epoch: LIVES.fetch_add(1, Ordering::Relaxed),
        };
        (std::sync::Arc::new(media), receiver)
    }
}

impl MediaPlane for RecordedMedia {
    fn send(&self, command: MediaCommand) -> Result<(), MediaPlaneError> {
        self.orders.send(command).map_err(|_| MediaPlaneError::Stopped)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn is_ready(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }
}
