//! IEEE 754 half-precision numbers, as model files hold them: conversion from and to single precision.

/// The value of a half-precision bit pattern. Exact: every half is a single.
pub(super) fn to_single(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x3ff);
    match (exponent, fraction) {
        (0, _) => {
            // Zero or subnormal: fraction × 2⁻²⁴, which a single holds as a normal number.
            let magnitude = fraction as f32 * f32::from_bits((127 - 24) << 23);
            f32::from_bits(sign | magnitude.to_bits())
        }
        (0x1f, _) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 127 - 15) << 23) | (fraction << 13)),
    }
}

/// The nearest half-precision number, ties to even; too large becomes infinite.
pub(super) fn from_single(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        // Not a number: keep the top of its payload, and never let it become infinity.
        return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff) as u16;
    }
    let exponent = (magnitude >> 23) as i32 - 127 + 15;
    if exponent >= 0x1f {
        return sign | 0x7c00;
    }
    // The bits to drop: 13 of a normal result, one more for each step into the subnormals.
    let (significand, dropped) = if exponent > 0 {
        (((exponent as u32) << 23) | (magnitude & 0x7f_ffff), 13)
    } else {
        ((magnitude & 0x7f_ffff) | 0x80_0000, 14 - exponent)
    };
    if dropped > 24 {
        return sign;
    }
    let kept = significand >> dropped;
    let rest = significand & ((1 << dropped) - 1);
    let tie = 1 << (dropped - 1);
    let up = rest > tie || (rest == tie && kept & 1 == 1);
    // A carry out of the fraction raises the exponent, up to infinity: what rounding should do.
    sign | (kept + u32::from(up)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_way_there_and_back() {
        for half in 0..=u16::MAX {
            let single = to_single(half);
            if single.is_nan() {
                assert!(to_single(from_single(single)).is_nan(), "{half:#06x}");
            } else {
                assert_eq!(from_single(single), half, "{half:#06x}");
            }
        }
    }

    #[test]
    fn known_values_convert() {
        assert_eq!(to_single(0x3c00), 1.0);
        assert_eq!(to_single(0xc000), -2.0);
        assert_eq!(to_single(0x7bff), 65504.0);
        assert_eq!(to_single(0x0001), 2f32.powi(-24));
        assert_eq!(to_single(0x7c00), f32::INFINITY);
        assert_eq!(to_single(0x8000).to_bits(), (-0.0f32).to_bits());
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_ties_to_even() {
        let step = 2f32.powi(-10);
        assert_eq!(from_single(1.0 + step * 0.5), 0x3c00, "tie, even below");
        assert_eq!(from_single(1.0 + step * 1.5), 0x3c02, "tie, even above");
        assert_eq!(from_single(1.0 + step * 0.51), 0x3c01);
        assert_eq!(
            from_single(2f32.powi(-25)),
            0x0000,
            "tie between zero and the least subnormal"
        );
        assert_eq!(from_single(2f32.powi(-25) * 1.01), 0x0001);
        assert_eq!(from_single(65519.0), 0x7bff);
        assert_eq!(from_single(65520.0), 0x7c00);
        assert_eq!(from_single(f32::MIN_POSITIVE), 0x0000);
    }
}
