//! Exercise 1, what is given: reports, and a step that may fail.

/// The report of a step that has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// The step went well: its place in the list, and its value.
    Done(usize, f64),
    /// The step failed: its place in the list, and why.
    Failed(usize, String),
}

/// Doubles a value.
///
/// # Panics
///
/// Panics if the value is above 0.7.
pub fn step(value: f64) -> f64 {
    assert!(value <= 0.7, "{value} is above 0.7");
    value * 2.0
}
