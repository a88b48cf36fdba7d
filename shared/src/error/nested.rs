//! Errors within errors on their way to another process: not too many of them. Cloning, printing
//! and dropping them is recursive.

use std::cell::Cell;

use serde::{Deserialize, Deserializer, de};

/// Far more than come about.
const DEEPEST: u32 = 128;

thread_local! {
    /// The errors that are being read within each other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

struct Level;

impl Level {
    fn enter() -> Option<Self> {
        let depth = DEPTH.get();
        (depth < DEEPEST).then(|| {
            DEPTH.set(depth + 1);
            Self
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let _level = Level::enter().ok_or_else(|| de::Error::custom("errors are nested too deeply in each other"))?;
    T::deserialize(deserializer)
}
