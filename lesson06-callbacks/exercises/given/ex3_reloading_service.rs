//! Exercise 3, what is given: the service's answers and settings.

use std::fs;
use std::path::Path;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The answer to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The job, a number.
    pub job: u64,
    /// The number times the factor that the settings had.
    pub product: u64,
    /// The pid of the process that computed it.
    pub pid: u32,
}

/// Reads the settings of the service: one factor.
pub fn read_factor(settings: &Path) -> u64 {
    // The tests see by this which process runs it, and when.
    let _call = witness(settings);
    let text = fs::read_to_string(settings).expect("the settings are there");
    text.trim().parse().expect("the settings are a number")
}
