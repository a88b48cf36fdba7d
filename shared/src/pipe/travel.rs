//! An end on its way to another process.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
use crate::pipe::end::End;

/// An end goes to another process as its two descriptors.
impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Before it leaves: what nothing carries stays of use here.
        fds::require_packing().map_err(ser::Error::custom)?;
        let (memory, socket, first) = self.leave().map_err(ser::Error::custom)?;
        (HandleOf::<MEMORY>(memory), HandleOf::<SOCKET>(socket), first).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Received::<MEMORY>(memory), Received::<SOCKET>(socket), first) = Deserialize::deserialize(deserializer)?;
        let arrived = Self::arrived(memory, socket, first);
        arrived.map_err(de::Error::custom)
    }
}

/// Which of an end's descriptors.
const MEMORY: bool = true;
const SOCKET: bool = false;

fn kind(which: bool) -> ObjectKind {
    if which == MEMORY { ObjectKind::Pipe } else { ObjectKind::PipeSocket }
}

struct HandleOf<'a, const WHICH: bool>(&'a Arc<Descriptor>);

impl<const WHICH: bool> Serialize for HandleOf<'_, WHICH> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(self.0, kind(WHICH), Travel::Moved, serializer)
    }
}

struct Received<const WHICH: bool>(Arc<Descriptor>);

impl<'de, const WHICH: bool> Deserialize<'de> for Received<WHICH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fds::deserialize(kind(WHICH), deserializer).map(Self)
    }
}
