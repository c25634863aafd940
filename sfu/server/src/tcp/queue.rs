//! What waits to be written to one TCP connection. Sound and control go first; pictures that have waited for too
//! long are dropped, so that the sound never stands behind them.
//!
//! ```text
//!  frames ──┬─ sound, control ─► urgent ─┐
//!           └─ pictures ───────► video ──┴─► staged (bytes that have begun to go) ─► socket
//! ```

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use hearken_sfu_core::Content;
use hearken_sfu_core::transport::frame_header;

/// Sound and control that may wait: some twenty seconds of one voice, a second of twenty. Full: the newest is
/// dropped, since a connection so far behind is as good as dead.
const URGENT_BYTES_MAX: usize = 96 * 1024;

/// Pictures that may wait: a key frame. Full: the newest is dropped; its receiver asks again.
const VIDEO_BYTES_MAX: usize = 192 * 1024;

/// Pictures that have waited for longer are dropped. Longer: more is seen late; shorter: less gets through lines
/// that stutter.
const VIDEO_WAIT_MAX: Duration = Duration::from_millis(100);

/// Bytes that are handed to the kernel at once, and can't be taken back.
const STAGED_BYTES_MAX: usize = 16 * 1024;

/// Frames that were dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// There was no room for them.
    pub(super) full: u64,
    /// Pictures that waited for too long.
    pub(super) late: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    urgent: Frames,
    video: Frames,
    staged: Vec<u8>,
    written: usize,
}

/// Frames with their headers, one behind the other.
#[derive(Debug, Default)]
struct Frames {
    bytes: VecDeque<u8>,
    /// Length with header, and since when it waits.
    waiting: VecDeque<(usize, Instant)>,
}

impl SendQueue {
    /// Lets a frame wait, or drops it.
    pub(super) fn push(&mut self, frame: &[u8], content: Content, now: Instant, dropped: &mut Dropped) {
        let (frames, bytes_max) = match content {
            Content::Control | Content::Audio => (&mut self.urgent, URGENT_BYTES_MAX),
            Content::Video => (&mut self.video, VIDEO_BYTES_MAX),
        };
        match frame_header(frame.len()) {
            Some(header) if frames.bytes.len() + header.len() + frame.len() <= bytes_max => {
                frames.push(&header, frame, now);
            }
            Some(_) | None => dropped.full += 1,
        }
    }

    /// Writes as much as is taken. True when something is left.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
        dropped: &mut Dropped,
    ) -> io::Result<bool> {
        loop {
            if self.written == self.staged.len() && !self.stage(now, dropped) {
                return Ok(false);
            }
            match write(&self.staged[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Chooses what goes next. False when nothing waits.
    fn stage(&mut self, now: Instant, dropped: &mut Dropped) -> bool {
        self.staged.clear();
        self.written = 0;
        while self.staged.len() < STAGED_BYTES_MAX && self.urgent.pop_into(&mut self.staged) {}
        while self.video.is_late(now) {
            self.video.drop_first();
            dropped.late += 1;
        }
        while self.staged.len() < STAGED_BYTES_MAX && self.video.pop_into(&mut self.staged) {}
        !self.staged.is_empty()
    }
}

impl Frames {
    fn push(&mut self, header: &[u8], frame: &[u8], now: Instant) {
        self.bytes.extend(header);
        self.bytes.extend(frame);
        self.waiting.push_back((header.len() + frame.len(), now));
    }

    fn pop_into(&mut self, staged: &mut Vec<u8>) -> bool {
        let Some((length, _)) = self.waiting.pop_front() else {
            return false;
        };
        staged.extend(self.bytes.drain(..length));
        true
    }

    fn is_late(&self, now: Instant) -> bool {
        let first = self.waiting.front();
        first.is_some_and(|(_, since)| now.saturating_duration_since(*since) > VIDEO_WAIT_MAX)
    }

    fn drop_first(&mut self) {
        if let Some((length, _)) = self.waiting.pop_front() {
            self.bytes.drain(..length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that takes so many bytes and then no more.
    struct Kernel {
        room: usize,
        taken: Vec<u8>,
    }

    impl Kernel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            if count == 0 {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                Ok(count)
            }
        }

        fn frames(&self) -> Vec<(u8, usize)> {
            let mut stream = self.taken.clone();
            let mut frames = Vec::new();
            let mut deframer = hearken_sfu_core::transport::Deframer::default();
            deframer
                .push(&mut stream, |frame| frames.push((frame[0], frame.len())))
                .unwrap();
            frames
        }
    }

    struct World {
        queue: SendQueue,
        kernel: Kernel,
        dropped: Dropped,
        now: Instant,
    }

    impl World {
        fn new(room: usize) -> Self {
            let taken = Vec::new();
            Self {
                queue: SendQueue::default(),
                kernel: Kernel { room, taken },
                dropped: Dropped::default(),
                now: Instant::now(),
            }
        }

        fn push(&mut self, mark: u8, len: usize, content: Content) {
            self.queue
                .push(&vec![mark; len], content, self.now, &mut self.dropped);
        }

        fn flush(&mut self) -> bool {
            let kernel = &mut self.kernel;
            self.queue
                .flush(self.now, |bytes| kernel.write(bytes), &mut self.dropped)
                .unwrap()
        }
    }

    #[test]
    fn what_there_is_room_for_goes_at_once() {
        let mut world = World::new(usize::MAX);
        world.push(1, 1_000, Content::Video);
        world.push(2, 100, Content::Audio);
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(2, 100), (1, 1_000)]);
        assert_eq!(world.dropped, Dropped::default());
    }

    #[test]
    fn a_frame_that_has_begun_is_finished_before_anything_else() {
        let mut world = World::new(500);
        world.push(1, 1_000, Content::Video);
        assert!(world.flush());
        world.push(2, 100, Content::Audio);
        world.now += Duration::from_secs(1);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(1, 1_000), (2, 100)]);
    }

    #[test]
    fn sound_overtakes_pictures_and_late_pictures_are_dropped() {
        let mut world = World::new(10);
        for _ in 0..50 {
            world.push(1, 1_000, Content::Video);
        }
        assert!(world.flush());
        world.push(2, 100, Content::Audio);
        world.now += VIDEO_WAIT_MAX + Duration::from_millis(1);
        world.push(3, 1_000, Content::Video);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        let frames = world.kernel.frames();
        let staged = STAGED_BYTES_MAX.div_ceil(1_002);
        assert_eq!(frames[staged..], [(2, 100), (3, 1_000)]);
        assert_eq!((world.dropped.late, world.dropped.full), (50 - staged as u64, 0));
    }

    #[test]
    fn both_queues_are_bounded() {
        let mut world = World::new(0);
        for _ in 0..1_000 {
            world.push(1, 1_000, Content::Video);
            world.push(2, 1_000, Content::Audio);
        }
        let kept = URGENT_BYTES_MAX / 1_002 + VIDEO_BYTES_MAX / 1_002;
        assert_eq!(world.dropped.full, 2_000 - kept as u64);
        assert!(world.flush());
    }
}
