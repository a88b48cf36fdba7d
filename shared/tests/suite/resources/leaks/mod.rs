//! What fails leaves nothing behind: memory, descriptors, threads and processes are level over as
//! many failures as it takes to see.

pub(crate) mod descriptors;
pub(crate) mod memory;

/// By how much memory may grow, in KiB. A leak of [`memory::SIZE`] bytes a failure would be over
/// 900 MiB, one of 100 bytes over 9 MiB.
const SLACK: u64 = 6 * 1024;
