//! What is to be seen.

use js_sys::Date;
use leptos::prelude::*;

use super::live::Live;
use crate::{
    board::{Row, What},
    chart::{Chart, percent},
    event::Event,
    words::{self, Standing, euros, round_euros, thousands},
};

/// The last time that has a date.
const LAST: u64 = 8_640_000_000_000_000;

/// The whole page.
pub(super) fn whole() -> impl IntoView {
    let live = Live::start();
    view! {
        <header>
            <h1>"Orders"</h1>
            <Connection live/>
        </header>
        <main>
            <Trouble live/>
            <Numbers live/>
            <Payments live/>
            <Latest live/>
        </main>
        <footer>"Sums are of the last ten minutes."</footer>
    }
}

/// How the connection stands, and a button to stop it and go on.
#[component]
fn Connection(live: Live) -> impl IntoView {
    let standing = Memo::new(move |_| Standing::of(live.state.get(), live.lost.get().is_some()));
    let meanwhile = Memo::new(move |_| words::meanwhile(live.state.get(), live.lost.get(), live.now.get()));
    let is_closed = Memo::new(move |_| live.state.get().is_closed());
    let press = move |_| if is_closed.get() { live.connect() } else { live.close() };
    view! {
        <div class="connection">
            <div class="standing">
                <p class="state" role="status" data-testid="state" data-kind=move || standing.get().kind>
                    <svg viewBox="0 0 12 12" aria-hidden="true"><path d=move || standing.get().shape/></svg>
                    <span>{move || standing.get().words}</span>
                </p>
                // it is not read out each second
                <p class="meanwhile" aria-hidden="true" data-testid="meanwhile">{move || meanwhile.get()}</p>
            </div>
            <button type="button" data-testid="stop" on:click=press>
                {move || if is_closed.get() { "Go on" } else { "Stop" }}
            </button>
        </div>
    }
}

/// What went wrong, if something did.
#[component]
fn Trouble(live: Live) -> impl IntoView {
    let undecoded = Memo::new(move |_| {
        let board = live.board.read();
        let (count, last) = board.undecoded();
        last.map(|last| (count, last.to_owned()))
    });
    view! {
        <div class="trouble" role="status">
            {move || live.fault.get().map(|fault| view! { <p>"There can be no connection: "{fault}"."</p> })}
            {move || undecoded.get().map(|(count, last)| view! {
                <p data-testid="undecoded" data-count=count>
                    {if count == 1 { "An event".to_owned() } else { format!("{} events", thousands(count)) }}
                    " could not be read. " <small>{last}</small>
                </p>
            })}
            {move || (live.dropped.get() > 0).then(|| view! {
                <p data-testid="dropped">
                    "The page was too slow for "{thousands(live.dropped.get())}" events: the sums are without them."
                </p>
            })}
        </div>
    }
}

/// The sums.
#[component]
fn Numbers(live: Live) -> impl IntoView {
    let total = Memo::new(move |_| live.board.read().total());
    let average = move || total.get().average().map_or_else(|| "–".to_owned(), |cents| euros(cents as i64));
    view! {
        <dl class="numbers">
            <div class="main"><dt>"Revenue"</dt><dd data-testid="revenue">{move || euros(total.get().revenue())}</dd></div>
            <div><dt>"Average order"</dt><dd data-testid="average">{average}</dd></div>
            <div class="placed"><dt>"Placed"</dt><dd data-testid="placed">{move || thousands(total.get().placed)}</dd></div>
            <div class="paid"><dt>"Paid"</dt><dd data-testid="paid">{move || thousands(total.get().paid)}</dd></div>
            <div class="shipped"><dt>"Shipped"</dt><dd data-testid="shipped">{move || thousands(total.get().shipped)}</dd></div>
            <div class="cancelled">
                <dt>"Cancelled"</dt><dd data-testid="cancelled">{move || thousands(total.get().cancelled)}</dd>
            </div>
        </dl>
    }
}

/// The chart.
#[component]
fn Payments(live: Live) -> impl IntoView {
    let chart = Memo::new(move |_| {
        live.now.track();
        Chart::new(&live.board.read(), live.shop_time())
    });
    let most = move || chart.with(|chart| chart.bars.iter().map(|bar| bar.cents).max().unwrap_or(0));
    let label =
        move || format!("Bars for each ten seconds of the last ten minutes, the highest of {}", round_euros(most()));
    view! {
        <figure>
            <figcaption>"Paid "<span>"every 10 seconds"</span></figcaption>
            <div class="plot">
                <svg class="axis" aria-hidden="true">
                    {move || chart.get().lines.into_iter().map(|line| {
                        view! { <text x="100%" y=percent(line.y) dy=".35em">{round_euros(line.cents)}</text> }
                    }).collect_view()}
                </svg>
                <svg class="chart" role="img" aria-label=label data-testid="chart">
                    {move || chart.get().lines.into_iter().map(|line| {
                        let y = percent(line.y);
                        view! { <line class="grid" x1="0" x2="100%" y1=y.clone() y2=y/> }
                    }).collect_view()}
                    <line class="base" x1="0" x2="100%" y1="100%" y2="100%"/>
                    {move || chart.get().bars.into_iter().map(|bar| {
                        let words = format!("{} from {}", euros(bar.cents as i64), time(bar.start));
                        view! {
                            <rect x=percent(bar.x) y=percent(bar.y) width=percent(bar.width) height=percent(bar.height)>
                                <title>{words}</title>
                            </rect>
                        }
                    }).collect_view()}
                    {move || chart.get().gaps.into_iter().map(|x| {
                        let x = percent(x);
                        view! { <line class="gap" x1=x.clone() x2=x y1="0" y2="100%" data-testid="gap-mark"/> }
                    }).collect_view()}
                </svg>
            </div>
            <div class="times" aria-hidden="true"><span>"10 min ago"</span><span>"5 min"</span><span>"now"</span></div>
        </figure>
    }
}

/// The latest events.
#[component]
fn Latest(live: Live) -> impl IntoView {
    let rows = move || live.board.read().rows().cloned().collect::<Vec<_>>();
    let is_empty = Memo::new(move |_| live.board.read().rows().next().is_none());
    view! {
        <section aria-labelledby="latest">
            <h2 id="latest">"Latest"</h2>
            <Show when=move || is_empty.get()>
                <p class="empty" data-testid="empty">"Nothing has happened in the last ten minutes."</p>
            </Show>
            <ol tabindex="0" aria-labelledby="latest">
                <For each=rows key=|row| row.number let:row><Line row/></For>
            </ol>
        </section>
    }
}

#[component]
fn Line(row: Row) -> impl IntoView {
    match row.what {
        What::Gap(words) => view! { <li class="gap" data-testid="gap">{words}</li> }.into_any(),
        What::Event(id, event) => {
            let (kind, word, more) = match &event {
                Event::Placed { items, cents, .. } => {
                    let items = if *items == 1 { "1 item".to_owned() } else { format!("{items} items") };
                    ("placed", "Placed", format!("{items}, {}", euros((*cents).into())))
                }
                Event::Paid { cents, .. } => ("paid", "Paid", euros((*cents).into())),
                Event::Shipped { to, .. } => ("shipped", "Shipped", format!("to {to}")),
                Event::Cancelled { refund: 0, .. } => ("cancelled", "Cancelled", "not paid yet".to_owned()),
                Event::Cancelled { refund, .. } => {
                    ("cancelled", "Cancelled", format!("{} back", euros((*refund).into())))
                }
            };
            view! {
                <li class=kind data-testid="event" data-id=id>
                    <time>{time(event.at())}</time>
                    <b>{word}</b>
                    <span class="order">"#"{event.order()}</span>
                    <span class="more">{more}</span>
                </li>
            }
            .into_any()
        }
    }
}

/// The reader's time of day: `09:05:00`.
fn time(at: u64) -> String {
    if at > LAST {
        return "–".to_owned();
    }
    let date = Date::new(&(at as f64).into());
    let two = |number: u32| format!("{number:02}");
    [date.get_hours(), date.get_minutes(), date.get_seconds()].map(two).join(":")
}
