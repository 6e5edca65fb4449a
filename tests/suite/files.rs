//! Files that another program holds open for a moment, and paths as Windows gives them.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use gpu_mnist::files::{again_while, without_prefix};

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

#[test]
fn a_path_of_windows_loses_its_prefix_where_it_can() {
    for (path, plain) in [
        (
            r"\\?\C:\runs\a b\model.safetensors",
            Some(r"C:\runs\a b\model.safetensors"),
        ),
        (
            r"\\?\UNC\server\share\модель",
            Some(r"\\server\share\модель"),
        ),
        (r"\\?\C:\", Some(r"C:\")),
        (r"C:\runs", None),
        ("/home/me/runs", None),
        (r"\\?\Volume{0c1d}\runs", None),
        (r"\\?\C:\runs.\a", None),
        (r"\\?\C:\runs \a", None),
    ] {
        assert_eq!(without_prefix(path).as_deref(), plain, "{path}");
    }
    let of = |length: usize| format!(r"\\?\C:\{}", "a".repeat(length - 3));
    assert_eq!(without_prefix(&of(259)).map(|path| path.len()), Some(259));
    assert_eq!(without_prefix(&of(260)), None);
}
