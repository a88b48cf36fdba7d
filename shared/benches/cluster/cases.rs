//! The rows. The peer does fewer items, which would otherwise take it minutes; the numbers are
//! times an item.

use crate::case::{Case, LIMIT, MILLISECONDS, NS_A_CALL, NS_AN_ITEM, OURS, Unit};

/// The peer as it comes: between two looks for messages it sleeps for up to a millisecond.
const PEER: &str = "mpi4py";
const BACKOFF: &str = "0.001";
/// The peer told not to sleep, which keeps a processor busy for each rank also when there is
/// nothing to do.
const SPINNING: &str = "mpi4py, spinning";

/// All rows, in the order in which they are measured.
pub(crate) fn all() -> Vec<Case> {
    vec![
        row("map_chunk1", NS_AN_ITEM, "map of a no-op, each item a task of its own", (200_000, 10_000), 20.0),
        row("submit_all", NS_AN_ITEM, "a submit for each item, and then the results", (200_000, 10_000), 20.0),
        // Both sides look for messages now and then, so that they leave the processors to the
        // tasks: that is what one waits for.
        row("submit", NS_A_CALL, "one submit after another, each waited for", (5_000, 1_000), 3.0),
        row("echo_64mib", MILLISECONDS, "a task that returns its argument of 64 MiB, waited for", (8, 4), 1.0)
            .side(LIMIT, |run| run.bare("echo_64mib", 8))
            .goal(LIMIT, 0.5),
        Case::new("cancel", NS_A_CALL, "a cancel of each of 100,000 tasks that wait, and of 40,000")
            .side(OURS, |run| run.ours("cancel", 100_000))
            .point("ours, of 40,000", 40_000.0, |run| run.ours("cancel", 40_000))
            .up_to("100,000", 100_000.0),
    ]
}

/// A row with so many items of ours and of the peer, who is to take so many times as long.
fn row(id: &'static str, unit: Unit, what: &'static str, (ours, peers): (u64, u64), goal: f64) -> Case {
    let case = Case::new(id, unit, what).side(OURS, move |run| run.ours(id, ours));
    case.side(PEER, move |run| run.mpi4py(id, peers, BACKOFF))
        .side(SPINNING, move |run| run.mpi4py(id, peers, "0"))
        .goal(PEER, goal)
}
