//! What waits to be written to one TCP connection. Control goes first, then sound, then pictures. What has waited for
//! too long, in the core and here together, is dropped, so that nothing new stands behind it; only a frame of which a
//! part is on its way has to be finished.
//!
//! ```text
//!  frames ──┬─ control ──┐
//!           ├─ sound ────┼─► staged (the next to go, as many as one write takes) ─► socket
//!           └─ pictures ─┘
//! ```

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use hearken_sfu_core::Content;
use hearken_sfu_core::transport::frame_header;

/// Checks, handshakes and reports that may wait, for as long as the connection lives. Full: the newest is dropped; all
/// of them are repeated.
const CONTROL_BYTES_MAX: usize = 32 * 1024;

/// Sound that may wait: thirty voices for as long as they may. Full: the oldest is dropped.
const SOUND_BYTES_MAX: usize = 96 * 1024;

/// Pictures that may wait: a key frame. Full: the oldest is dropped, and a key frame asked for.
const VIDEO_BYTES_MAX: usize = 192 * 1024;

/// Sound and pictures that have waited for longer are dropped, those that waited in the core counted in. Longer: more is
/// heard and seen late; shorter: less gets through lines that stutter.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// The same for control: a report or an answer so old says something else than what is true by now, and a handshake has
/// been repeated meanwhile. Longer: what is new stands behind it; shorter: each pause of the line costs a repetition.
const CONTROL_WAIT_MAX: Duration = Duration::from_secs(1);

/// Bytes that are handed to the kernel at once. More: it holds more that can't be taken back; fewer: more system calls.
const STAGED_BYTES_MAX: usize = 4 * 1024;

/// Streams with lost pictures that are told apart at once. More: their receivers ask by themselves.
const STREAMS_MAX: usize = 64;

/// A frame's length stands before it (RFC 4571).
const FRAME_HEADER_BYTES: usize = 2;

/// Where the stream's number is in a packet (RFC 3550 §5.1), which SRTP leaves readable.
const SSRC: std::ops::Range<usize> = 8..12;

/// A frame that is to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) content: Content,
    /// How long it has waited elsewhere.
    pub(super) waited: Duration,
}

/// Frames that were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// There was no room for them.
    pub(super) full: u64,
    /// Pictures that waited for too long.
    pub(super) late_video: u64,
    /// Sound that did.
    pub(super) late_sound: u64,
    /// Checks, handshakes and reports that did.
    pub(super) late_control: u64,
    /// Whose pictures these were, by SSRC: they are broken until a key frame comes.
    pub(super) streams: Vec<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    control: Frames,
    sound: Frames,
    video: Frames,
    staged: Frames,
    /// Bytes of the first staged frame that are on their way.
    written: usize,
}

/// Frames with their headers, one behind the other.
#[derive(Debug, Default)]
struct Frames {
    bytes: VecDeque<u8>,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// With its header.
    length: usize,
    since: Instant,
    content: Content,
}

impl SendQueue {
    /// Lets a frame wait; what there is no room for any more, or has waited for too long, is dropped.
    pub(super) fn push(&mut self, frame: &Frame<'_>, now: Instant, dropped: &mut Dropped) {
        let Frame {
            bytes,
            content,
            waited,
        } = *frame;
        let (frames, bytes_max) = match content {
            Content::Control => (&mut self.control, CONTROL_BYTES_MAX),
            Content::Audio => (&mut self.sound, SOUND_BYTES_MAX),
            Content::Video => (&mut self.video, VIDEO_BYTES_MAX),
        };
        frames.drop_late(now, dropped);
        let Some(header) = frame_header(bytes.len()) else {
            dropped.full += 1;
            return;
        };
        let length = header.len() + bytes.len();
        if content != Content::Control {
            while frames.bytes.len() + length > bytes_max && frames.drop_first(dropped) {
                dropped.full += 1;
            }
        }
        if frames.bytes.len() + length > bytes_max {
            dropped.full += 1;
            return;
        }
        let since = now.checked_sub(waited).unwrap_or(now);
        frames.push(&header, bytes, since, content);
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
        self.drop_late_staged(now, dropped);
        loop {
            if self.staged.waiting.is_empty() && !self.stage(now, dropped) {
                return Ok(false);
            }
            let (next, _) = self.staged.bytes.as_slices();
            match write(&next[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.note_written(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Chooses what goes next. False when nothing waits.
    fn stage(&mut self, now: Instant, dropped: &mut Dropped) -> bool {
        for frames in [&mut self.control, &mut self.sound, &mut self.video] {
            // Each is looked at: behind one that came here at once may stand one that had waited before.
            frames.drop_late(now, dropped);
            while self.staged.bytes.len() < STAGED_BYTES_MAX && frames.pop_into(&mut self.staged) {
                frames.drop_late(now, dropped);
            }
        }
        // So that one write can take it all.
        self.staged.bytes.make_contiguous();
        !self.staged.waiting.is_empty()
    }

    /// Takes whole frames away that are on their way.
    fn note_written(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self
            .staged
            .waiting
            .front()
            .filter(|first| first.length <= self.written)
        {
            self.written -= first.length;
            self.staged.bytes.drain(..first.length);
            self.staged.waiting.pop_front();
        }
    }

    /// What was chosen a while ago, and of which nothing has been taken since, has waited like the rest.
    fn drop_late_staged(&mut self, now: Instant, dropped: &mut Dropped) {
        let begun = usize::from(self.written > 0);
        if !self
            .staged
            .waiting
            .iter()
            .skip(begun)
            .any(|waiting| waiting.is_late(now))
        {
            return;
        }
        let mut kept = Frames::default();
        for _ in 0..begun {
            self.staged.pop_into(&mut kept);
        }
        while let Some(next) = self.staged.waiting.front() {
            if next.is_late(now) {
                next.count_late(dropped);
                self.staged.drop_first(dropped);
            } else {
                self.staged.pop_into(&mut kept);
            }
        }
        kept.bytes.make_contiguous();
        self.staged = kept;
    }
}

impl Frames {
    fn push(&mut self, header: &[u8], frame: &[u8], since: Instant, content: Content) {
        self.bytes.extend(header);
        self.bytes.extend(frame);
        self.waiting.push_back(Waiting {
            length: header.len() + frame.len(),
            since,
            content,
        });
    }

    fn pop_into(&mut self, other: &mut Self) -> bool {
        let Some(first) = self.waiting.pop_front() else {
            return false;
        };
        other.bytes.extend(self.bytes.drain(..first.length));
        other.waiting.push_back(first);
        true
    }

    fn drop_late(&mut self, now: Instant, dropped: &mut Dropped) {
        while let Some(first) = self.waiting.front().filter(|first| first.is_late(now)) {
            first.count_late(dropped);
            self.drop_first(dropped);
        }
    }

    /// False when there is none.
    fn drop_first(&mut self, dropped: &mut Dropped) -> bool {
        let Some(first) = self.waiting.pop_front() else {
            return false;
        };
        if first.content == Content::Video && first.length >= FRAME_HEADER_BYTES + SSRC.end {
            let mut ssrc = [0; 4];
            let place = FRAME_HEADER_BYTES + SSRC.start..FRAME_HEADER_BYTES + SSRC.end;
            for (byte, at) in ssrc.iter_mut().zip(place) {
                *byte = self.bytes[at];
            }
            let ssrc = u32::from_be_bytes(ssrc);
            if dropped.streams.len() < STREAMS_MAX && !dropped.streams.contains(&ssrc) {
                dropped.streams.push(ssrc);
            }
        }
        self.bytes.drain(..first.length);
        true
    }
}

impl Waiting {
    fn is_late(&self, now: Instant) -> bool {
        let wait_max = match self.content {
            Content::Control => CONTROL_WAIT_MAX,
            Content::Audio | Content::Video => WAIT_MAX,
        };
        now.saturating_duration_since(self.since) > wait_max
    }

    fn count_late(&self, dropped: &mut Dropped) {
        match self.content {
            Content::Control => dropped.late_control += 1,
            Content::Audio => dropped.late_sound += 1,
            Content::Video => dropped.late_video += 1,
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
            self.push_late(mark, len, content, Duration::ZERO);
        }

        /// As [`Self::push`], of what has waited before.
        fn push_late(&mut self, mark: u8, len: usize, content: Content, waited: Duration) {
            let frame = Frame {
                bytes: &vec![mark; len],
                content,
                waited,
            };
            self.queue.push(&frame, self.now, &mut self.dropped);
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
        world.now += Duration::from_secs(1);
        world.push(2, 100, Content::Audio);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(1, 1_000), (2, 100)]);
    }

    #[test]
    fn sound_and_pictures_leave_no_later_than_a_tenth_of_a_second_after_they_came() {
        // A part of the first frame is on its way; the rest is staged or waits.
        let mut world = World::new(10);
        for _ in 0..30 {
            world.push(1, 1_000, Content::Video);
        }
        assert!(world.flush());
        for _ in 0..30 {
            world.push(2, 1_000, Content::Audio);
        }
        world.push(4, 100, Content::Control);
        world.now += WAIT_MAX + Duration::from_millis(1);
        world.push(3, 100, Content::Audio);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(1, 1_000), (4, 100), (3, 100)]);
        assert_eq!((world.dropped.late_video, world.dropped.late_sound), (29, 30));
        assert_eq!(
            world.dropped.streams,
            [0x0101_0101],
            "named once, to ask for a key frame"
        );
    }

    #[test]
    fn what_waited_in_the_core_has_so_much_less_time_here() {
        let mut world = World::new(10);
        world.push(9, 1_000, Content::Video);
        assert!(world.flush());
        // Of these the middle one waited for the line before: another is no reason to keep it.
        world.push(1, 1_000, Content::Video);
        world.push_late(2, 1_000, Content::Video, Duration::from_millis(80));
        world.push(3, 1_000, Content::Video);
        world.now += Duration::from_millis(21);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(9, 1_000), (1, 1_000), (3, 1_000)]);
        assert_eq!(world.dropped.late_video, 1);
        assert_eq!(
            world.dropped.streams,
            [0x0202_0202],
            "a key frame is asked for of it"
        );
    }

    #[test]
    fn control_leaves_no_later_than_a_second_after_it_came() {
        let mut world = World::new(10);
        world.push(1, 1_000, Content::Control);
        world.push(2, 1_000, Content::Control);
        assert!(world.flush());
        world.now += Duration::from_millis(500);
        world.push(3, 1_000, Content::Control);
        world.now += Duration::from_millis(501);
        world.push(4, 1_000, Content::Control);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(1, 1_000), (3, 1_000), (4, 1_000)]);
        assert_eq!(world.dropped.late_control, 1);
    }

    #[test]
    fn a_part_of_what_is_staged_may_go_before_the_rest_is_too_late() {
        let mut world = World::new(1_502);
        for mark in 1..=3 {
            world.push(mark, 1_000, Content::Video);
        }
        assert!(world.flush());
        world.now += WAIT_MAX + Duration::from_millis(1);
        world.push(4, 1_000, Content::Video);
        world.kernel.room = 100;
        assert!(world.flush());
        world.now += WAIT_MAX + Duration::from_millis(1);
        world.push(5, 1_000, Content::Video);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        let frames = world.kernel.frames();
        assert_eq!(
            frames,
            [(1, 1_000), (2, 1_000), (5, 1_000)],
            "what has begun is finished"
        );
        assert_eq!(world.dropped.late_video, 2);
    }

    #[test]
    fn sound_overtakes_pictures_and_late_pictures_are_dropped() {
        let mut world = World::new(10);
        for _ in 0..50 {
            world.push(1, 1_000, Content::Video);
        }
        assert!(world.flush());
        world.now += WAIT_MAX / 2;
        world.push(2, 100, Content::Audio);
        world.now += WAIT_MAX / 2 + Duration::from_millis(1);
        world.push(3, 1_000, Content::Video);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        assert_eq!(world.kernel.frames(), [(1, 1_000), (2, 100), (3, 1_000)]);
        assert_eq!((world.dropped.late_video, world.dropped.full), (49, 0));
    }

    #[test]
    fn all_queues_are_bounded_and_the_oldest_media_gives_way() {
        let mut world = World::new(0);
        for round in 0..1_000 {
            let mark = (round / 4) as u8;
            world.push(mark, 1_000, Content::Video);
            world.push(mark, 1_000, Content::Audio);
            world.push(mark, 1_000, Content::Control);
        }
        let kept = |bytes_max: usize| bytes_max / 1_002;
        let all = kept(CONTROL_BYTES_MAX) + kept(SOUND_BYTES_MAX) + kept(VIDEO_BYTES_MAX);
        assert_eq!(world.dropped.full, 3_000 - all as u64);
        assert_eq!(world.dropped.streams.len(), STREAMS_MAX);
        world.kernel.room = usize::MAX;
        assert!(!world.flush());
        let frames = world.kernel.frames();
        assert_eq!(frames.first(), Some(&(0, 1_000)), "the first control");
        assert_eq!(frames.last(), Some(&(249, 1_000)), "the last picture");
        assert_eq!(frames.len(), all);
    }
}
