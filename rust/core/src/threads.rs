//! How many threads to use, and what each of them does.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread::available_parallelism;

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
