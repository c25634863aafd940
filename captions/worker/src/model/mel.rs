//! The mel filterbank that whisper models were trained with, computed rather than carried along.
//!
//! Triangular filters on Slaney's scale (linear below 1 kHz, logarithmic above), each scaled to the same area,
//! over the 201 bins of a 400-point transform at 16 kHz. The test compares it bit for bit with the published one, in
//! which the first weight is a negative zero and here a positive one.

/// Bins of a 400-point real transform.
pub(super) const BINS: usize = 201;

const SAMPLE_RATE_HZ: f64 = 16_000.0;
const LINEAR_HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOGARITHMIC_FROM_HZ: f64 = 1_000.0;
const LOGARITHMIC_FROM_MEL: f64 = LOGARITHMIC_FROM_HZ / LINEAR_HZ_PER_MEL;

/// Natural logarithm of the growth in frequency per mel above 1 kHz: a factor of 6.4 in 27 steps.
fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

fn mel_of(hz: f64) -> f64 {
    if hz < LOGARITHMIC_FROM_HZ {
        hz / LINEAR_HZ_PER_MEL
    } else {
        LOGARITHMIC_FROM_MEL + (hz / LOGARITHMIC_FROM_HZ).ln() / log_step()
    }
}

fn hz_of(mel: f64) -> f64 {
    if mel < LOGARITHMIC_FROM_MEL {
        mel * LINEAR_HZ_PER_MEL
    } else {
        LOGARITHMIC_FROM_HZ * (log_step() * (mel - LOGARITHMIC_FROM_MEL)).exp()
    }
}

/// `bands` rows of [`BINS`] weights, row after row.
pub(super) fn filters(bands: usize) -> Vec<f32> {
    let nyquist_hz = SAMPLE_RATE_HZ / 2.0;
    // Edge i, i + 1 and i + 2 are the foot, the peak and the other foot of band i.
    let mel_step = mel_of(nyquist_hz) / (bands + 1) as f64;
    let mut edges_hz: Vec<f64> = (0..=bands).map(|edge| hz_of(edge as f64 * mel_step)).collect();
    edges_hz.push(nyquist_hz);
    let bin_hz = nyquist_hz / (BINS - 1) as f64;

    let mut weights = Vec::with_capacity(bands * BINS);
    for edges in edges_hz.windows(3) {
        let (foot, peak, far_foot) = (edges[0], edges[1], edges[2]);
        let same_area = 2.0 / (far_foot - foot);
        for bin in 0..BINS {
            let hz = bin as f64 * bin_hz;
            let rising = (hz - foot) / (peak - foot);
            let falling = (far_foot - hz) / (far_foot - peak);
            let height = rising.min(falling).max(0.0);
            // The published filters were rounded to single precision before they were scaled, too.
            weights.push((f64::from(height as f32) * same_area) as f32);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sha256_hex;

    fn digest(bands: usize) -> String {
        let bytes: Vec<u8> = filters(bands)
            .iter()
            .flat_map(|weight| weight.to_le_bytes())
            .collect();
        sha256_hex(&bytes)
    }

    #[test]
    fn filters_are_those_whisper_was_trained_with() {
        assert_eq!(
            digest(80),
            "85818f156f7e189453901a515e4726d270d307f976e161cf9403e8caab405498"
        );
        assert_eq!(
            digest(128),
            "e399c2d72d2f7375e503c296d8453cefcc0c1e47a9c1a0a09e0d70f59c820f20"
        );
    }

    #[test]
    fn every_band_hears_something() {
        for band in filters(80).chunks(BINS) {
            assert!(band.iter().any(|&weight| weight > 0.0));
            assert!(band.iter().all(|&weight| weight >= 0.0));
        }
    }
}
