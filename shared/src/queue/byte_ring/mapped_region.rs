//! The regions that a ring grows into: where they lie, and the one that a process has mapped.

use std::os::fd::AsFd;

use crate::error::Result;
use crate::queue::store::{MIN_AREA, START, garbled};
use crate::sys::shm::{self, Bytes};

/// The largest region there can be: beyond any memory. Each region is twice as large as the one
/// before, and lies behind it.
pub(super) const MAX_REGION: u64 = 28;

pub(super) fn size(region: u64) -> usize {
    MIN_AREA << region
}

fn offset(region: u64) -> usize {
    START + MIN_AREA * ((1 << region) - 1)
}

/// Finds the first region behind `region` that holds `bytes` bytes.
pub(super) fn find_larger(region: u64, bytes: usize) -> Option<u64> {
    (region + 1..=MAX_REGION).find(|region| size(*region) >= bytes)
}

/// Returns the memory of a region to the system.
pub(super) fn release(fd: impl AsFd, region: u64) {
    shm::release(fd, offset(region), size(region));
}

/// The region that one end of the ring worked in last.
#[derive(Debug, Default)]
pub(super) struct MappedRegion {
    region: u64,
    mapping: Option<Bytes>,
}

impl MappedRegion {
    /// Creates the memory of a region and maps it.
    pub(super) fn create(fd: impl AsFd, region: u64) -> Result<Self> {
        shm::grow(&fd, offset(region) + size(region))?;
        let mapping = Some(Bytes::open_range(fd, offset(region), size(region))?);
        Ok(Self { region, mapping })
    }

    /// Returns a region, which is mapped first if it is another one than last time.
    pub(super) fn get(&mut self, fd: impl AsFd, region: u64) -> Result<&Bytes> {
        if self.region != region {
            self.mapping = None;
        }
        if self.mapping.is_none() {
            self.mapping = Some(Bytes::open_range(fd, offset(region), size(region))?);
            self.region = region;
        }
        self.mapping.as_ref().ok_or_else(garbled)
    }
}
