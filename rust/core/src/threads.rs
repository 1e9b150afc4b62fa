//! How many threads to use, and what each of them does.

use std::hint::spin_loop;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, available_parallelism, panicking, scope, yield_now};

use crate::kernels::DefaultFloatState;

/// More would cost more than they do.
const MOST: usize = 1 << 10;

/// The number asked for, from 1 to 1,024; else one for each processor that this process may use.
#[must_use]
pub fn resolve(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get)).clamp(1, MOST)
}

/// Lets this thread do the work of the `first` and others that of the `rest`, each with the default floating-point state.
/// There are as many as the system lets start, which may be fewer than wanted; before the first begins, `started` is told
/// how many in all. Returns what they made.
///
/// Scoped threads, not a global pool: a pool does not survive the fork of a `DataLoader` worker.
fn spawn<S: Send>(
    threads: usize,
    started: impl FnOnce(usize),
    first: impl FnOnce() -> S,
    rest: impl Fn() -> S + Sync,
) -> Vec<S> {
    let rest = || {
        let _state = DefaultFloatState::take();
        rest()
    };
    scope(|scope| {
        let others: Vec<_> = (1..threads).map_while(|_| Builder::new().spawn_scoped(scope, rest).ok()).collect();
        started(1 + others.len());
        let _state = DefaultFloatState::take();
        let mine = first();
        let theirs = others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(mine).chain(theirs).collect()
    })
}

/// Shares work among threads, each with something of its own, which is returned.
pub fn share<T: Send, S: Send>(
    threads: usize,
    work: impl ExactSizeIterator<Item = T> + Send,
    own: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, T) + Sync,
) -> Vec<S> {
    let threads = threads.min(work.len());
    let queue = Mutex::new(work);
    let run = || {
        let mut own = own();
        let next = || queue.lock().map_or(None, |mut queue| queue.next());
        while let Some(item) = next() {
            each(&mut own, item);
        }
        own
    };
    spawn(threads, |_| (), run, run)
}

/// Where threads wait for each other. They stay awake: a processor that sleeps, for less than a millisecond between two
/// pieces of work, may take longer than that to wake, most of all a virtual one.
#[derive(Debug)]
pub struct Meeting {
    threads: AtomicUsize,
    arrived: AtomicUsize,
    /// How often all have met.
    met: AtomicUsize,
    /// One will not come, because it panics.
    missed: AtomicBool,
}

/// How often a thread looks whether all are there before it lets others have the processor.
const LOOKS: u32 = 1 << 10;

impl Meeting {
    fn new(threads: usize) -> Self {
        Self { threads: threads.into(), arrived: 0.into(), met: 0.into(), missed: false.into() }
    }

    /// Waits until all threads are here.
    ///
    /// # Panics
    /// When one of them does.
    pub fn wait(&self) {
        let met = self.met.load(Ordering::Acquire);
        // Told before the first arrived, without whom the others are too few for either number.
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads.load(Ordering::Relaxed) {
            self.arrived.store(0, Ordering::Relaxed);
            self.met.store(met + 1, Ordering::Release);
        }
        let mut looks = 0;
        while self.met.load(Ordering::Acquire) == met {
            assert!(!self.missed.load(Ordering::Relaxed), "another thread panicked");
            looks += 1;
            if looks < LOOKS { spin_loop() } else { yield_now() }
        }
    }
}

struct Attends<'a>(&'a Meeting);

impl Drop for Attends<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.missed.store(true, Ordering::Relaxed);
        }
    }
}

/// Lets this thread do the work of the `first` and others that of the `rest`, and returns what they made. All of them can
/// meet; there may be fewer than wanted.
pub fn together<S: Send>(
    threads: usize,
    first: impl FnOnce(&Meeting) -> S,
    rest: impl Fn(&Meeting) -> S + Sync,
) -> Vec<S> {
    let meeting = Meeting::new(threads);
    let started = |threads| meeting.threads.store(threads, Ordering::Relaxed);
    let first = || {
        let _attends = Attends(&meeting);
        first(&meeting)
    };
    let rest = || {
        let _attends = Attends(&meeting);
        rest(&meeting)
    };
    spawn(threads, started, first, rest)
}
