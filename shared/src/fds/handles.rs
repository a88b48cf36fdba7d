//! The handles of a message.

use std::sync::Arc;

use crate::fds::Descriptor;
use crate::kind::ObjectKind;

/// Handles that a message may have: the kernel takes 253 descriptors at a time (`SCM_MAX_FD` in
/// `include/net/scm.h`).
pub(super) const MAX_HANDLES: usize = 250;

/// What becomes of a handle when it is sent to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// Several processes may have it: the message keeps a copy, in case it has to be sent once
    /// more.
    Shared,
    /// It has one owner at a time, and is dropped here once it was sent.
    Moved,
}

/// A handle that is sent.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) kind: ObjectKind,
    pub(super) travel: Travel,
}

/// The handles of a message, in the order of their indices. Small where there are none: every task
/// has one of these.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles(Option<Box<Slots>>);

/// Handles, and gaps in the place of those that were moved out.
#[derive(Debug, Clone, Default)]
struct Slots(Vec<Option<Handle>>);

impl Handles {
    pub(super) const NONE: Self = Self(None);

    /// Collects those that arrived with a message; one of an unknown kind is a gap.
    pub(super) fn received(descriptors: impl IntoIterator<Item = (Descriptor, Option<ObjectKind>, Travel)>) -> Self {
        let handle = |(descriptor, kind, travel): (_, Option<ObjectKind>, _)| {
            kind.map(|kind| Handle { descriptor: Arc::new(descriptor), kind, travel })
        };
        Self::of(descriptors.into_iter().map(handle).collect())
    }

    fn of(slots: Vec<Option<Handle>>) -> Self {
        Self((!slots.is_empty()).then(|| Box::new(Slots(slots))))
    }

    fn slots(&self) -> &[Option<Handle>] {
        self.0.as_ref().map_or(&[], |slots| &slots.0)
    }

    fn slots_mut(&mut self) -> &mut [Option<Handle>] {
        self.0.as_mut().map_or(&mut [], |slots| &mut slots.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots().len()
    }

    /// Returns whether one of them has one owner at a time.
    pub(crate) fn any_moved(&self) -> bool {
        self.any_moved_from(0)
    }

    pub(super) fn any_moved_from(&self, first: usize) -> bool {
        self.slots().iter().skip(first).flatten().any(|handle| handle.travel == Travel::Moved)
    }

    /// Clones the first `count` of them.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self::of(self.slots().iter().take(count).cloned().collect())
    }

    /// Has the files among them go to each process that the message is sent to, instead of to one.
    pub(crate) fn for_many(mut self) -> Self {
        let files = self.slots_mut().iter_mut().flatten().filter(|handle| handle.kind == ObjectKind::File);
        files.for_each(|file| file.travel = Travel::Shared);
        self
    }

    /// Returns whether one of them was moved out, so that the message cannot be sent once more.
    pub(crate) fn is_spent(&self) -> bool {
        self.slots().iter().any(Option::is_none)
    }

    /// Returns all handles; `None` if one of them was moved out.
    pub(super) fn all(&self) -> Option<Vec<&Handle>> {
        self.slots().iter().map(Option::as_ref).collect()
    }

    /// Adds one behind all others, which no value refers to. Returns whether there was room.
    pub(crate) fn push(&mut self, descriptor: Descriptor, kind: ObjectKind) -> bool {
        let has_room = self.len() < MAX_HANDLES;
        if has_room {
            let handle = Handle { descriptor: Arc::new(descriptor), kind, travel: Travel::Shared };
            self.0.get_or_insert_default().0.push(Some(handle));
        }
        has_room
    }

    /// Takes the one that was [pushed](Handles::push), if it is of this kind.
    pub(crate) fn pop(&mut self, kind: ObjectKind) -> Option<Arc<Descriptor>> {
        let last = self.0.as_mut()?.0.pop()??;
        (last.kind == kind).then_some(last.descriptor)
    }

    /// Drops those that have one owner, after they were sent.
    pub(super) fn sent(&mut self) {
        for handle in self.slots_mut() {
            handle.take_if(|handle| handle.travel == Travel::Moved);
        }
    }

    /// Adds one that a value refers to; returns its index.
    pub(super) fn add(
        &mut self,
        descriptor: &Arc<Descriptor>,
        kind: ObjectKind,
        travel: Travel,
    ) -> Result<u32, String> {
        let is_same = |it: &Handle| Arc::ptr_eq(&it.descriptor, descriptor) && it.kind == kind;
        let same = |handle: &Option<Handle>| handle.as_ref().is_some_and(is_same);
        if let Some(index) = self.slots().iter().position(same) {
            return Ok(index as u32);
        }
        let slots = &mut self.0.get_or_insert_default().0;
        if slots.len() == MAX_HANDLES {
            return Err(format!("more than {MAX_HANDLES} handles in one message (or chunk of tasks)"));
        }
        slots.push(Some(Handle { descriptor: descriptor.clone(), kind, travel }));
        Ok(slots.len() as u32 - 1)
    }

    /// Takes the one at `index`, if it is of this kind.
    pub(super) fn take(&mut self, index: usize, kind: ObjectKind) -> Result<Arc<Descriptor>, String> {
        let slot = self
            .slots_mut()
            .get_mut(index)
            .ok_or("the message came without its handles; its receiver may have no descriptors left")?;
        let gone = || "this handle has one owner at a time, and was taken already".to_string();
        let handle = slot.as_ref().ok_or_else(gone)?;
        if handle.kind != kind {
            return Err(format!("{} came in the place of {}", handle.kind.name(), kind.name()));
        }
        match handle.travel {
            // Each file that arrives has one owner, however many processes have received it.
            Travel::Shared if kind != ObjectKind::File => slot.as_ref().map(|handle| handle.descriptor.clone()),
            Travel::Shared | Travel::Moved => slot.take().map(|handle| handle.descriptor),
        }
        .ok_or_else(gone)
    }
}
