//! The seam to the media plane: orders go out here, news come back by a channel.

use hearken_protocol::MediaCommand;

/// Whoever carries media. One on the same machine now; one reached by messages later.
pub trait MediaPlane: Send + Sync {
    /// Gives an order. Orders of one session are carried out in the order given. Must not block.
    ///
    /// # Errors
    ///
    /// If the media plane is not there or too far behind; the order was not taken.
    fn send(&self, command: MediaCommand) -> Result<(), MediaPlaneError>;

    /// Changes when the media plane was started anew: then browsers build a new peer connection.
    fn epoch(&self) -> u64;

    /// Whether it runs and takes orders.
    fn is_ready(&self) -> bool;
}

/// Why an order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaPlaneError {
    /// It has too many orders to carry out.
    #[error("the media plane is overloaded")]
    Overloaded,
    /// It has ended.
    #[error("the media plane has stopped")]
    Stopped,
}
