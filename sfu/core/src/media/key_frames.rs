//! Requests for a key frame of one stream: many subscribers' wishes become one request, and not too often.

use std::time::Duration;

use super::time::MediaTime;

/// A key frame is many times as large as another frame: more often than this helps nobody.
const INTERVAL_MIN: Duration = Duration::from_millis(500);
/// A wish that nobody renews is dropped after this time: the stream may have ended.
const WISH_AGE_MAX: Duration = Duration::from_secs(2);

/// The wishes for one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyFrameRequests {
    wished: Option<MediaTime>,
    sent: Option<MediaTime>,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame.
    pub(crate) fn wish(&mut self, now: MediaTime) {
        self.wished = Some(now);
    }

    /// One has come.
    pub(crate) fn fulfil(&mut self) {
        self.wished = None;
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
        requests.fulfil();
        assert!(!requests.poll(at(3000)));
    }
}
