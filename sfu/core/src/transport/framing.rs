//! Datagrams in a byte stream (RFC 4571): each behind its length in two bytes.
//!
//! In: bytes as they come, cut anywhere. Out: whole frames, in place where that is possible. It never holds more
//! than one frame.

/// The length in front of each frame.
pub const FRAME_HEADER_BYTES: usize = 2;

/// The longest frame that is taken: media and handshakes are cut to fit a network's packets, so more than this
/// is no peer of ours.
pub const FRAME_BYTES_MAX: usize = 4_096;

/// A frame longer than [`FRAME_BYTES_MAX`]: the connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame is longer than {FRAME_BYTES_MAX} bytes")]
pub struct FrameTooLong;

/// What is in front of a frame of that length; `None` if it is too long to be sent.
pub fn frame_header(frame_bytes: usize) -> Option<[u8; FRAME_HEADER_BYTES]> {
    u16::try_from(frame_bytes).ok().map(u16::to_be_bytes)
}

/// Finds the frames in one stream.
#[derive(Debug, Default)]
pub struct Deframer {
    /// A frame that has begun, its length in front.
    begun: Vec<u8>,
}

impl Deframer {
    /// Takes the next bytes and hands over every frame that they complete. Empty frames are left out.
    ///
    /// # Errors
    ///
    /// If a frame is too long. Those before it were handed over; nothing that comes later makes sense.
    pub fn push(
        &mut self,
        mut bytes: &mut [u8],
        mut each: impl FnMut(&mut [u8]),
    ) -> Result<(), FrameTooLong> {
        while !self.begun.is_empty() {
            let missing = match frame_bytes(&self.begun) {
                None => FRAME_HEADER_BYTES - self.begun.len(),
                Some(length) => length? + FRAME_HEADER_BYTES - self.begun.len(),
            };
            let (taken, rest) = bytes.split_at_mut(missing.min(bytes.len()));
            self.begun.extend_from_slice(taken);
            bytes = rest;
            match frame_bytes(&self.begun) {
                Some(length) if self.begun.len() == length? + FRAME_HEADER_BYTES => {
                    let frame = &mut self.begun[FRAME_HEADER_BYTES..];
                    if !frame.is_empty() {
                        each(frame);
                    }
                    self.begun.clear();
                }
                _ if bytes.is_empty() => return Ok(()),
                _ => {}
            }
        }
        while let Some(length) = frame_bytes(bytes) {
            let end = length? + FRAME_HEADER_BYTES;
            if bytes.len() < end {
                break;
            }
            let (frame, rest) = bytes.split_at_mut(end);
            bytes = rest;
            if end > FRAME_HEADER_BYTES {
                each(&mut frame[FRAME_HEADER_BYTES..]);
            }
        }
        self.begun.extend_from_slice(bytes);
        Ok(())
    }
}

/// The length of the frame that begins here, as far as it is known.
fn frame_bytes(bytes: &[u8]) -> Option<Result<usize, FrameTooLong>> {
    let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    let length = usize::from(u16::from_be_bytes(*header));
    Some(if length > FRAME_BYTES_MAX {
        Err(FrameTooLong)
    } else {
        Ok(length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(frames: &[&[u8]]) -> Vec<u8> {
        let mut stream = Vec::new();
        for frame in frames {
            stream.extend_from_slice(&frame_header(frame.len()).unwrap());
            stream.extend_from_slice(frame);
        }
        stream
    }

    fn frames(stream: &[u8], cut_at: impl Fn(usize) -> bool) -> Result<Vec<Vec<u8>>, FrameTooLong> {
        let mut deframer = Deframer::default();
        let mut frames = Vec::new();
        let mut begin = 0;
        for end in 1..=stream.len() {
            if end == stream.len() || cut_at(end) {
                let mut piece = stream[begin..end].to_vec();
                deframer.push(&mut piece, |frame| frames.push(frame.to_vec()))?;
                begin = end;
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_come_out_whole_wherever_the_stream_was_cut() {
        let longest = vec![7; FRAME_BYTES_MAX];
        let sent: [&[u8]; 4] = [b"one", b"", &longest, b"x"];
        let expected = [b"one".to_vec(), longest.clone(), b"x".to_vec()];
        let stream = stream(&sent);
        for step in [1, 2, 3, 5, 7, 1_000, stream.len()] {
            assert_eq!(
                frames(&stream, |at| at % step == 0).unwrap(),
                expected,
                "cut every {step}"
            );
        }
    }

    #[test]
    fn a_frame_that_is_too_long_ends_the_stream_after_those_before_it() {
        let mut stream = stream(&[b"good"]);
        stream.extend_from_slice(&frame_header(FRAME_BYTES_MAX + 1).unwrap());
        stream.extend_from_slice(&[0; 9]);
        let mut deframer = Deframer::default();
        let mut before = 0;
        assert_eq!(
            deframer.push(&mut stream.clone(), |_| before += 1),
            Err(FrameTooLong)
        );
        assert_eq!(before, 1);
        assert_eq!(frames(&stream, |_| true), Err(FrameTooLong));
    }

    #[test]
    fn no_length_beyond_two_bytes_can_be_sent() {
        assert_eq!(frame_header(65_535), Some([255, 255]));
        assert_eq!(frame_header(65_536), None);
    }
}
