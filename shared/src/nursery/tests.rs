//! What a nursery does with requests that a pool never makes.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::kind::ObjectKind;
use crate::nursery::{Family, Report, StartMethod};
use crate::ring::Segment;
use crate::sys::bell::Bell;
use crate::sys::socket::Socket;

/// The next report, which must come within a minute.
fn next(family: &Family) -> Report {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(report) = family.report().unwrap() {
            return report;
        }
        assert!(Instant::now() < until, "nothing is reported");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn number_of_a_living_worker_is_refused() {
    let family = Family::new(StartMethod::ForkServer, None).unwrap();
    let (segments, bell) =
        ([(), (), ()].map(|()| Segment::create(4096, ObjectKind::Worker).unwrap()), Bell::new().unwrap());
    let sockets = [(), (), ()].map(|()| Socket::pair().unwrap());
    for (worker, ((_, fd), (_, theirs))) in [7, 7, 8].into_iter().zip(segments.iter().zip(&sockets)) {
        family.start(worker, false, &[fd.as_fd(), bell.as_fd(), theirs.as_fd()]).unwrap();
    }
    // The second is passed over, and the first lives on.
    let Report::Started { worker: 7, pid } = next(&family) else { panic!("the first is started") };
    assert!(matches!(next(&family), Report::Started { worker: 8, .. }));
    family.kill(7).unwrap();
    assert!(matches!(next(&family), Report::Exited { worker: 7, .. }));
    family.start(7, false, &[segments[1].1.as_fd(), bell.as_fd(), sockets[1].1.as_fd()]).unwrap();
    let Report::Started { worker: 7, pid: other } = next(&family) else { panic!("the number is free again") };
    assert_ne!(pid, other);
}
