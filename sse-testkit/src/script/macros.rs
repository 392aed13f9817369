//! The macro that writes a script.

/// Writes a [`Script`](crate::script::Script): its steps in order, separated by commas.
///
/// A step is a call of one of the functions of [`script`](mod@crate::script), without the path; empty parentheses may
/// be left out. A time is a number with a unit (`1s`, `250ms`, `1.5s`, `2m`), or any expression of type
/// [`Duration`](std::time::Duration).
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::script;
///
/// let pause = Duration::from_millis(250);
/// let script = script![
///     accept.path("/events"),
///     head(200),
///     event("hello").name("greeting").id("7"),
///     wait(1.5s),
///     raw(b"data: x\n"),
///     wait(pause),
///     drop,
///     expect_reconnect().last_event_id("7").not_before(1s).within(5s),
///     status(503).header("retry-after", "1"),
/// ];
/// assert_eq!(script.steps().len(), 9);
/// assert_eq!(script.steps()[3].to_string(), "wait(1500ms)");
/// ```
///
/// A time without a unit does not compile:
///
/// ```compile_fail
/// sse_testkit::script![wait(5)];
/// ```
#[macro_export]
macro_rules! script {
    ($( $word:ident $(($($given:tt)*))? $(. $option:ident ($($value:tt)*))* ),* $(,)?) => {
        $crate::script::Script::from(::std::vec![
            $( $crate::script::Step::from(
                $crate::__script_step!($word $(($($given)*))? $(. $option ($($value)*))*)
            ) ),*
        ])
    };
}

/// One step: its name, and then one option after another, so that each time among them is parsed.
#[doc(hidden)]
#[macro_export]
macro_rules! __script_step {
    (@ [$($step:tt)*]) => { $($step)* };
    (@ [$($step:tt)*] . within ($($time:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$($step)*.within($crate::__script_time!($($time)*))] $($more)*)
    };
    (@ [$($step:tt)*] . not_before ($($time:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$($step)*.not_before($crate::__script_time!($($time)*))] $($more)*)
    };
    (@ [$($step:tt)*] . retry ($($time:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$($step)*.retry($crate::__script_time!($($time)*))] $($more)*)
    };
    (@ [$($step:tt)*] . $option:ident ($($value:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$($step)*.$option($($value)*)] $($more)*)
    };
    (wait ($($time:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$crate::script::wait($crate::__script_time!($($time)*))] $($more)*)
    };
    (retry ($($time:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$crate::script::retry($crate::__script_time!($($time)*))] $($more)*)
    };
    (expect_silence ($($time:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$crate::script::expect_silence($crate::__script_time!($($time)*))] $($more)*)
    };
    ($word:ident ($($given:tt)*) $($more:tt)*) => {
        $crate::__script_step!(@ [$crate::script::$word($($given)*)] $($more)*)
    };
    ($word:ident $($more:tt)*) => {
        $crate::__script_step!(@ [$crate::script::$word()] $($more)*)
    };
}

/// A time: `1s`, or an expression.
#[doc(hidden)]
#[macro_export]
macro_rules! __script_time {
    ($name:ident) => { $name };
    (($($time:tt)*)) => { ($($time)*) };
    ({$($time:tt)*}) => { {$($time)*} };
    ($literal:tt) => { const { $crate::script::__time(::core::stringify!($literal)) } };
    ($time:expr) => { $time };
}
