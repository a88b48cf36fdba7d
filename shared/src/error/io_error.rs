//! How the system's errors travel to another process.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An error as it travels: its number, or what is known of it instead.
#[derive(Serialize, Deserialize)]
enum Travelling {
    Number(i32),
    Text(String),
}

pub(super) fn serialize<S: Serializer>(error: &Arc<io::Error>, serializer: S) -> Result<S::Ok, S::Error> {
    let number = error.raw_os_error().map(Travelling::Number);
    number.unwrap_or_else(|| Travelling::Text(error.to_string())).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<io::Error>, D::Error> {
    Ok(Arc::new(match Travelling::deserialize(deserializer)? {
        Travelling::Number(number) => io::Error::from_raw_os_error(number),
        Travelling::Text(text) => io::Error::other(text),
    }))
}
