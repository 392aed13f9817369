//! The variant names that a type's `Deserialize` asks for.

use core::fmt;

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error, Visitor},
    forward_to_deserialize_any,
};

type Names = &'static [&'static str];

/// The names, if `T` asks for an externally tagged enum and nothing else.
pub(super) fn of<T: DeserializeOwned>() -> Option<Names> {
    T::deserialize(NameProbe).err().and_then(|ProbedNames(names)| names)
}

/// Answers every request with an error: the one for an enum carries its variants.
struct NameProbe;

#[derive(Debug)]
struct ProbedNames(Option<Names>);

impl<'de> Deserializer<'de> for NameProbe {
    type Error = ProbedNames;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: Names,
        _: V,
    ) -> Result<V::Value, ProbedNames> {
        Err(ProbedNames(Some(variants)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ProbedNames> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedNames> {
        Err(ProbedNames(None))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl Error for ProbedNames {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self(None)
    }
}

impl fmt::Display for ProbedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the variants were asked for")
    }
}

impl core::error::Error for ProbedNames {}
