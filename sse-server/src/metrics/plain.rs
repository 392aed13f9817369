//! OpenMetrics text as Prometheus' older text format, version 0.0.4.

/// Converts OpenMetrics text. The samples are the same. In the older format the name of a counter is that of its
/// samples, which end with `_total`, and nothing marks the end.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut plain = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let kind = |line: &str| line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').nth(1)).map(str::to_owned);
        let suffix = match line.strip_prefix("# HELP ") {
            Some(_) => lines.peek().and_then(|next| kind(next)),
            None => kind(line),
        };
        match line.strip_prefix("# ").and_then(|comment| comment.split_once(' ')) {
            None if line == "# EOF" => continue,
            Some(("UNIT", _)) => continue,
            Some((keyword, rest)) if suffix.as_deref() == Some("counter") => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                plain.extend(["# ", keyword, " ", name, "_total ", rest]);
            }
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_has_the_name_of_its_samples() {
        let open_metrics = "# HELP sse_topics Topics.\n# TYPE sse_topics gauge\nsse_topics 2\n\
                            # HELP sse_ends Streams.\n# TYPE sse_ends counter\n# UNIT sse_ends x\n\
                            sse_ends_total{reason=\"client\"} 0\n# EOF\n";
        let expected = "# HELP sse_topics Topics.\n# TYPE sse_topics gauge\nsse_topics 2\n\
                        # HELP sse_ends_total Streams.\n# TYPE sse_ends_total counter\n\
                        sse_ends_total{reason=\"client\"} 0\n";
        assert_eq!(plain(open_metrics), expected);
    }
}
