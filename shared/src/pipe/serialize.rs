//! How a pipe's end is sent to another process: as its two descriptors.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
use crate::pipe::end::{Descriptors, End};

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Before the end moves: one that is not part of a message stays of use here.
        fds::require_packing().map_err(ser::Error::custom)?;
        let Descriptors { memory, socket, is_first } = self.move_out().map_err(ser::Error::custom)?;
        (Sent::<MEMORY>(memory), Sent::<SOCKET>(socket), is_first).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Received::<MEMORY>(memory), Received::<SOCKET>(socket), is_first) =
            Deserialize::deserialize(deserializer)?;
        Self::open(Descriptors { memory, socket, is_first }).map_err(de::Error::custom)
    }
}

/// Which of an end's descriptors.
const MEMORY: bool = true;
const SOCKET: bool = false;

fn kind(which: bool) -> ObjectKind {
    if which == MEMORY { ObjectKind::Pipe } else { ObjectKind::PipeSocket }
}

struct Sent<const WHICH: bool>(Arc<Descriptor>);

impl<const WHICH: bool> Serialize for Sent<WHICH> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(&self.0, kind(WHICH), Travel::Moved, serializer)
    }
}

struct Received<const WHICH: bool>(Arc<Descriptor>);

impl<'de, const WHICH: bool> Deserialize<'de> for Received<WHICH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fds::deserialize(kind(WHICH), deserializer).map(Self)
    }
}
