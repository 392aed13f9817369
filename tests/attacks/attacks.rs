//! The tables.

/// Makes a test of each line: its name, the function that sends it, and the [`Attack`](crate::stage::Attack).
macro_rules! attacks {
    ($($name:ident: $send:ident, $attack:expr;)+) => {
        mod test {
            use super::*;

            $(
                #[test]
                fn $name() {
                    crate::stage::perform(stringify!($name), $attack, super::$send);
                }
            )+
        }
    };
}

/// The same for those that start and end hubs themselves: a name, and the function.
macro_rules! alone {
    ($($name:ident: $act:ident;)+) => {
        mod alone {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::stage::alone(super::$act).await;
                }
            )+
        }
    };
}

mod bodies;
mod frames;
mod groups;
mod heads;
mod hours;
mod life;
mod pages;
mod pours;
mod readers;
mod slow;
mod storage;
