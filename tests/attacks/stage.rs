//! The stage for an attack: a hub, those beside the attacker, and what is judged when it is over.

use std::{future::Future, io::Write, process::ExitStatus, sync::Once, time::Duration};

use sse_test_support::table::{Side, columns};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{
    MB, attacker,
    bystanders::{Bystanders, PAUSE, Waits, apart},
    target::{Launch, Target, megabytes},
};

/// One attack at a time: each would be in the way of the others' bystanders.
static TURN: Mutex<()> = Mutex::const_new(());

/// Over how long the streams end when the hub is told to.
const DRAIN: Duration = Duration::from_millis(500);

/// What the program may take over that to end.
const AFTER_DRAIN: Duration = Duration::from_secs(1);

/// Publishes of the bystanders before the attack, to compare with: ten seconds of them.
const WITHOUT: usize = 200;

/// What an attack is made of, besides what it sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    right: &'static str,
    settings: &'static [(&'static str, &'static str)],
    scale: &'static [(&'static str, &'static str)],
    on_disk: bool,
    megabytes: u64,
    seen: &'static str,
}

impl Attack {
    /// In words, what is right besides what is right for all.
    pub(crate) const fn right(right: &'static str) -> Self {
        Self { right, settings: &[], scale: &[], on_disk: false, megabytes: 48, seen: "" }
    }

    /// What the hub is started with.
    pub(crate) const fn with(mut self, settings: &'static [(&'static str, &'static str)]) -> Self {
        self.settings = settings;
        self
    }

    /// The limits to which the suite's size is scaled down. At full size they are the defaults.
    pub(crate) const fn scaled(mut self, scale: &'static [(&'static str, &'static str)]) -> Self {
        self.scale = scale;
        self
    }

    pub(crate) const fn on_disk(mut self) -> Self {
        self.on_disk = true;
        self
    }

    /// By how many megabytes the hub's memory may grow, in the suite's size.
    pub(crate) const fn megabytes(mut self, megabytes: u64) -> Self {
        self.megabytes = megabytes;
        self
    }

    /// The metric by which an operator sees it.
    pub(crate) const fn seen_in(mut self, metric: &'static str) -> Self {
        self.seen = metric;
        self
    }
}

/// The size of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// The suite's.
    Small,
    /// The soak's.
    Large,
}

impl Size {
    fn chosen() -> Self {
        match std::env::var("SSE_ATTACKS").as_deref() {
            Ok("large") => Self::Large,
            Ok(other) => panic!("SSE_ATTACKS={other}: there is `large`"),
            Err(_) => Self::Small,
        }
    }

    /// How many times as often as usual the bystanders publish: of a few dozen waits the 99th percentile is the longest one.
    const fn density(self) -> u32 {
        match self {
            Self::Small => 1,
            Self::Large => 10,
        }
    }
}

/// A hub under attack.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) hub: Target,
    pub(crate) size: Size,
    bystanders: Bystanders,
    _directory: TempDir,
}

impl Stage {
    async fn set(attack: &Attack, (size, over_tls): (Size, bool)) -> Self {
        // the hub keeps 256 of its own, and both ends of each connection are on this machine
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let directory = tempfile::tempdir().expect("a directory can be made");
        let scale = if size == Size::Small { attack.scale } else { &[] };
        let mut launch =
            Launch::new(attack.settings).settings(scale).set("SSE__SERVER__DRAIN", format!("{}ms", DRAIN.as_millis()));
        if attack.on_disk {
            launch = launch.on_disk(directory.path());
        }
        let hub = launch.over_tls(over_tls).start();
        let bystanders = Bystanders::begin(hub.address(), PAUSE / size.density()).await;
        Self { hub, size, bystanders, _directory: directory }
    }

    /// The number for this size.
    pub(crate) fn size(&self, small: usize, large: usize) -> usize {
        match self.size {
            Size::Small => small,
            Size::Large => large,
        }
    }

    /// Waits while the bystanders go on for so many publishes of the usual pace.
    pub(crate) async fn meanwhile(&self, publishes: usize) {
        self.bystanders.after(publishes * self.size.density() as usize).await;
    }

    /// The processor time that the hub takes for this, the bystanders' part with it.
    pub(crate) async fn cost<T>(&self, of: impl Future<Output = T>) -> Duration {
        let before = self.hub.cpu();
        of.await;
        self.hub.cpu().saturating_sub(before)
    }

    /// What this gives, if while it was under way no bystander waited for a tenth of its time. What is over within
    /// a second hurts nobody, and is not looked at.
    pub(crate) async fn without_standing_still<T>(&self, what: &str, of: impl Future<Output = T>) -> T {
        let (mark, begun) = (self.bystanders.mark(), tokio::time::Instant::now());
        let given = of.await;
        let took = begun.elapsed();
        self.bystanders.after(1).await;
        let longest = self.bystanders.waits_since(mark).longest;
        assert!(
            took < Duration::from_secs(1) || longest < took / 10,
            "{what} took {took:?}, and a bystander waited for {longest:?} of it"
        );
        given
    }

    /// Waits until the hub has grown to no more memory for as long as the bystanders take for ten publishes.
    pub(crate) async fn settled(&self) {
        for _ in 0..60 {
            let peak = self.hub.peak();
            self.meanwhile(10).await;
            if self.hub.peak() <= peak + MB / 4 {
                return;
            }
        }
    }
}

/// Does an attack, and judges.
pub(crate) fn perform(name: &str, attack: Attack, send: impl AsyncFnOnce(&Stage) + Send) {
    act(name, attack, false, send);
}

/// The same over TLS, on a hub that lets nobody do anything without a certificate.
pub(crate) fn perform_over_tls(name: &str, attack: Attack, send: impl AsyncFnOnce(&Stage) + Send) {
    act(&format!("{name}, TLS"), attack, true, send);
}

fn act(name: &str, attack: Attack, over_tls: bool, send: impl AsyncFnOnce(&Stage) + Send) {
    let _turn = TURN.blocking_lock();
    let beside = apart();
    let size = Size::chosen();
    let mut row = Row { name, ..Row::default() };
    let mut stage = beside.block_on(async {
        let stage = Stage::set(&attack, (size, over_tls)).await;
        let mark = stage.bystanders.mark();
        if size == Size::Large {
            stage.meanwhile(WITHOUT).await;
        }
        row.without = stage.bystanders.waits_since(mark);
        row.seen_before = stage.seen(&attack).await;
        stage.hub.forget_peak();
        row.before = stage.hub.resident();
        stage
    });

    let mark = stage.bystanders.mark();
    attacker::block_on(|| send(&stage));
    beside.block_on(async {
        stage.bystanders.after(1).await;
        row.during = stage.bystanders.waits_since(mark);
        row.peak = stage.hub.peak();
        row.after = stage.hub.resident();
        row.seen_after = stage.seen(&attack).await;

        let mut faults = stage.bystanders.rest().await;
        let (status, took) = stage.hub.stop().await;
        row.drain = took;
        faults.extend(stage.faults(&attack, &row, status).await);
        row.print(&attack, size);
        assert!(faults.is_empty(), "{}: {faults:#?}", attack.right);
    });
}

impl Stage {
    async fn seen(&self, attack: &Attack) -> u64 {
        if attack.seen.is_empty() { 0 } else { self.hub.metric(attack.seen).await }
    }

    /// What was not right of what is right for every attack.
    async fn faults(&self, attack: &Attack, row: &Row<'_>, status: ExitStatus) -> Vec<String> {
        let mut faults = Vec::new();
        let grown = megabytes(row.peak.saturating_sub(row.before));
        let bound = if self.size == Size::Large { 512 } else { attack.megabytes };
        if grown > bound {
            faults.push(format!("the hub grew by {grown} MB; {bound} is the bound"));
        }
        if !status.success() {
            faults.push(format!("told to end, it ended with {status}"));
        }
        if self.bystanders.last_word().await.is_none() {
            faults.push("the bystanders' stream ended without a word".to_owned());
        }
        if self.size == Size::Large && row.drain > DRAIN + AFTER_DRAIN {
            faults.push(format!("it took {:?} to end; {DRAIN:?} and {AFTER_DRAIN:?} are allowed", row.drain));
        }
        if self.hub.said().contains("panicked at") {
            faults.push("something panicked".to_owned());
        }
        faults
    }
}

/// What a soak prints of an attack.
#[derive(Debug, Default)]
struct Row<'a> {
    name: &'a str,
    before: u64,
    peak: u64,
    after: u64,
    without: Waits,
    during: Waits,
    drain: Duration,
    seen_before: u64,
    seen_after: u64,
}

/// Wide enough for every name, so that rows that are printed one by one stand below each other.
const HEADINGS: [&str; 7] = [
    "attack                                            ",
    "MB before, peak, after",
    "publish p99 ms, during",
    "delivery p99 ms, during",
    " longest ms",
    "drain ms",
    "metric",
];

impl Row<'_> {
    fn print(&self, attack: &Attack, size: Size) {
        if size == Size::Small {
            return;
        }
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        let cells = [
            self.name.to_owned(),
            format!("{}, {}, {}", megabytes(self.before), megabytes(self.peak), megabytes(self.after)),
            format!("{}, {}", ms(self.without.publish_p99), ms(self.during.publish_p99)),
            format!("{}, {}", ms(self.without.delivery_p99), ms(self.during.delivery_p99)),
            ms(self.during.longest),
            ms(self.drain),
            match attack.seen {
                "" => String::new(),
                name => format!("{name} {} -> {}", self.seen_before, self.seen_after),
            },
        ];
        print_row(cells);
    }
}

/// Past the test harness, which keeps what a test prints until its end.
fn print_row(cells: [String; 7]) {
    static HEADED: Once = Once::new();
    let sides = [Side::Left, Side::Right, Side::Right, Side::Right, Side::Right, Side::Right, Side::Left];
    let table = columns(sides, &[HEADINGS.map(str::to_owned), cells]);
    let mut lines = table.lines();
    let heading = lines.next().unwrap_or_default().to_owned();
    let mut stderr = std::io::stderr();
    HEADED.call_once(|| {
        let _ = write!(stderr, "\n{heading}");
    });
    let _ = writeln!(stderr, "\n{}", lines.next().unwrap_or_default());
}

/// Does an attack that starts and ends hubs itself.
pub(crate) async fn alone(act: impl AsyncFnOnce(&TempDir)) {
    let _turn = TURN.lock().await;
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let directory = tempfile::tempdir().expect("a directory can be made");
    act(&directory).await;
}
