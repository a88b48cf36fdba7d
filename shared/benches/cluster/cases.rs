//! The rows. The peer does fewer items, which would otherwise take it minutes; the numbers are times an item.

use crate::case::{Case, NS_A_CALL, NS_AN_ITEM, OURS};

const PEER: &str = "mpi4py";

/// All rows, in the order in which they are measured.
pub(crate) fn all() -> Vec<Case> {
    vec![
        row(Case::new("map_chunk1", NS_AN_ITEM, "map of a no-op, each item a task of its own"), 200_000, 10_000),
        row(Case::new("submit_all", NS_AN_ITEM, "a submit for each item, and then the results"), 200_000, 10_000),
        row(Case::new("submit", NS_A_CALL, "a submit after the other, each waited for"), 5_000, 1_000),
    ]
}

fn row(case: Case, ours: u64, peers: u64) -> Case {
    let id = case.id;
    case.side(OURS, move |run| run.ours(id, ours)).side(PEER, move |run| run.mpi4py(id, peers)).goal(PEER, 20.0)
}
