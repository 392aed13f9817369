//! The cuts of a stream.

use std::fmt;

/// A stream of up to this many bytes is split everywhere.
const SPLIT_EVERYWHERE: usize = 8 << 10;
/// A longer one is split everywhere in this many bytes at both ends.
const ENDS: usize = 256;
/// About how many splits a longer stream has between its ends. The stride is odd, so that in a stream of short lines of
/// equal length the splits fall on every position in a line.
const BETWEEN: usize = 250;

/// The size of the chunks in which a longer stream is read between its ends; odd for the same reason. One byte at a
/// time would take minutes with a parser that scans a line from its start again for each chunk.
const CHUNK: usize = 13;

/// How a stream was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VectorCut {
    Whole,
    AsGiven,
    Bytes,
    SmallChunks,
    After(usize),
}

impl fmt::Display for VectorCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::AsGiven => f.write_str("as the vector has it"),
            Self::Bytes => f.write_str("one byte at a time"),
            Self::SmallChunks => f.write_str("a few bytes at a time"),
            Self::After(1) => f.write_str("cut after 1 byte"),
            Self::After(bytes) => write!(f, "cut after {bytes} bytes"),
        }
    }
}

/// Calls `each` with the chunks of every cut, until it returns false.
pub(super) fn every_cut(chunks: &[Vec<u8>], mut each: impl FnMut(VectorCut, &[&[u8]]) -> bool) {
    let whole = chunks.concat();
    let given: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let (small, chunks) = small_chunks(&whole);
    let goes_on = each(VectorCut::Whole, &[&whole])
        && (given.len() == 1 || each(VectorCut::AsGiven, &given)) // a single chunk is the whole stream
        && each(small, &chunks);
    if goes_on {
        let _ = splits(whole.len()).all(|at| {
            let (first, second) = whole.split_at(at);
            each(VectorCut::After(at), &[first, second])
        });
    }
}

fn small_chunks(whole: &[u8]) -> (VectorCut, Vec<&[u8]>) {
    if whole.len() <= SPLIT_EVERYWHERE {
        return (VectorCut::Bytes, whole.chunks(1).collect());
    }
    let (first, rest) = whole.split_at(ENDS);
    let (between, last) = rest.split_at(rest.len() - ENDS);
    (VectorCut::SmallChunks, first.chunks(1).chain(between.chunks(CHUNK)).chain(last.chunks(1)).collect())
}

fn splits(len: usize) -> impl Iterator<Item = usize> {
    let (left, right, stride) =
        if len <= SPLIT_EVERYWHERE { (len, len, 1) } else { (ENDS, len - ENDS, (len / BETWEEN) | 1) };
    (1..left).chain((left..right).step_by(stride)).chain(right..len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(chunks: &[&str]) -> Vec<(VectorCut, Vec<String>)> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
        let mut seen = Vec::new();
        every_cut(&chunks, |cut, chunks| {
            seen.push((cut, chunks.iter().map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect()));
            true
        });
        seen
    }

    #[test]
    fn each_cut_once() {
        let chunks = |chunks: &[&str]| chunks.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            cuts(&["", "abc"]),
            [
                (VectorCut::Whole, chunks(&["abc"])),
                (VectorCut::AsGiven, chunks(&["", "abc"])),
                (VectorCut::Bytes, chunks(&["a", "b", "c"])),
                (VectorCut::After(1), chunks(&["a", "bc"])),
                (VectorCut::After(2), chunks(&["ab", "c"])),
            ]
        );
        assert_eq!(cuts(&[""]).len(), 2);
    }

    #[test]
    fn long_streams_are_split_often_enough() {
        assert_eq!(splits(SPLIT_EVERYWHERE).collect::<Vec<_>>(), (1..SPLIT_EVERYWHERE).collect::<Vec<_>>());
        let len = 16_001;
        let splits: Vec<_> = splits(len).collect();
        assert!(splits.is_sorted_by(|a, b| a < b) && (700..900).contains(&splits.len()), "{}", splits.len());
        assert_eq!((splits.first(), splits.last()), (Some(&1), Some(&(len - 1))));
        // the lines of that stream have 8 bytes
        assert!((0..8).all(|place| splits.iter().filter(|at| **at > ENDS && **at % 8 == place).count() > 20));
    }

    #[test]
    fn long_streams_are_read_in_small_chunks() {
        let stream = vec![b'x'; SPLIT_EVERYWHERE + 1];
        let (cut, chunks) = small_chunks(&stream);
        assert_eq!((cut, chunks.concat()), (VectorCut::SmallChunks, stream.clone()));
        assert!(chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
        assert_eq!(small_chunks(&stream[1..]).0, VectorCut::Bytes);
    }

    #[test]
    fn it_stops_when_told() {
        let mut calls = 0;
        every_cut(&[b"abc".to_vec()], |cut, _| {
            calls += 1;
            cut != VectorCut::After(1)
        });
        assert_eq!(calls, 3);
    }
}
