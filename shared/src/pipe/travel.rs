//! An end on its way to another process.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::handle::{self, Descriptor, Travel};
use crate::pipe::end::End;

/// An end goes to another process as its two descriptors.
impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (memory, socket, first) = self.leave().map_err(ser::Error::custom)?;
        (HandleOf(memory), HandleOf(socket), first).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Received(memory), Received(socket), first) = Deserialize::deserialize(deserializer)?;
        Self::arrived(memory, socket, first).map_err(de::Error::custom)
    }
}

struct HandleOf<'a>(&'a Arc<Descriptor>);

impl Serialize for HandleOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        handle::serialize(self.0, Travel::Moved, serializer)
    }
}

struct Received(Arc<Descriptor>);

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        handle::deserialize(deserializer).map(Self)
    }
}
