//! What there is to compute with: processors and memory.

mod cpu;
pub(crate) mod memory;

pub(crate) use cpu::can_spin;
pub use cpu::{cpu_count, physical_cpu_count};
