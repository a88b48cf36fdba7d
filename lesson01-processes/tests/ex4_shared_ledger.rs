//! The tests of exercise 4: a shared ledger.

use std::fs;
use std::process;

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};
use tempfile::TempDir;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex4_shared_ledger.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex4_shared_ledger.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex4_shared_ledger.rs"]
pub mod given;

use exercise::close_shop;
use given::{Report, Takings, Till};

/// What happened in a shop.
struct Evening {
    /// What is in each till.
    takings: Vec<Takings>,
    /// What the ledger said before.
    opening: u64,
    /// What it says now.
    closing: u64,
    seen: Attempt<Vec<Report>>,
}

/// Closes a shop of so many tills. The first calls wait until each till has a process with one.
fn evening(tills: usize) -> Evening {
    let opening = varied(1, 1..1_000_000)[0];
    let tills: Vec<_> = (0..tills).map(|number| Till { number, coins: varied(20, 1..10_000) }).collect();
    let takings = tills.iter().map(|till| Takings { till: till.number, sum: till.coins.iter().sum() }).collect();
    let folder = TempDir::new().unwrap();
    let ledger = folder.path().join("ledger");
    fs::write(&ledger, opening.to_string()).unwrap();
    let path = ledger.clone();
    let seen = attempt_to_meet(tills.len(), move || close_shop(tills, path).expect("`close_shop` returned an error"));
    let text = fs::read_to_string(ledger).expect("the ledger is gone: expected it where it was");
    let closing = text.parse().unwrap_or_else(|_| panic!("the ledger says {text:?}: expected a number"));
    Evening { takings, opening, closing, seen }
}

impl Evening {
    /// Returns what the ledger is to say.
    fn expected(&self) -> u64 {
        self.opening + self.takings.iter().map(|takings| takings.sum).sum::<u64>()
    }
}

#[test]
fn all_takings_are_in_the_ledger() {
    isolated(|| {
        let evening = evening(5);
        let booked = evening.closing.saturating_sub(evening.opening);
        assert_eq!(
            evening.closing,
            evening.expected(),
            "the balance in the ledger, and what was expected: {booked} were booked by all tills together. Hint: to \
             book is to read, to add and to write, and no other process may come in between; a `Lock<()>` sees to that"
        );
    });
}

#[test]
fn every_report_has_the_balance_of_all() {
    isolated(|| {
        let evening = evening(4);
        let found: Vec<_> = evening.seen.value.iter().map(|report| report.takings).collect();
        assert_eq!(
            found, evening.takings,
            "the takings that were reported, and those that were expected, in the order of the tills"
        );
        let early: Vec<_> = evening
            .seen
            .value
            .iter()
            .filter(|report| report.balance != evening.closing)
            .map(|report| report.balance)
            .collect();
        assert!(
            early.is_empty(),
            "{} of 4 reports were written before all had booked, with the balances {early:?}: expected {} in all. \
             Hint: a `Barrier` lets nobody go on before all have come",
            early.len(),
            evening.closing
        );
    });
}

#[test]
fn each_till_has_a_process_and_all_of_them_count_at_the_same_time() {
    isolated(|| {
        for count in varied(2, 2..6).into_iter().map(|n| n as usize) {
            let seen = evening(count).seen;
            let callers = seen.callers();
            assert!(
                !callers.contains(&process::id()),
                "this very process has counted a till: expected a cashier for each. Hint: give each till to a `Process`"
            );
            assert_eq!(
                seen.max_at_a_time, count,
                "at most {} of {count} cashiers worked at the same time: expected all. Hint: the lock is for the \
                 ledger; to count needs no lock",
                seen.max_at_a_time
            );
            seen.assert_each_once(["count", "book"].iter().flat_map(|step| (0..count).map(move |n| (step, n))));
            for (number, report) in seen.value.iter().enumerate() {
                let steps = ["count", "book"].map(|step| seen.caller_of((step, number)));
                assert_eq!(
                    steps,
                    [Some(report.pid); 2],
                    "the processes that have counted and booked till {number}, and the one that has reported it: \
                     expected one for all three"
                );
            }
            assert_eq!(
                callers.len(),
                count,
                "{} processes were the cashiers of {count} tills: expected one for each",
                callers.len()
            );
        }
    });
}

#[test]
fn a_shop_without_tills_has_nothing_to_report() {
    isolated(|| {
        let evening = evening(0);
        assert_eq!(evening.seen.value, [], "the reports of no tills: expected none, and nothing to wait for");
    });
}
