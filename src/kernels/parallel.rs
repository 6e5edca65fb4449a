//! Fork and join for the CPU kernels. A training step is some twenty short regions: threads that sleep between them
//! cost more to wake than a region takes, so these wait awake for a moment, as OpenMP's do. Where other programs want the
//! processors too, a helper that was put aside in the middle of its work holds up the rest for a time slice, some
//! hundred regions long; the calling thread then goes on alone for a while.

use std::any::Any;
use std::cell::UnsafeCell;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread without work stays awake: longer than what lies between two regions of a step.
const AWAKE: Duration = Duration::from_micros(300);
/// Looks at the shared state between two looks at the clock; every so often the processor is offered to others.
const LOOKS: u32 = 64;
/// Helpers are late when they keep the caller waiting for so long, and for longer than its own share took.
const LATE: Duration = Duration::from_micros(200);
/// Regions that the caller does alone after that: at first less than a step, and twice as many each time until
/// [`CALM`] regions in a row went well.
const ALONE: u32 = 16;
const MOST_ALONE: u32 = 4096;
const CALM: u32 = 256;

/// Threads that share the work of a region, the calling one included: `RAYON_NUM_THREADS`, or one a processor.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `work` on every one of `items`, on all threads, in no fixed order; returns when all are done.
///
/// While another thread is in a region, and inside of one, the items are worked on by the calling thread alone.
///
/// # Panics
/// With the panic of `work`, after every thread has left the region.
pub fn for_each<I: Send>(items: impl IntoIterator<Item = I>, work: impl Fn(I) + Sync) {
    let items: Vec<Slot<I>> = items
        .into_iter()
        .map(|item| Slot(UnsafeCell::new(Some(item))))
        .collect();
    let next = AtomicUsize::new(0);
    let share = || {
        while let Some(slot) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            // SAFETY: the counter gives each number once, so no other thread touches this slot.
            if let Some(item) = unsafe { (*slot.0.get()).take() } {
                work(item);
            }
        }
    };
    match items.len() {
        0 | 1 => share(),
        _ => team().run(&share),
    }
}

struct Slot<I>(UnsafeCell<Option<I>>);

// SAFETY: a slot is taken by one thread alone (see `for_each`), which `I: Send` allows.
unsafe impl<I: Send> Sync for Slot<I> {}

fn team() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    TEAM.get_or_init(|| {
        // More threads than processors would only take turns.
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Team::new(threads().min(processors) - 1)
    })
}

/// The calling thread and its helpers.
struct Team {
    shared: Arc<Shared>,
    helpers: usize,
    occupied: AtomicBool,
    /// Regions that the caller still does alone.
    alone: AtomicU32,
    /// As many more when helpers are late once more.
    penalty: AtomicU32,
    /// Regions in a row without late helpers.
    calm: AtomicU32,
}

/// What the threads see of the current region.
struct Shared {
    /// The region's number in the high half; [`OPEN`] while helpers may join; how many joined in the low bits.
    state: AtomicU64,
    /// The region's work. Valid while `state` is open, and until every helper that joined has left.
    work: UnsafeCell<Option<Work>>,
    left: AtomicU32,
    /// Whether the caller sleeps until the helpers have left.
    caller_sleeps: AtomicBool,
    done: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
}

type Work = *const (dyn Fn() + Sync);

// SAFETY: `work` is written by the one thread that occupies the team, before it opens the region, and read only by
// helpers that joined it; the pointer leads to a `Sync` closure.
unsafe impl Send for Shared {}
// SAFETY: as above; everything else in it is `Sync`.
unsafe impl Sync for Shared {}

const OPEN: u64 = 1 << 31;
const JOINED: u64 = OPEN - 1;

fn region(state: u64) -> u64 {
    state >> 32
}

impl Team {
    fn new(wanted: usize) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            work: UnsafeCell::new(None),
            left: AtomicU32::new(0),
            caller_sleeps: AtomicBool::new(false),
            done: Condvar::new(),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
        });
        let start = |number: &usize| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("kernels {number}"))
                .spawn(move || shared.help())
                .is_ok()
        };
        // Where no thread can be started (wasm), the calling one does all.
        let helpers = (1..=wanted).take_while(start).count();
        Self {
            shared,
            helpers,
            occupied: AtomicBool::new(false),
            alone: AtomicU32::new(0),
            penalty: AtomicU32::new(ALONE),
            calm: AtomicU32::new(0),
        }
    }

    fn run(&self, work: &(dyn Fn() + Sync)) {
        if self.helpers == 0 || self.alone() || self.occupied.swap(true, Ordering::Acquire) {
            return work();
        }
        let shared = &*self.shared;
        let number = region(shared.state.load(Ordering::Relaxed)) + 1;
        // SAFETY: this thread occupies the team and the last region is closed and left, so nobody reads `work` now;
        // the borrow outlives the region, because this function waits below for every helper that joined.
        unsafe {
            let work: *const (dyn Fn() + Sync + '_) = work;
            *shared.work.get() = Some(std::mem::transmute::<*const (dyn Fn() + Sync + '_), Work>(
                work,
            ));
        }
        shared.left.store(0, Ordering::Relaxed);
        // In one order with the sleepers' count: either a helper sees the region, or this thread sees that it sleeps.
        shared.state.store((number << 32) | OPEN, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            drop(shared.lock());
            shared.wake.notify_all();
        }
        let start = Instant::now();
        let own = catch_unwind(AssertUnwindSafe(work));
        let joined = shared.state.fetch_and(!OPEN, Ordering::AcqRel) & JOINED;
        self.judge(shared.wait_for(joined, start));
        let theirs = shared
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.occupied.store(false, Ordering::Release);
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }
}

impl Team {
    /// Whether the caller does this region alone.
    fn alone(&self) -> bool {
        let alone = self.alone.load(Ordering::Relaxed);
        self.alone.store(alone.saturating_sub(1), Ordering::Relaxed);
        alone > 0
    }

    /// Takes in whether the helpers of a region were late.
    fn judge(&self, late: bool) {
        if late {
            let penalty = self.penalty.load(Ordering::Relaxed);
            self.alone.store(penalty, Ordering::Relaxed);
            self.penalty
                .store((penalty * 2).min(MOST_ALONE), Ordering::Relaxed);
            self.calm.store(0, Ordering::Relaxed);
        } else if self.calm.fetch_add(1, Ordering::Relaxed) == CALM {
            self.penalty.store(ALONE, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// A helper's life: join each region it sees open.
    fn help(&self) {
        let mut seen = 0;
        loop {
            let state = self.wait(seen);
            seen = region(state);
            if !self.join(state) {
                continue;
            }
            // SAFETY: the region was joined while open, so `work` is set and stays valid until this helper has left.
            let done = catch_unwind(AssertUnwindSafe(|| unsafe {
                if let Some(work) = *self.work.get() {
                    (*work)();
                }
            }));
            if let Err(panic) = done {
                *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
            }
            // In one order with the caller's going to sleep, as above.
            self.left.fetch_add(1, Ordering::SeqCst);
            if self.caller_sleeps.load(Ordering::SeqCst) {
                drop(self.lock());
                self.done.notify_one();
            }
        }
    }

    /// Waits until `joined` helpers have left the region, of which the caller did its share since `start`; whether
    /// they were late.
    fn wait_for(&self, joined: u64, start: Instant) -> bool {
        let all_left = || u64::from(self.left.load(Ordering::SeqCst)) >= joined;
        let (mut looks, mut deadline) = (0u32, None);
        while !all_left() {
            // Without offering the processor to others: they would keep it for a whole slice.
            std::hint::spin_loop();
            looks += 1;
            if !looks.is_multiple_of(LOOKS) {
                continue;
            }
            let now = start.elapsed();
            if now < *deadline.get_or_insert((now * 2).max(now + LATE)) {
                continue;
            }
            // Asleep it leaves its processor to whoever was put aside.
            let mut guard = self.lock();
            self.caller_sleeps.store(true, Ordering::SeqCst);
            while !all_left() {
                guard = self
                    .done
                    .wait(guard)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            self.caller_sleeps.store(false, Ordering::SeqCst);
            return true;
        }
        false
    }

    /// Counts this thread into the region of `state`, unless it has been closed.
    fn join(&self, mut state: u64) -> bool {
        let number = region(state);
        while state & OPEN != 0 && region(state) == number {
            match self.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// The state once it is open with another region than `seen`: awake for a while, then asleep.
    fn wait(&self, seen: u64) -> u64 {
        let fresh = |state: u64| state & OPEN != 0 && region(state) != seen;
        let start = Instant::now();
        let mut looks = 0;
        loop {
            let state = self.state.load(Ordering::Acquire);
            if fresh(state) {
                return state;
            }
            if pause(&mut looks) && start.elapsed() > AWAKE {
                break;
            }
        }
        let mut guard = self.lock();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        loop {
            let state = self.state.load(Ordering::SeqCst);
            if fresh(state) {
                self.sleepers.fetch_sub(1, Ordering::SeqCst);
                return state;
            }
            guard = self
                .wake
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.sleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits a moment; true once in [`LOOKS`] times, after offering the processor to other threads.
fn pause(looks: &mut u32) -> bool {
    *looks += 1;
    if looks.is_multiple_of(LOOKS) {
        std::thread::yield_now();
        return true;
    }
    std::hint::spin_loop();
    false
}
