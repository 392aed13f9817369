//! The medians as tables.

use std::fmt::Write;

use super::{
    peers::Kind,
    plan::{Case, Plan, Work},
};
use crate::{
    cores::Cores,
    load::Figures,
    results::Results,
    table::{self, Table, grouped, number, ratio, thousands},
};

pub(crate) fn all(
    plan: &Plan,
    results: &Results<Case, Figures>,
    remarks: &[String],
    rounds: u32,
    cores: &Cores,
) -> String {
    let mut text = table::heading(rounds, &cores.describe());
    let has = |work| plan.most(work).is_some();
    if has(Work::Burst) {
        plan.sizes.iter().for_each(|size| text.push_str(&fanout(plan, results, *size)));
        text.push_str(&memory(plan, results));
    }
    if has(Work::Sets) {
        text.push_str(&mixes(plan, results));
        text.push_str(&others(plan, results));
    }
    if has(Work::Publish) {
        text.push_str(&publishing(plan, results));
    }
    if has(Work::Latency) {
        text.push_str(&latency(plan, results));
    }
    if has(Work::Settled) {
        text.push_str(&tls(plan, results));
    }
    text.push_str(&table::last_words(&plan.left_out, remarks));
    text
}

/// The servers that are in the plan, in the order of the tables.
fn servers(plan: &Plan) -> Vec<Kind> {
    let planned = |server: &Kind| plan.cases().iter().any(|case| case.server == *server);
    Kind::FANOUT.into_iter().filter(planned).collect()
}

fn fanout(plan: &Plan, results: &Results<Case, Figures>, subscribers: u32) -> String {
    let mut table = Table::new(&[
        "server",
        "burst, µs",
        "of loop",
        "of warp",
        "deliveries/s",
        "lockstep, µs",
        "of loop",
        "of warp",
        "connect, s",
        "retried",
    ]);
    for server in servers(plan) {
        let at = |work, server, figure: fn(&Figures) -> Option<f64>| {
            results.median(&plan.case(work, subscribers, server), figure)
        };
        let mut row = vec![server.to_string()];
        for work in [Work::Burst, Work::Lockstep] {
            let own = at(work, server, |figures| figures.per_delivery);
            row.push(number(own, 2));
            for other in [Kind::Loop, Kind::Warp] {
                row.push(ratio(own, at(work, other, |figures| figures.per_delivery)));
            }
            if work == Work::Burst {
                row.push(thousands(at(work, server, |figures| figures.deliveries)));
            }
        }
        row.push(number(at(Work::Burst, server, |figures| figures.connect), 2));
        row.push(number(at(Work::Burst, server, |figures| figures.retried), 0));
        table.row(row);
    }
    format!("\nCPU for each delivery, {} subscribers of one topic:\n\n{}", grouped(subscribers), table.render())
}

fn memory(plan: &Plan, results: &Results<Case, Figures>) -> String {
    let sizes: Vec<String> = plan.sizes.iter().map(|size| grouped(*size)).collect();
    let mut header = vec!["server"];
    header.extend(sizes.iter().map(String::as_str));
    let pair = match plan.sizes[..] {
        [.., less, more] => Some((less, more)),
        _ => None,
    };
    let between = pair.map(|(less, more)| format!("each between {} and {}", grouped(less), grouped(more)));
    header.extend(between.as_deref());
    let mut table = Table::new(&header);
    for server in servers(plan) {
        let grown = |size| {
            // the memory is the same in both works: that of idle streams
            let works = [Work::Burst, Work::Lockstep].map(|work| plan.case(work, size, server));
            let medians: Vec<f64> =
                works.iter().filter_map(|case| results.median(case, |figures| figures.grown)).collect();
            (!medians.is_empty()).then(|| medians.iter().sum::<f64>() / medians.len() as f64)
        };
        let mut row = vec![server.to_string()];
        row.extend(plan.sizes.iter().map(|size| number(grown(*size).map(|bytes| bytes / f64::from(*size)), 0)));
        if let Some((less, more)) = pair {
            let each =
                grown(more).zip(grown(less)).map(|(more_bytes, bytes)| (more_bytes - bytes) / f64::from(more - less));
            row.push(number(each, 0));
        }
        table.row(row);
    }
    format!("\nProcess memory, bytes for each idle subscriber:\n\n{}", table.render())
}

fn mixes(plan: &Plan, results: &Results<Case, Figures>) -> String {
    let mut table = Table::new(&["this hub", "subscribers", "µs a delivery", "ratio", "µs an event", "bytes each"]);
    let per_delivery =
        |work| results.median(&plan.case(work, plan.mixed, Kind::HubShards), |figures| figures.per_delivery);
    for (work, name) in [
        (Work::Together, "one topic"),
        (Work::Sets, "10 topics of 500 each"),
        (Work::Patterns, "10 patterns of 1,000 each"),
        (Work::Hot, "a hot topic, 99 of 100 events to 99,999 others"),
        (Work::Pairs, "64 topics of 5,000 each"),
        (Work::Lockstep, "one topic, lockstep"),
        (Work::SetsApart, "10 topics of 500 each, one event a request"),
    ] {
        // an event that is written alone is compared with one
        let alone = matches!(work, Work::Lockstep | Work::SetsApart);
        let one = per_delivery(if alone { Work::Lockstep } else { Work::Together });
        let subscribers = if work == Work::Pairs { plan.most(work).unwrap_or(plan.mixed) } else { plan.mixed };
        let case = plan.case(work, subscribers, Kind::HubShards);
        let each = results.median(&case, |figures| figures.per_delivery);
        let bytes = results.median(&case, |figures| figures.grown).map(|bytes| bytes / f64::from(subscribers));
        let event = results.median(&case, |figures| figures.per_event);
        table.row(vec![
            name.to_owned(),
            grouped(subscribers),
            number(each, 2),
            ratio(each, one),
            number(event, 1),
            number(bytes, 0),
        ]);
    }
    format!(
        "\nMany sets, about 60 events for each subscriber, published in one request but for the last two rows:\n\n{}",
        table.render()
    )
}

fn others(plan: &Plan, results: &Results<Case, Figures>) -> String {
    let median = |work, subscribers, figure: fn(&Figures) -> Option<f64>| {
        results.median(&plan.case(work, subscribers, Kind::HubShards), figure)
    };
    let mut table = Table::new(&["this hub", "", "compared with", "", "ratio"]);
    let mut compare = |name: &str, unit: &str, own: Option<f64>, with: &str, other: Option<f64>, digits| {
        let of = |value| format!("{} {unit}", number(value, digits));
        table.row(vec![name.to_owned(), of(own), with.to_owned(), of(other), ratio(own, other)]);
    };
    if let Some(most) = plan.most(Work::Unread).filter(|most| *most > 1_000) {
        let [more, less] = [most, 1_000].map(|size| median(Work::Unread, size, |figures| figures.per_event));
        let name = format!("publishing to topics nobody reads, {} subscribers", grouped(most));
        compare(&name, "µs an event", more, "1,000 subscribers", less, 1);
    }
    let slow = |figure| median(Work::Slow, 1_000, figure);
    let apart = |figure| median(Work::Apart, 800, figure);
    let with = "the 800 alone";
    let each = |figures: &Figures| figures.per_delivery;
    compare("800 readers beside 200 at 1 byte/s, CPU", "µs a delivery", slow(each), with, apart(each), 2);
    let p99 = |figures: &Figures| figures.p99;
    compare("800 readers beside 200 at 1 byte/s, p99", "ms", slow(p99), with, apart(p99), 2);
    let mut text = format!("\nTopics without readers, slow readers:\n\n{}", table.render());
    if let Some(most) = plan.most(Work::Idle) {
        let cpu = number(median(Work::Idle, most, |figures| figures.cpu), 2);
        let _ = write!(text, "\n{} idle subscribers with heartbeats take {cpu}% of a core.\n", grouped(most));
    }
    text
}

fn publishing(plan: &Plan, results: &Results<Case, Figures>) -> String {
    let mut table = Table::new(&["server", "events/s", "of the route", "µs CPU an event", "tool's CPU"]);
    let route = results.median(&plan.case(Work::Publish, 0, Kind::Route), |figures| figures.events);
    let planned = |server: &Kind| plan.cases().contains(&plan.case(Work::Publish, 0, *server));
    for server in [Kind::HubShards, Kind::Beside, Kind::Route].into_iter().filter(planned) {
        let case = plan.case(Work::Publish, 0, server);
        let events = results.median(&case, |figures| figures.events);
        table.row(vec![
            server.to_string(),
            thousands(events),
            ratio(events, route),
            number(results.median(&case, |figures| figures.per_event), 1),
            format!("{}%", number(results.median(&case, |figures| figures.tool), 0)),
        ]);
    }
    format!("\nPublishing over 64 connections to a topic without subscribers:\n\n{}", table.render())
}

fn latency(plan: &Plan, results: &Results<Case, Figures>) -> String {
    let mut table = Table::new(&["server", "p50, ms", "p99, ms", "of loop"]);
    let at =
        |server, figure: fn(&Figures) -> Option<f64>| results.median(&plan.case(Work::Latency, 1_000, server), figure);
    let bare = at(Kind::Loop, |figures| figures.p99);
    for server in servers(plan) {
        let p99 = at(server, |figures| figures.p99);
        table.row(vec![
            server.to_string(),
            number(at(server, |figures| figures.p50), 2),
            number(p99, 2),
            ratio(p99, bare),
        ]);
    }
    format!("\nFrom publish to arrival, 1,000 subscribers, 100 events a second:\n\n{}", table.render())
}

fn tls(plan: &Plan, results: &Results<Case, Figures>) -> String {
    let sizes = plan.encrypted();
    let name = |what: &str, size: &u32| format!("{what}, {}", grouped(*size));
    let mut header = vec!["server".to_owned()];
    header.extend(sizes.iter().map(|size| name("bytes each", size)));
    header.extend(sizes.iter().flat_map(|size| [name("lockstep, µs", size), "of plain".to_owned()]));
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let planned = |server: &Kind| plan.cases().iter().any(|case| case.work == Work::Settled && case.server == *server);
    for server in Kind::TLS.into_iter().filter(planned) {
        let lockstep = |size, server| {
            results.median(&plan.case(Work::Lockstep, size, server), |figures: &Figures| figures.per_delivery)
        };
        let mut row = vec![server.to_string()];
        for size in &sizes {
            let grown = results.median(&plan.case(Work::Settled, *size, server), |figures| figures.settled);
            row.push(number(grown.map(|bytes| bytes / f64::from(*size)), 0));
        }
        for size in &sizes {
            let own = lockstep(*size, server);
            row.extend([number(own, 2), ratio(own, lockstep(*size, Kind::HubShards))]);
        }
        table.row(row);
    }
    format!(
        "\nTLS: process memory for each idle subscriber, CPU for each delivery in lockstep; nginx and the hub behind it together:\n\n{}",
        table.render()
    )
}
