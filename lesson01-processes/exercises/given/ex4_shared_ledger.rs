//! Exercise 4, what is given: tills, and a ledger, which is a file.

use std::fs;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// A till at the end of the day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Till {
    /// Its number.
    pub number: usize,
    /// The coins in it.
    pub coins: Vec<u64>,
}

/// What was in a till.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Takings {
    /// The number of the till.
    pub till: usize,
    /// The sum of its coins.
    pub sum: u64,
}

/// The report about a till.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was in it.
    pub takings: Takings,
    /// What the ledger said when the report was written.
    pub balance: u64,
    /// The pid of the process.
    pub pid: u32,
}

/// Counts the coins of a till.
pub fn count(till: &Till) -> Takings {
    // The tests see by this which process runs it, and when.
    let _call = witness(("count", till.number));
    Takings { till: till.number, sum: till.coins.iter().sum() }
}

/// Adds the takings to the balance in the ledger: reads it, adds, writes it.
pub fn book(takings: Takings, ledger: &Path) {
    let _call = witness(("book", takings.till));
    let balance = read(ledger) + takings.sum;
    // Whoever reads the ledger now reads the old balance.
    thread::sleep(Duration::from_millis(20));
    let new = ledger.with_extension(process::id().to_string());
    fs::write(&new, balance.to_string()).expect("the folder is there");
    fs::rename(&new, ledger).expect("the folder is there");
}

/// Reads the balance in the ledger, and writes the report.
pub fn report(takings: Takings, ledger: &Path) -> Report {
    Report { takings, balance: read(ledger), pid: process::id() }
}

fn read(ledger: &Path) -> u64 {
    let text = fs::read_to_string(ledger).expect("the ledger is there");
    text.parse().expect("the ledger has a number")
}
