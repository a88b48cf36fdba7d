//! Wrong: one process is the cashier of all tills.
//!
//! Fails with: this very process has counted a till

use std::path::PathBuf;

use multiproc::Result;

use super::given::{Report, Till, book, count, report};

pub fn close_shop(tills: Vec<Till>, ledger: PathBuf) -> Result<Vec<Report>> {
    let all: Vec<_> = tills.iter().map(count).collect();
    for takings in &all {
        book(*takings, &ledger);
    }
    Ok(all.into_iter().map(|takings| report(takings, &ledger)).collect())
}
