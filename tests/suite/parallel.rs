//! The threads of the CPU kernels: every item once, panics passed on, no deadlock.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gpu_mnist::kernels::parallel::for_each;

/// Every item of regions of several sizes is worked on exactly once.
fn counts_are_right(rounds: usize) {
    for round in 0..rounds {
        let mut numbers = vec![0usize; 1 + round % 97];
        for_each(numbers.iter_mut().enumerate(), |(index, number)| {
            *number += index + round;
        });
        for (index, number) in numbers.iter().enumerate() {
            assert_eq!(*number, index + round);
        }
    }
}

#[test]
fn every_item_is_worked_on_once() {
    for_each(Vec::<()>::new(), |()| panic!("there is no item"));
    counts_are_right(20_000);
}

#[test]
fn regions_of_several_threads_do_not_mix() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| counts_are_right(3_000));
        }
    });
}

#[test]
fn threads_that_fell_asleep_join_the_next_region() {
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(2));
        counts_are_right(3);
    }
}

#[test]
fn a_region_inside_a_region_runs() {
    let total = AtomicUsize::new(0);
    for_each(0..8usize, |outer| {
        for_each(0..8usize, |inner| {
            total.fetch_add(outer * inner, Ordering::Relaxed);
        });
    });
    assert_eq!(total.into_inner(), 28 * 28);
}

#[test]
fn a_panic_of_an_item_reaches_the_caller_and_the_threads_go_on() {
    for round in 0..50 {
        let caught = catch_unwind(|| {
            for_each(0..64usize, |item| assert!(item != round, "item {item}"));
        });
        assert!(caught.is_err());
        counts_are_right(10);
    }
}

/// Whoever takes the long item, the others end early: the caller waits asleep, and then goes on
/// alone for some regions, as after another program took a processor.
#[test]
fn a_late_thread_is_waited_for() {
    for round in 0..40 {
        let done = AtomicUsize::new(0);
        for_each(0..16usize, |item| {
            if item == round % 16 {
                std::thread::sleep(Duration::from_millis(3));
            }
            done.fetch_add(item, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 120);
        counts_are_right(20);
    }
}
