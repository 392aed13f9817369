//! An event's name and data as a value of an externally tagged enum.

use core::fmt;

use alloc::{borrow::ToOwned, string::ToString};
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, EnumAccess, Error, VariantAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::error::DecodeError;

pub(super) fn decode<T: DeserializeOwned>(name: &str, data: &str) -> Result<T, DecodeError> {
    T::deserialize(EventParts { name, data })
}

struct EventParts<'a> {
    name: &'a str,
    data: &'a str,
}

impl<'de> Deserializer<'de> for EventParts<'de> {
    type Error = DecodeError;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(Variant { known: variants.contains(&self.name), event: self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::custom("the type is not an externally tagged enum"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'a> {
    event: EventParts<'a>,
    /// Whether a variant has that name; otherwise the event goes to the variant that is `#[serde(other)]`.
    known: bool,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let name: StrDeserializer<'de, DecodeError> = StrDeserializer::new(self.event.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.event.data.trim_ascii() {
            "" | "null" => Ok(()),
            _ if !self.known => Ok(()), // the data of an unknown event is ignored
            _ => Err(DecodeError::Unit),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        self.content(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.content(|json| json.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.content(|json| json.deserialize_struct("", fields, visitor))
    }
}

type Json<'de> = serde_json::Deserializer<serde_json::de::StrRead<'de>>;

impl<'de> Variant<'de> {
    fn content<T>(self, read: impl FnOnce(&mut Json<'de>) -> serde_json::Result<T>) -> Result<T, DecodeError> {
        let mut json = serde_json::Deserializer::from_str(self.event.data);
        let value = read(&mut json).map_err(DecodeError::Data)?;
        json.end().map_err(DecodeError::Data)?;
        Ok(value)
    }
}

impl Error for DecodeError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Custom(message.to_string())
    }

    fn unknown_variant(variant: &str, _: &'static [&'static str]) -> Self {
        Self::Name(variant.to_owned())
    }
}
