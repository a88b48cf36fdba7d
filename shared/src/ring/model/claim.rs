//! Records that are taken back while a worker may begin them.

use loom::thread;

use crate::atomics::model::{Weakness, weaken_this_thread};
use crate::ring::model::segment;
use crate::ring::{Consumer, Producer};

/// Two records that the parent takes back while the worker begins them.
fn records_taken_back(parent: Option<Weakness>) {
    loom::model(move || {
        let segment = segment();
        let shared = segment.clone();
        let worker = thread::spawn(move || (0..2).filter(|number| shared.header().claim.0.begin(0, *number)).count());
        parent.into_iter().for_each(weaken_this_thread);
        let begun = segment.header().claim.0.revoke();
        let ran = worker.join().unwrap();
        assert_eq!(ran, begun as usize);
    });
}

#[test]
fn a_record_is_begun_or_taken_back() {
    records_taken_back(None);
}

#[test]
#[should_panic]
fn it_takes_one_step_to_take_records_back() {
    records_taken_back(Some(Weakness::Swaps));
}

#[test]
fn a_record_that_was_taken_back_and_sent_again_runs_once() {
    loom::model(|| {
        let segment = segment();
        let shared = segment.clone();
        let worker = thread::spawn(move || {
            let mut tasks = Consumer::tasks(shared.clone());
            let (mut epochs, mut ran) = (Vec::new(), 0);
            // An epoch each; one beyond all ends it.
            while !epochs.contains(&9) {
                shared.header().worker_waits(|| tasks.available().unwrap() > 0);
                epochs.clear();
                tasks.read(&mut epochs, usize::MAX).unwrap();
                ran += epochs.iter().filter(|epoch| shared.header().claim.0.begin((**epoch).into(), 0)).count();
            }
            ran
        });
        let mut tasks = Producer::tasks(segment.clone());
        let mut send = |bytes: &[u8]| {
            tasks.write(bytes).unwrap();
            tasks.publish();
            segment.header().wake_worker();
        };
        send(&[0]);
        match segment.header().claim.0.revoke() {
            0 => send(&[1, 9]),
            _ => send(&[9]),
        }
        assert_eq!(worker.join().unwrap(), 1);
    });
}
