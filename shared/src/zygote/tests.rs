//! Requests that a pool never makes.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::kind::ObjectKind;
use crate::ring::Segment;
use crate::sys::poll::Notifier;
use crate::sys::socket::Socket;
use crate::zygote::{Report, StartMethod, ZygoteClient};

/// Receives the next report, which must come within a minute.
fn next(zygote: &ZygoteClient) -> Report {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(report) = zygote.report().unwrap() {
            return report;
        }
        assert!(Instant::now() < until, "nothing is reported");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn number_of_a_living_worker_is_refused() {
    let zygote = ZygoteClient::new(StartMethod::ForkServer, None).unwrap();
    let (segments, notifier) =
        ([(), (), ()].map(|()| Segment::create(4096, ObjectKind::Worker).unwrap()), Notifier::new().unwrap());
    let sockets = [(), (), ()].map(|()| Socket::pair().unwrap());
    for (worker, ((_, fd), (_, theirs))) in [7, 7, 8].into_iter().zip(segments.iter().zip(&sockets)) {
        zygote.start(worker, false, &[fd.as_fd(), notifier.as_fd(), theirs.as_fd()]).unwrap();
    }
    // The second request is ignored, and the first worker goes on.
    let Report::Started { worker: 7, pid } = next(&zygote) else { panic!("the first is started") };
    assert!(matches!(next(&zygote), Report::Started { worker: 8, .. }));
    zygote.kill(7).unwrap();
    assert!(matches!(next(&zygote), Report::Exited { worker: 7, .. }));
    zygote.start(7, false, &[segments[1].1.as_fd(), notifier.as_fd(), sockets[1].1.as_fd()]).unwrap();
    let Report::Started { worker: 7, pid: other } = next(&zygote) else { panic!("the number is free again") };
    assert_ne!(pid, other);
}
