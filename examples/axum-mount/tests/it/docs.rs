//! The page about programs like this one shows code that compiles: each piece of it is in an example.

const PAGE: &str = include_str!("../../../../docs/embedding.md");

const SOURCES: [&str; 4] = [
    include_str!("../../src/lib.rs"),
    include_str!("../../src/main.rs"),
    include_str!("../../../hyper-mount/src/lib.rs"),
    include_str!("../../../warp-mount/src/lib.rs"),
];

/// The text as the page may have it: indented as it likes, without blank lines.
fn plain(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_code_in_the_page_is_that_of_the_examples() {
    let sources = SOURCES.map(plain);
    let pieces: Vec<&str> = PAGE.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(pieces.len() >= 7, "{} pieces were found", pieces.len());
    for piece in pieces {
        let code = plain(piece);
        assert!(sources.iter().any(|source| source.contains(&code)), "no example has\n{piece}");
    }
}
