//! How parts of errors travel to another process.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The system's errors.
pub(super) mod io_error {
    use super::*;

    /// An error as it travels: its number, or what is known of it instead.
    #[derive(Serialize, Deserialize)]
    enum Travelling {
        Number(i32),
        Text(String),
    }

    pub(in crate::error) fn serialize<S: Serializer>(error: &Arc<io::Error>, serializer: S) -> Result<S::Ok, S::Error> {
        let number = error.raw_os_error().map(Travelling::Number);
        number.unwrap_or_else(|| Travelling::Text(error.to_string())).serialize(serializer)
    }

    pub(in crate::error) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<io::Error>, D::Error> {
        Ok(Arc::new(match Travelling::deserialize(deserializer)? {
            Travelling::Number(number) => io::Error::from_raw_os_error(number),
            Travelling::Text(text) => io::Error::other(text),
        }))
    }
}

/// Errors that may be nested in each other: far more than a program nests.
const MAX_NESTED: u32 = 128;

thread_local! {
    /// The errors that are being read within each other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

struct Level;

impl Level {
    fn enter() -> Option<Self> {
        let depth = DEPTH.get();
        (depth < MAX_NESTED).then(|| {
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

/// Deserializes errors within errors, and refuses too many of them: cloning, printing and dropping
/// them is recursive.
pub(super) fn nested<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let _level = Level::enter().ok_or_else(|| de::Error::custom("errors are nested too deeply in each other"))?;
    T::deserialize(deserializer)
}
