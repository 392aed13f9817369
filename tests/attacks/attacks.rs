//! The tables.

/// Makes a test of each line: its name, the function that sends it, and the [`Attack`](crate::stage::Attack). Each is made once more
/// over TLS, where the hub wants certificates; in the suite only those that end with `over_tls`.
macro_rules! attacks {
    ($($name:ident: $send:ident, $attack:expr $(, $over_tls:ident)?;)+) => {
        mod test {
            use super::*;

            $(
                #[test]
                fn $name() {
                    crate::stage::perform(stringify!($name), $attack, super::$send);
                }
            )+
        }

        mod over_tls {
            use super::*;

            $(over_tls! { $name, $send, $attack $(, $over_tls)? })+
        }
    };
}

macro_rules! over_tls {
    ($name:ident, $send:ident, $attack:expr, over_tls) => {
        #[test]
        fn $name() {
            crate::stage::perform_over_tls(stringify!($name), $attack, super::$send);
        }
    };
    ($name:ident, $send:ident, $attack:expr) => {
        #[test]
        #[ignore = "the soak of attacks has it"]
        fn $name() {
            crate::stage::perform_over_tls(stringify!($name), $attack, super::$send);
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

/// The same for attacks on what only a hub with TLS and access control has.
macro_rules! only_over_tls {
    ($($name:ident: $send:ident, $attack:expr;)+) => {
        mod over_tls {
            use super::*;

            $(over_tls! { $name, $send, $attack, over_tls })+
        }
    };
}

mod access;
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
