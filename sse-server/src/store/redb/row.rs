//! Rows as bytes: a checksum, a version, numbers, and fields that a later version may add to.
//!
//! ```text
//!   crc32  │ version │ numbers, each a varint │ tag, length, bytes │ tag, length, bytes │ …
//!  4 bytes │    1    │                        └──────── fields, in any order ─────────┘
//! ```
//!
//! The checksum is over the row's key and everything behind it, so a row that stands under a wrong key is found, too. A
//! field with a tag of 128 or above may be passed over by a program that does not know it; others change what the row
//! means, and the row is refused.

use super::Fault;

/// The version of the layout that the table above shows.
const VERSION: u8 = 1;

const SUM_BYTES: usize = 4;

/// Tags from here on may be passed over.
const OPTIONAL: u8 = 128;

/// A row that is being written.
pub(super) struct Row(Vec<u8>);

impl Row {
    /// An empty row with room for `bytes` bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        let mut row = Vec::with_capacity(bytes + 48);
        row.extend([0; SUM_BYTES]);
        row.push(VERSION);
        Self(row)
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        push_number(&mut self.0, number);
        self
    }

    pub(super) fn field(mut self, tag: u8, bytes: &[u8]) -> Self {
        self.0.push(tag);
        self = self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// The row under `key`, complete.
    pub(super) fn seal(mut self, key: u64) -> Vec<u8> {
        let sum = sum(key, &self.0[SUM_BYTES..]);
        self.0[..SUM_BYTES].copy_from_slice(&sum.to_le_bytes());
        self.0
    }
}

/// Adds `number` to what is being written: as a varint, as everywhere in a row.
pub(super) fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A row that is being read. Its checksum was right.
#[derive(Clone, Copy)]
pub(super) struct RowReader<'a> {
    /// What the row is, for error messages.
    what: &'static str,
    key: u64,
    rest: &'a [u8],
}

impl<'a> RowReader<'a> {
    /// Begins to read the row under `key`.
    pub(super) fn open(what: &'static str, key: u64, row: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Self { what, key, rest: &[] };
        let Some((stored, rest)) = row.split_first_chunk::<SUM_BYTES>() else {
            return Err(reader.damaged("it is cut short"));
        };
        if u32::from_le_bytes(*stored) != sum(key, rest) {
            return Err(reader.damaged("its checksum does not match"));
        }
        let Some((version, rest)) = rest.split_first() else { return Err(reader.damaged("it is cut short")) };
        if *version != VERSION {
            return Err(reader.damaged(&format!("it has the version {version}, which this program does not know")));
        }
        reader.rest = rest;
        Ok(reader)
    }

    /// Reads what is in a field.
    pub(super) const fn within(&self, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, ..*self }
    }

    /// Returns true if there is nothing left to read.
    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let Some((byte, rest)) = self.rest.split_first() else { return Err(self.damaged("it is cut short")) };
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.damaged("a number is too large"))
    }

    /// A number that has to be a `u32`.
    pub(super) fn small(&mut self) -> Result<u32, Fault> {
        let number = self.number()?;
        u32::try_from(number).map_err(|_| self.damaged("a number is too large"))
    }

    /// The next field, if there is one.
    pub(super) fn field(&mut self) -> Result<Option<(u8, &'a [u8])>, Fault> {
        let Some((tag, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.damaged("it is cut short"));
        };
        self.rest = rest;
        Ok(Some((*tag, bytes)))
    }

    /// Passes over a field that is not known, if that is allowed.
    pub(super) fn pass_over(&self, tag: u8) -> Result<(), Fault> {
        if tag >= OPTIONAL {
            return Ok(());
        }
        Err(self.damaged(&format!("it has the field {tag}, which this program does not know")))
    }

    pub(super) fn text(&self, bytes: &'a [u8]) -> Result<&'a str, Fault> {
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text in it is no UTF-8"))
    }

    pub(super) fn damaged(&self, why: &str) -> Fault {
        Fault::Row(format!("{} {}: {why}", self.what, self.key))
    }
}

/// The checksum of some numbers.
pub(super) fn sum_of(numbers: impl IntoIterator<Item = u64>) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    numbers.into_iter().for_each(|number| hash.update(&number.to_le_bytes()));
    hash.finalize()
}

fn sum(key: u64, rest: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&key.to_le_bytes());
    hash.update(rest);
    hash.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = (u64, u64, Vec<(u8, Vec<u8>)>);

    fn read(key: u64, row: &[u8]) -> Result<Parts, Fault> {
        let mut reader = RowReader::open("row", key, row)?;
        let (first, second) = (reader.number()?, reader.number()?);
        let mut fields = Vec::new();
        while let Some((tag, bytes)) = reader.field()? {
            fields.push((tag, bytes.to_vec()));
        }
        Ok((first, second, fields))
    }

    fn sealed(key: u64) -> Vec<u8> {
        Row::with_room(0).number(u64::MAX).number(0).field(1, b"").field(200, &[7; 300]).seal(key)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let fields = vec![(1, Vec::new()), (200, vec![7; 300])];
        assert_eq!(read(9, &sealed(9)).unwrap(), (u64::MAX, 0, fields));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_taken_for_a_row() {
        let row = sealed(9);
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(read(9, &flipped), Err(Fault::Row(_))), "{bit}");
        }
        for length in 0..row.len() {
            assert!(matches!(read(9, &row[..length]), Err(Fault::Row(_))), "{length}");
        }
        assert!(read(8, &row).is_err(), "it is another key's");
    }

    #[test]
    fn a_field_of_a_later_version_is_passed_over_only_if_that_is_allowed() {
        let reader = RowReader { what: "row", key: 1, rest: &[] };
        assert!(reader.pass_over(OPTIONAL).is_ok());
        assert!(reader.pass_over(OPTIONAL - 1).is_err());
    }
}
