//! Inputs that lead somewhere, for mutations to begin with.

use hearken_protocol::VideoCodec;

use super::CODECS;

/// A key frame's first bytes: VP8's descriptor, its frame tag and size.
pub(crate) const KEY_FRAME: [u8; 13] = [0x90, 0x80, 1, 0x10, 2, 0, 0x9d, 1, 0x2a, 64, 1, 64, 1];
/// The second person shows the first one's camera.
const VIEW: [u8; 9] = [6, 1, 1, 0, 1, 4, 0, 2, 0x80];

/// A call of two, one of them with media of all kinds, and another who sends more than goes out at once.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let joined = vec![0, 1, 3, 0, 3, 1, 7, 0, 1, 0];
    let mut media = vec![11, 0, 1, 96, 0, 4, 4];
    media.extend(KEY_FRAME);
    media.extend([0, 0, 0]);
    let reports = [
        12, 1, 0, 0, 0, 1, 0, 1, 12, 1, 1, 0, 0, 2, 0, 1, 12, 1, 2, 0, 0, 3, 0, 1,
    ];
    let mut call = joined.clone();
    call.extend(VIEW);
    for _ in 0..6 {
        call.extend(&media);
        call.extend([7, 0, 0, 40]);
    }
    call.extend(reports);
    call.extend([5, 0, 3, 4, 0]);
    let garbage = [
        8, 0, 4, 0x80, 0xc9, 0, 1, 9, 0, 4, 0x90, 96, 0, 1, 10, 1, 3, 0x81, 0xcd, 0, 2,
    ];
    vec![
        joined.clone(),
        call.clone(),
        [joined.as_slice(), &garbage].concat(),
        vec![0, 1, 1, 0, 7, 2, 0, 0],
        crowded(),
        encoded(VideoCodec::H264),
        encoded(VideoCodec::Vp9),
        encoded(VideoCodec::Av1),
        [&[16, 0, 1], call.as_slice()].concat(),
    ]
}

/// A camera in another codec than VP8, whose viewer changes its size.
pub(super) fn encoded(codec: VideoCodec) -> Vec<u8> {
    let number = CODECS.iter().position(|one| *one == codec).unwrap_or_default() as u8;
    let mut input = vec![17, 0, number, 0, 1, 3, 0, 3, 1];
    for (round, height) in [(0, [0, 170]), (1, [2, 208])] {
        input.extend([6, 1, 1, 0, 1, 4, 0, height[0], height[1], 0, 0]);
        for picture in 0..8_u8 {
            // A key picture in the largest of three layers first.
            let what = u8::from(picture % 4 == 0) | 2 << 1;
            input.extend([15, 0, number, what, 5, round, 3 * 6 * picture, 0, 7, 0, 0, 100]);
        }
    }
    input
}

/// Video that has to wait for the line: its receiver tells of arrivals, and gets a large picture at once.
pub(super) fn crowded() -> Vec<u8> {
    let mut input = vec![0, 1, 3, 0, 3, 1];
    input.extend(VIEW);
    input.extend([0, 0]);
    // A small picture, told of when it has arrived.
    input.extend([13, 0, 0, 5, 1, 0, 7, 0, 0, 60]);
    input.extend([12, 1, 3, 0, 0, 1, 0, 4, 7, 0, 0, 20]);
    // More, of which nothing is told: the line is thought to have become narrow.
    for picture in 2..12 {
        input.extend([13, 0, 0, 5, picture, 0, 7, 0, 1, 0]);
    }
    for picture in 12..16 {
        input.extend([13, 0, 0, 63, picture, 0]);
        for _ in 0..4 {
            input.extend([7, 0, 0, 5]);
        }
    }
    // While something waits, its receiver looks at nothing any more, and its sender leaves.
    input.extend([
        13, 0, 0, 63, 17, 0, 6, 1, 0, 0, 7, 0, 0, 5, 13, 0, 0, 63, 18, 0, 4, 0,
    ]);
    input
}
