//! Messages of errors, here and in another process.

use super::*;

#[test]
fn lost_worker_message_names_pid_exit_task_and_time() {
    let error = Error::WorkerLost {
        pid: 7,
        exit: ExitStatus::Signaled(9),
        task: 12,
        ran_for: Duration::from_millis(1500),
        stderr: None,
        origin: Origin::default(),
    };
    assert_eq!(
        error.to_string(),
        "the worker (pid 7) was lost (killed by SIGKILL (signal 9)) while it ran task 12, 1.500 s after it began"
    );
}

#[test]
fn debug_output_is_the_message() {
    let panicked = Error::Panicked {
        message: "no luck".into(),
        location: Some("a.rs:1:2".into()),
        backtrace: None,
        stderr: None,
        pid: 7,
        origin: Origin::default(),
    };
    assert_eq!(format!("{panicked:?}"), "the task panicked at a.rs:1:2: no luck (pid 7)");
    assert_eq!(format!("{:?}", Error::Config("no room".into())), "no room");
    assert_eq!(
        format!("{:?}", Error::Initializer(Box::new(panicked.clone()))),
        format!("the pool's initializer failed: {panicked}")
    );
    assert_eq!(format!("{:?}", Error::from(TaskError::from("broken"))), "broken");
}

#[test]
fn error_has_the_same_message_in_another_process() {
    let errors = [
        Error::io("cannot dance", io::Error::from_raw_os_error(13)),
        Error::io("cannot dance", io::Error::other("no floor")),
        Error::Initializer(Box::new(Error::timed_out(Duration::from_millis(3)))),
        Error::WorkerLost {
            pid: 7,
            exit: ExitStatus::Exited(3),
            task: 12,
            ran_for: Duration::ZERO,
            stderr: Some("no\n".into()),
            origin: Origin::default(),
        },
    ];
    for error in errors {
        let bytes = postcard::to_stdvec(&error).unwrap();
        let back: Error = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_string(), error.to_string());
    }
}

#[test]
fn missing_init_shows_the_line_to_add() {
    assert!(Error::InitMissing.to_string().contains("multiproc::init();"));
}
