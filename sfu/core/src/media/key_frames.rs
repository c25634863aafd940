//! Requests for a key frame of one stream: many subscribers' wishes become one request, and not too often.

use std::time::Duration;

use super::time::MediaTime;

/// A key frame is many times as large as another frame: more often than this helps nobody.
const INTERVAL_MIN: Duration = Duration::from_millis(500);
/// A wish that nobody renews is dropped after this time: the stream may have ended.
const WISH_AGE_MAX: Duration = Duration::from_secs(2);

/// What a receiver takes to notice that a key frame has come.
const DECODING: Duration = Duration::from_millis(50);

/// The wishes for one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyFrameRequests {
    wished: Option<MediaTime>,
    sent: Option<MediaTime>,
    fulfilled: Option<MediaTime>,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame.
    pub(crate) fn wish(&mut self, now: MediaTime) {
        self.wished = Some(now);
    }

    /// Somebody still needs a key frame. True when one is wished for already.
    pub(crate) fn renew(&mut self, now: MediaTime) -> bool {
        let is_wished = self.wished.is_some();
        if is_wished {
            self.wished = Some(now);
        }
        is_wished
    }

    /// Whether somebody this far away can't have had the last key frame yet when they asked for one.
    pub(crate) fn is_under_way(&self, round_trip: Duration, now: MediaTime) -> bool {
        self.fulfilled
            .is_some_and(|fulfilled| now.since(fulfilled) < round_trip + DECODING)
    }

    /// One has come.
    pub(crate) fn fulfil(&mut self, now: MediaTime) {
        self.wished = None;
        self.fulfilled = Some(now);
    }

    /// Whether to ask the publisher now.
    pub(crate) fn poll(&mut self, now: MediaTime) -> bool {
        let Some(wished) = self.wished else { return false };
        if now.since(wished) > WISH_AGE_MAX {
            self.wished = None;
            return false;
        }
        if self.sent.is_some_and(|sent| now.since(sent) < INTERVAL_MIN) {
            return false;
        }
        self.sent = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime(ms * 1_000_000)
    }

    #[test]
    fn many_wishes_become_one_request() {
        let mut requests = KeyFrameRequests::default();
        let sent = (0..100).filter(|step| {
            requests.wish(at(step * 20));
            requests.poll(at(step * 20))
        });
        assert_eq!(sent.count(), 4);
    }

    #[test]
    fn a_request_is_repeated_until_the_key_frame_comes_or_nobody_cares() {
        let mut requests = KeyFrameRequests::default();
        requests.wish(at(0));
        assert!(requests.poll(at(0)) && !requests.poll(at(499)) && requests.poll(at(500)));
        assert!(!requests.poll(at(2001)));
        requests.wish(at(3000));
        requests.fulfil(at(3000));
        assert!(!requests.poll(at(3000)));
    }

    #[test]
    fn who_asks_while_a_key_frame_is_under_way_gets_that_one() {
        let mut requests = KeyFrameRequests::default();
        let round_trip = Duration::from_millis(100);
        assert!(!requests.renew(at(0)) && !requests.is_under_way(round_trip, at(0)));
        requests.wish(at(0));
        assert!(requests.renew(at(50)));
        requests.fulfil(at(60));
        assert!(!requests.renew(at(100)) && requests.is_under_way(round_trip, at(209)));
        assert!(!requests.is_under_way(round_trip, at(210)));
    }
}
