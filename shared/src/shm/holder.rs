//! Processes that hold a handle of something in shared memory, as words there, so that it shows
//! when one was killed.

use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::sys::pid::{Owner, own_pid};
use crate::sys::shm::Mapping;

/// A process as one word: its id, and above that when it started, in ticks. 0 is nobody.
fn word(pid: u32, start: u64) -> u64 {
    u64::from(pid) | start << 32
}

/// The state of a process, and when it started (`proc_pid_stat(5)`). `None` if there is none, or
/// nobody says.
fn look(pid: u32) -> Option<(char, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(") ")?;
    // The state is field 3, the start is field 22.
    let mut fields = after.split(' ');
    Some((fields.next()?.chars().next()?, fields.nth(18)?.parse().ok()?))
}

/// This process as a word; 0 if it cannot be told.
pub(crate) fn own_word() -> u64 {
    look(own_pid()).map_or(0, |(_, start)| word(own_pid(), start))
}

/// Whether the process behind a word has ended.
pub(crate) fn has_ended(holder: u64) -> bool {
    let pid = holder as u32;
    match look(pid) {
        Some((state, start)) => matches!(state, 'Z' | 'X') || word(pid, start) != holder,
        // Without /proc nobody has ended.
        None => look(own_pid()).is_some(),
    }
}

/// A word of shared memory that says that this process holds a handle, until this is dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    mapping: Arc<Mapping>,
    /// Where the word lies.
    at: usize,
    own: u64,
    /// A copy of this process holds nothing.
    owner: Owner,
}

/// What this process holds.
static ALL: Mutex<Vec<Weak<Holding>>> = Mutex::new(Vec::new());

impl Holding {
    /// Takes the first free one of some words. `None` if all are taken, or this process cannot be
    /// told from others.
    pub(crate) fn take(mapping: &Arc<Mapping>, mut words: impl Iterator<Item = usize>) -> Option<Arc<Self>> {
        let own = own_word();
        let take = |at: &usize| mapping.words::<AtomicU64>(*at).compare_exchange(0, own, AcqRel, Relaxed).is_ok();
        let at = words.find(|at| own != 0 && take(at))?;
        let holding = Arc::new(Self { mapping: mapping.clone(), at, own, owner: Owner::here() });
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&holding));
        Some(holding)
    }

    /// This process, as the word says it.
    pub(crate) fn word(&self) -> u64 {
        self.own
    }

    fn leave(&self) {
        // Unless others have found this process dead.
        if self.owner.is_here() {
            let _ = self.mapping.words::<AtomicU64>(self.at).compare_exchange(self.own, 0, AcqRel, Relaxed);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Lets go of all handles: this process ends in good order, and those that it keeps in statics are
/// not dropped.
pub(crate) fn leave_all() {
    let all = std::mem::take(&mut *ALL.lock().unwrap_or_else(PoisonError::into_inner));
    all.iter().filter_map(Weak::upgrade).for_each(|holding| holding.leave());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_another_of_its_number_does_not() {
        assert_ne!(own_word(), 0);
        assert!(!has_ended(own_word()));
        assert!(has_ended(own_word() + (1 << 32)));
    }
}
