//! The one thing about an Opus packet that matters here: how long it sounds (RFC 6716 §3.1).

/// The longest packet there is: 120 ms, in ticks.
pub(crate) const PACKET_TICKS_MAX: u32 = 5_760;

/// How long a packet sounds, in ticks of 1/48000 s; `None` when it is no Opus packet.
pub(crate) fn duration(payload: &[u8]) -> Option<u32> {
    let toc = *payload.first()?;
    let frame = match toc >> 3 {
        silk @ 0..12 => [480, 960, 1920, 2880][usize::from(silk & 3)],
        hybrid @ 12..16 => [480, 960][usize::from(hybrid & 1)],
        celt => [120, 240, 480, 960][usize::from(celt & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1)? & 0x3f),
    };
    let ticks = frame * frames;
    (1..=PACKET_TICKS_MAX).contains(&ticks).then_some(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_length() {
        let ms = |payload: &[u8]| duration(payload).map(|ticks| f64::from(ticks) / 48.0);
        // What browsers send: CELT or hybrid, one frame of 20 ms.
        assert_eq!(ms(&[0xf8, 1, 2]), Some(20.0));
        assert_eq!(ms(&[0x78]), Some(20.0));
        assert_eq!(ms(&[0x18]), Some(60.0));
        assert_eq!(ms(&[0x80]), Some(2.5));
        assert_eq!(ms(&[0xf9, 0]), Some(40.0));
        assert_eq!(ms(&[0xfb, 6]), Some(120.0));
    }

    #[test]
    fn what_is_no_opus_has_no_length() {
        assert_eq!(duration(&[]), None);
        assert_eq!(duration(&[0xfb]), None);
        assert_eq!(duration(&[0xfb, 0]), None);
        assert_eq!(duration(&[0xfb, 63]), None);
    }
}
