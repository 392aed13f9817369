//! The attacker's threads.

use std::thread;

use rustix::process::setpriority_process;
use tokio::runtime::Builder;

/// The lowest priority there is.
const LOWEST: i32 = 19;

/// Runs what `send` gives on threads of the lowest priority, until it is over: a real attacker has a machine of its own, and
/// what those beside it wait for is the hub, not for a core that the attacker has.
pub(crate) fn block_on<F: Future<Output = ()>>(send: impl FnOnce() -> F + Send) {
    thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            yield_to_others();
            let threads =
                Builder::new_multi_thread().worker_threads(2).on_thread_start(yield_to_others).enable_all().build();
            threads.expect("threads can be had").block_on(send());
        });
        if let Err(panic) = attacker.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Gives this thread the lowest priority.
fn yield_to_others() {
    setpriority_process(None, LOWEST).expect("priority can be given up");
}
