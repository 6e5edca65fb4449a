//! Files that another program holds open for a moment.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use gpu_mnist::files::again_while;

const PAUSES: [Duration; 3] = [Duration::ZERO; 3];

fn is_held(error: &Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

/// The result, and how often it was tried, where the first `failures` attempts end with `kind`.
fn tried(kind: ErrorKind, failures: usize) -> (Result<usize, ErrorKind>, usize) {
    let mut attempts = 0;
    let done = again_while(is_held, &PAUSES, || {
        attempts += 1;
        match attempts > failures {
            true => Ok(attempts),
            false => Err(kind.into()),
        }
    });
    (done.map_err(|error| error.kind()), attempts)
}

#[test]
fn what_is_held_open_is_tried_again_for_a_while() {
    let held = ErrorKind::PermissionDenied;
    assert_eq!(tried(held, 0), (Ok(1), 1));
    assert_eq!(tried(held, 3), (Ok(4), 4));
    assert_eq!(tried(held, 4), (Err(held), 4));
    let missing = ErrorKind::NotFound;
    assert_eq!(tried(missing, 1), (Err(missing), 1));
}
