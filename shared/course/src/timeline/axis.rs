//! The time axis: maps moments to places, and chooses the marks.

/// The largest number of marks whose labels do not touch.
const MAX_MARKS: f64 = 8.0;

/// Maps nanoseconds, from `zero` on, to a track of `track` units of the picture.
pub(crate) struct Axis {
    zero: u64,
    span: f64,
    track: f64,
}

impl Axis {
    pub(crate) fn new(zero: u64, end: u64, track: f64) -> Self {
        Self { zero, span: end.saturating_sub(zero).max(1) as f64, track }
    }

    /// Returns the place of a moment on the track, rounded to a hundredth.
    pub(crate) fn place(&self, time: u64) -> f64 {
        self.along(time.saturating_sub(self.zero) as f64)
    }

    fn along(&self, time: f64) -> f64 {
        (time / self.span * self.track * 100.0).round() / 100.0
    }

    /// Returns the places of the marks, and their labels.
    pub(crate) fn marks(&self) -> Vec<(f64, String)> {
        let step = round_up(self.span / MAX_MARKS);
        let (unit, name) = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")]
            .into_iter()
            .find(|(unit, _)| step >= *unit * 0.1)
            .unwrap_or((1.0, "ns"));
        let digits = usize::from(step < unit);
        (0..)
            .map(|mark| f64::from(mark) * step)
            .take_while(|time| *time <= self.span)
            .map(|time| (self.along(time), format!("{:.digits$} {name}", time / unit)))
            .collect()
    }

    /// Returns the time from the start of the axis to a moment, as text.
    pub(crate) fn after(&self, time: u64) -> String {
        duration(time.saturating_sub(self.zero))
    }
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn round_up(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    // The number is below ten times its own power of ten.
    [1.0, 2.0, 5.0].map(|factor| factor * power).into_iter().find(|round| *round >= number).unwrap_or(10.0 * power)
}

/// Returns a time as text, with three significant digits.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let time = nanoseconds as f64;
    let (unit, name) =
        [(1e9, "s"), (1e6, "ms"), (1e3, "µs")].into_iter().find(|(unit, _)| time >= *unit).unwrap_or((1.0, "ns"));
    let value = time / unit;
    let digits = if value >= 100.0 || unit == 1.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(end: u64) -> Vec<String> {
        Axis::new(100, 100 + end, 500.0).marks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(
            labels(400_000_000),
            ["0 ms", "50 ms", "100 ms", "150 ms", "200 ms", "250 ms", "300 ms", "350 ms", "400 ms"]
        );
        assert_eq!(labels(1_700_000_000), ["0.0 s", "0.5 s", "1.0 s", "1.5 s"]);
        assert_eq!(labels(7_000), ["0 µs", "1 µs", "2 µs", "3 µs", "4 µs", "5 µs", "6 µs", "7 µs"]);
        for end in [0, 1, 3, 99, 12_345, 8_765_432_100, u64::MAX / 2] {
            let count = labels(end).len();
            assert!((1..=10).contains(&count), "{count} marks for {end}");
        }
    }

    #[test]
    fn moments_keep_their_distances() {
        let axis = Axis::new(1_000, 2_000, 500.0);
        assert_eq!([0, 1_000, 1_500, 2_000].map(|time| axis.place(time)), [0.0, 0.0, 250.0, 500.0]);
    }

    #[test]
    fn times_have_three_digits() {
        let times = [5, 1_234, 12_345_678, 123_456_789, 61_000_000_000];
        assert_eq!(times.map(duration), ["5 ns", "1.23 µs", "12.3 ms", "123 ms", "61.0 s"]);
    }
}
