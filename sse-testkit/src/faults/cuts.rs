//! Bytes under every cut.

use bytes::Bytes;

use super::{
    Faults,
    machine::{FaultMachine, Next},
};

/// The cuts of `bytes` that find what a cut can break: whole, each byte alone, and every split in two.
///
/// ```
/// # use sse_testkit::faults::every_cut;
/// for chunks in every_cut("data: ü\r\n\r\n") {
///     let mut parser = sse_core::Parser::new();
///     let mut data = Vec::new();
///     for chunk in &chunks {
///         parser.feed(chunk, |item| if let sse_core::Item::Event(event) = item { data.push(event.data().to_owned()) });
///     }
///     assert_eq!(data, ["ü"], "cut as {chunks:?}");
/// }
/// assert_eq!(every_cut("abc").count(), 4);
/// ```
pub fn every_cut(bytes: impl Into<Bytes>) -> impl Iterator<Item = Vec<Bytes>> {
    let bytes = bytes.into();
    let (whole, single, two) = (bytes.clone(), bytes.clone(), bytes.clone());
    std::iter::once(vec![whole])
        .chain(std::iter::once_with(move || (0..single.len()).map(|at| single.slice(at..=at)).collect()))
        .chain((1..bytes.len()).map(move |at| vec![two.slice(..at), two.slice(at..)]))
}

impl Faults {
    /// The chunks that `bytes` come in, regardless of delays and credit, up to the end or to where the stream stalls or
    /// breaks off.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().cut_every(2).drop_after(5).chunks("abcdefgh"), ["ab", "cd", "e"]);
    /// ```
    #[must_use]
    pub fn chunks(&self, bytes: impl Into<Bytes>) -> Vec<Bytes> {
        let mut machine = FaultMachine::new(self);
        machine.feed(bytes.into());
        machine.end();
        std::iter::from_fn(|| match machine.next(true) {
            Next::Chunk(chunk) => Some(chunk),
            Next::Wait | Next::Stall | Next::End | Next::Reset => None,
        })
        .collect()
    }
}
