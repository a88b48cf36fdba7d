//! Every interleaving of two sides that share a segment, by loom:
//! `RUSTFLAGS="--cfg multiproc_loom" cargo test --release -p multiproc --lib model`.
//!
//! The code is the real one; loom provides the atomics, the threads that stand for the two
//! processes, and a model of the futex. A lost wake-up shows as a deadlock.

mod bytes;
mod claim;
mod sleep;

use std::sync::Arc;

use crate::kind::ObjectKind;
use crate::ring::Segment;

fn segment() -> Arc<Segment> {
    Arc::new(Segment::create(16, ObjectKind::Worker).unwrap().0)
}
