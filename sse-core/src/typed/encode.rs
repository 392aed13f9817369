//! A variant of an externally tagged enum as an event's name and data.

use core::fmt;

use alloc::string::{String, ToString};
use serde::{
    Serialize, Serializer,
    ser::{Error, Impossible, SerializeStructVariant, SerializeTupleVariant},
};

use super::error::EncodeError;
use crate::{Event, EventBuilder, EventName};

pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<EventBuilder, EncodeError> {
    let Content { name, data } = value.serialize(Variant)?;
    match EventName::new(name) {
        Ok(event_name) if !name.is_empty() => Ok(Event::builder().name(event_name).data(data)),
        _ => Err(EncodeError::Name(name)),
    }
}

struct Content {
    name: &'static str,
    data: String,
}

/// Serializes a variant and nothing else.
struct Variant;

/// A tuple or struct variant whose members are being written.
struct Members(Content);

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    serde_json::to_string(value).map_err(EncodeError::Data)
}

impl Members {
    fn new(name: &'static str, open: &str) -> Self {
        Self(Content { name, data: open.into() })
    }

    fn push(&mut self, key: Option<&str>, value: &str) -> Result<(), EncodeError> {
        let data = &mut self.0.data;
        if data.len() > 1 {
            data.push(',');
        }
        if let Some(key) = key {
            data.push_str(&json(key)?);
            data.push(':');
        }
        data.push_str(value);
        Ok(())
    }

    fn close(mut self, close: char) -> Content {
        self.0.data.push(close);
        self.0
    }
}

impl SerializeTupleVariant for Members {
    type Ok = Content;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(None, &json(value)?)
    }

    fn end(self) -> Result<Content, EncodeError> {
        Ok(self.close(']'))
    }
}

impl SerializeStructVariant for Members {
    type Ok = Content;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), EncodeError> {
        self.push(Some(key), &json(value)?)
    }

    fn end(self) -> Result<Content, EncodeError> {
        Ok(self.close('}'))
    }
}

type Never = Impossible<Content, EncodeError>;

macro_rules! refuse {
    ($($method:ident($($arg:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self $(, _: $arg)*) -> Result<$ok, EncodeError> {
            Err(EncodeError::NotAVariant)
        })*
    };
}

impl Serializer for Variant {
    type Ok = Content;
    type Error = EncodeError;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Members;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Members;

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Content, EncodeError> {
        Ok(Content { name, data: String::new() })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Content, EncodeError> {
        Ok(Content { name, data: json(value)? })
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Members, EncodeError> {
        Ok(Members::new(name, "["))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Members, EncodeError> {
        Ok(Members::new(name, "{"))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Content, EncodeError> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Content, EncodeError> {
        Err(EncodeError::NotAVariant)
    }

    refuse! {
        serialize_bool(bool) -> Content;
        serialize_i8(i8) -> Content;
        serialize_i16(i16) -> Content;
        serialize_i32(i32) -> Content;
        serialize_i64(i64) -> Content;
        serialize_u8(u8) -> Content;
        serialize_u16(u16) -> Content;
        serialize_u32(u32) -> Content;
        serialize_u64(u64) -> Content;
        serialize_f32(f32) -> Content;
        serialize_f64(f64) -> Content;
        serialize_char(char) -> Content;
        serialize_str(&str) -> Content;
        serialize_bytes(&[u8]) -> Content;
        serialize_none() -> Content;
        serialize_unit() -> Content;
        serialize_unit_struct(&'static str) -> Content;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
    }
}

impl Error for EncodeError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Custom(message.to_string())
    }
}
