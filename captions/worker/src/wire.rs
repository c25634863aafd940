//! What goes over the socket between `hearken serve` and its captioning child: a length and a `postcard`
//! message, each way.

use std::io::{self, Read};

use hearken_protocol::{CaptionAbilities, CaptionEvent, GroupSpeech, SessionId, SpeechPacket};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest message, in bytes: a datagram's payload with its names, or a caption.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// From parent to child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Somebody's next packet.
    Speech(SpeechPacket),
    /// A session is over: nothing more is to be said about it.
    ForgetSession(SessionId),
    /// The child is to end.
    Shutdown,
    /// How the group of a session speaks.
    Listen(SessionId, GroupSpeech),
}

/// From child to parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first message: the process runs and loads its model.
    Hello {
        /// As in the captions' ids.
        epoch: u64,
    },
    /// The model is loaded: captions come from now on.
    Ready(CaptionAbilities),
    /// A revision of a caption.
    Caption(CaptionEvent),
    /// How it goes, once a second.
    Report(Report),
}

/// How the child is doing. Everything but the first two counts from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How long the oldest sound that is due to be decoded has waited.
    pub backlog_milliseconds: u64,
    /// How long ago the oldest voice was heard that is due to be decoded, or is being decoded.
    pub delay_milliseconds: u64,
    /// Voice heard.
    pub speech_milliseconds: u64,
    /// Processor time used, all threads.
    pub cpu_milliseconds: u64,
    /// Jobs handed to the model.
    pub jobs: u64,
    /// Jobs that failed.
    pub jobs_failed: u64,
    /// Hypotheses taken for noise.
    pub hypotheses_rejected: u64,
    /// Segments that became final without their last decoding.
    pub finals_undecoded: u64,
    /// Packets that are no Opus.
    pub packets_garbage: u64,
    /// Packets that came twice or too late.
    pub packets_late: u64,
    /// Packets that never came and were concealed.
    pub packets_lost: u64,
    /// Packets of more speakers than can be followed.
    pub packets_refused: u64,
    /// How many jobs can be done at once. Does not count.
    pub threads: u64,
    /// Time that they took, all threads.
    pub busy_milliseconds: u64,
    /// What one job on two seconds of sound took at the start. Does not count.
    pub trial_milliseconds: u64,
}

/// A message that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side closed the socket between two messages.
    #[error("the other side is gone")]
    Closed,
    /// A message is longer than `MESSAGE_BYTES_MAX`.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// The bytes are no message.
    #[error("a message makes no sense: {0}")]
    Malformed(postcard::Error),
    /// The socket failed, or closed in the middle of a message.
    #[error("the socket failed: {0}")]
    Io(io::Error),
}

/// A message as it goes over the socket.
///
/// # Errors
/// When it is longer than `MESSAGE_BYTES_MAX`.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let bytes = postcard::to_extend(message, vec![0; 4]).map_err(WireError::Malformed)?;
    encode_length(bytes)
}

fn encode_length(mut bytes: Vec<u8>) -> Result<Vec<u8>, WireError> {
    let length = bytes.len() - 4;
    checked_length(length)?;
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// The length that stands before a message, if it is not too long.
///
/// # Errors
/// When it is.
pub fn checked_length(length: usize) -> Result<usize, WireError> {
    if length > MESSAGE_BYTES_MAX {
        Err(WireError::TooLong(length))
    } else {
        Ok(length)
    }
}

/// A message from its bytes, without the length.
///
/// # Errors
/// When they are no such message.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, WireError> {
    postcard::from_bytes(bytes).map_err(WireError::Malformed)
}

/// Waits for the next message.
///
/// # Errors
/// When none comes any more, or it makes no sense.
pub fn read<M: DeserializeOwned>(socket: &mut impl Read) -> Result<M, WireError> {
    let mut length = [0; 4];
    match socket.read(&mut length[..1]) {
        Ok(0) => return Err(WireError::Closed),
        Ok(_) => socket.read_exact(&mut length[1..]).map_err(WireError::Io)?,
        Err(error) => return Err(WireError::Io(error)),
    }
    let mut bytes = vec![0; checked_length(u32::from_le_bytes(length) as usize)?];
    socket.read_exact(&mut bytes).map_err(WireError::Io)?;
    decode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn packet(bytes: usize) -> ToWorker {
        ToWorker::Speech(fixtures::packet(bytes))
    }

    #[test]
    fn messages_come_through_and_then_the_end() {
        let sent = [
            packet(90),
            ToWorker::ForgetSession(SessionId(9)),
            ToWorker::Shutdown,
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(|message| encode(message).unwrap()).collect();
        let mut socket = bytes.as_slice();
        for message in sent {
            assert_eq!(read::<ToWorker>(&mut socket).unwrap(), message);
        }
        assert!(matches!(read::<ToWorker>(&mut socket), Err(WireError::Closed)));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let read = |bytes: &[u8]| read::<ToWorker>(&mut &*bytes).unwrap_err();
        assert!(matches!(read(&[255, 255, 255, 255, 0]), WireError::TooLong(_)));
        assert!(matches!(read(&[2, 0, 0, 0, 99, 99]), WireError::Malformed(_)));
        assert!(matches!(read(&[9, 0, 0, 0, 1]), WireError::Io(_)));
        assert!(matches!(
            encode(&packet(MESSAGE_BYTES_MAX)),
            Err(WireError::TooLong(_))
        ));
    }
}
