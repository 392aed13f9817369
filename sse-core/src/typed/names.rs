//! The variant names that a type's `Deserialize` asks for.

use core::fmt;

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error, Visitor},
    forward_to_deserialize_any,
};

type Names = &'static [&'static str];

/// The names, if the type goes straight for an externally tagged enum.
pub(super) fn of<T: DeserializeOwned>() -> Option<Names> {
    T::deserialize(Asked).err().and_then(|Answer(names)| names)
}

/// Answers every request with an error: the one for an enum carries its variants.
struct Asked;

#[derive(Debug)]
struct Answer(Option<Names>);

impl<'de> Deserializer<'de> for Asked {
    type Error = Answer;

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, variants: Names, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Some(variants)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Answer> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(None))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl Error for Answer {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self(None)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the variants were asked for")
    }
}

impl core::error::Error for Answer {}
