//! Whether something grows: a straight line through measurements, and how sure its slope is.

use std::fmt;

/// Student's t for 95% with twenty measurements or so.
const T_95: f64 = 2.1;

/// The slope of the line of least squares, in units of y for each of x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// How much it rises.
    pub slope: f64,
    /// With 95% confidence it rises by no more than so much more or less, if the measurements scatter by chance.
    pub margin: f64,
}

impl Trend {
    /// Through points of x and y; there have to be three or more with different x.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        let count = points.len() as f64;
        let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
        let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let together: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        if spread <= 0.0 {
            return None;
        }
        let slope = together / spread;
        let off = |(x, y): &(f64, f64)| (y - mean_y - slope * (x - mean_x)).powi(2);
        let error = (points.iter().map(off).sum::<f64>() / (count - 2.0) / spread).sqrt();
        Some(Self {
            slope,
            margin: T_95 * error,
        })
    }

    /// Whether the measurements do not show that it rises.
    pub fn may_be_level(&self) -> bool {
        self.slope <= self.margin
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.may_be_level() {
            "no rise shown"
        } else {
            "RISES"
        };
        write!(f, "{:+.2} ± {:.2} ({verdict})", self.slope, self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_is_told_from_what_only_scatters() {
        let points = |slope: f64| {
            (0..20u32)
                .map(|n| (f64::from(n), slope * f64::from(n) + f64::from(n * 7 % 5)))
                .collect::<Vec<_>>()
        };
        let (level, rising) = (Trend::of(&points(0.0)).unwrap(), Trend::of(&points(0.5)).unwrap());
        assert!(level.may_be_level(), "{level}");
        assert!(!rising.may_be_level(), "{rising}");
        assert!((rising.slope - level.slope - 0.5).abs() < 1e-9);
    }

    #[test]
    fn two_points_show_no_trend() {
        assert_eq!(Trend::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(Trend::of(&[(1.0, 1.0); 5]), None);
    }
}
