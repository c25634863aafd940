//! Why packets, and news of them, go no further outside the core.

/// Why something went no further in the sockets and queues; the core has [`hearken_sfu_core::DropCause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellDropCause {
    /// The kernel's buffer of the socket is full.
    SendBufferFull,
    /// The kernel refused it for another reason: no route, too long, an address that can't be.
    SendRefused,
    /// Reading a socket failed, mostly by what came of an earlier send.
    ReceiveError,
    /// Whoever takes the events of a shard has fallen too far behind.
    EventBacklogFull,
    /// The captions take sound too slowly.
    SpeechChannelFull,
    /// A TCP connection's queue is full.
    TcpFull,
    /// Pictures have waited too long in a TCP connection's queue.
    TcpLateVideo,
    /// Sound has waited too long there.
    TcpLateSound,
    /// Reports and checks have waited too long there.
    TcpLateControl,
}

impl ShellDropCause {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; Self::TcpLateControl as usize + 1] = [
        Self::SendBufferFull,
        Self::SendRefused,
        Self::ReceiveError,
        Self::EventBacklogFull,
        Self::SpeechChannelFull,
        Self::TcpFull,
        Self::TcpLateVideo,
        Self::TcpLateSound,
        Self::TcpLateControl,
    ];

    /// The value of a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::SendBufferFull => "send_buffer_full",
            Self::SendRefused => "send_refused",
            Self::ReceiveError => "receive_error",
            Self::EventBacklogFull => "event_backlog_full",
            Self::SpeechChannelFull => "speech_channel_full",
            Self::TcpFull => "tcp_full",
            Self::TcpLateVideo => "tcp_late_video",
            Self::TcpLateSound => "tcp_late_sound",
            Self::TcpLateControl => "tcp_late_control",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_documented_in_the_order_it_stands_here() {
        let names = ShellDropCause::ALL.map(|cause| format!("`{}`", cause.label()));
        let document = include_str!("../../../../docs/metrics.md");
        let told = format!("of the sockets and queues: {} |", names.join(", "));
        assert!(document.contains(&told), "{told}");
    }
}
