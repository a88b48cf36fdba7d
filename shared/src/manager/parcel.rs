//! A descriptor that is given away with a message.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;

/// It is gone from here once it was sent.
#[derive(Debug)]
pub(super) struct Parcel(pub(super) Arc<Descriptor>);

impl Parcel {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(Arc::new(Descriptor::new(fd)))
    }
}

impl Serialize for Parcel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(&self.0, ObjectKind::Parcel, Travel::Moved, serializer)
    }
}

impl<'de> Deserialize<'de> for Parcel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fds::deserialize(ObjectKind::Parcel, deserializer).map(Self)
    }
}
