//! The files that `docs/operations.md` shows.

use std::path::Path;

/// The fenced block in this language, below this heading.
pub(crate) fn block(heading: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let document = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, section) = document.split_once(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n### ").next().unwrap_or_default();
    let (_, block) = section.split_once(&format!("\n```{language}\n")).unwrap_or_else(|| panic!("no {language}"));
    let (block, _) = block.split_once("\n```").expect("the block ends");
    format!("{block}\n")
}

/// The file with something else in this place, which it must have: what a test changes is written here, and nothing is
/// changed unnoticed.
pub(crate) fn replaced(file: &str, place: &str, with: &str) -> String {
    assert!(file.contains(place), "the document does not have {place:?} any more:\n{file}");
    file.replace(place, with)
}

/// The file without the lines that hold this.
pub(crate) fn without(file: &str, part: &str) -> String {
    assert!(file.contains(part), "the document does not have {part:?} any more:\n{file}");
    file.lines().filter(|line| !line.contains(part)).map(|line| format!("{line}\n")).collect()
}
