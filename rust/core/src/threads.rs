//! How many threads to use, and what each of them does.

use std::hint::spin_loop;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{available_parallelism, panicking, yield_now};

use crate::kernels::DefaultFloatState;

/// The number asked for, at least 1; else one for each processor that this process may use.
#[must_use]
pub fn resolve(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get)).max(1)
}

/// Shares work among threads, each with the default floating-point state and something of its own, which is returned.
pub fn share<T: Send, S: Send>(
    threads: usize,
    work: impl ExactSizeIterator<Item = T> + Send,
    own: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, T) + Sync,
) -> Vec<S> {
    let threads = threads.min(work.len());
    let queue = Mutex::new(work);
    let run = || {
        let _state = DefaultFloatState::take();
        let mut own = own();
        let next = || queue.lock().map_or(None, |mut queue| queue.next());
        while let Some(item) = next() {
            each(&mut own, item);
        }
        own
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mine = run();
        let theirs = others.into_iter().map(|thread| thread.join().expect("a thread that counts does not panic"));
        std::iter::once(mine).chain(theirs).collect()
    })
}

/// Where threads wait for each other. They stay awake: a processor that sleeps, for less than a millisecond between two
/// pieces of work, may take longer than that to wake, most of all a virtual one.
#[derive(Debug)]
pub struct Meeting {
    threads: usize,
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
        Self { threads, arrived: AtomicUsize::new(0), met: AtomicUsize::new(0), missed: AtomicBool::new(false) }
    }

    /// Waits until all threads are here.
    ///
    /// # Panics
    /// When one of them does.
    pub fn wait(&self) {
        let met = self.met.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
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

/// Lets this thread do the work of the `first` and others that of the `rest`, each with the default floating-point state.
/// Returns what they made.
pub fn together<S: Send>(
    threads: usize,
    first: impl FnOnce(&Meeting) -> S,
    rest: impl Fn(&Meeting) -> S + Sync,
) -> Vec<S> {
    let meeting = Meeting::new(threads);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|_| {
                scope.spawn(|| {
                    let _state = DefaultFloatState::take();
                    let _attends = Attends(&meeting);
                    rest(&meeting)
                })
            })
            .collect();
        let _attends = Attends(&meeting);
        let mine = first(&meeting);
        let theirs = others.into_iter().map(|thread| thread.join().expect("a thread that counts does not panic"));
        std::iter::once(mine).chain(theirs).collect()
    })
}
