//! What servers send, as a value: the client's view of a reply.
//!
//! A `Frame` owns its bytes and keeps the type that came over the wire, so a client can show a map as a map, and a test
//! can tell a null array from a null string.

mod decode;

pub use decode::{FrameDecoder, FrameError, FrameLimits, Progress};

use crate::write::{Aggregate, Encoder};

/// A value in either protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A status of one line, such as `OK`.
    Simple(Vec<u8>),
    /// An error, its code included; a line or (RESP3) a text of any bytes.
    Error(Vec<u8>),
    /// A signed integer.
    Integer(i64),
    /// A string of any bytes.
    Bulk(Vec<u8>),
    /// No value.
    Null,
    /// No value, where RESP2 would have an array.
    NullArray,
    /// Values in order.
    Array(Vec<Self>),
    /// Keys with their values, in the order in which they came.
    Map(Vec<(Self, Self)>),
    /// Values without order.
    Set(Vec<Self>),
    /// An event that is no reply to any command.
    Push(Vec<Self>),
    /// A double.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// The decimal text of an integer beyond 64 bits.
    BigNumber(Vec<u8>),
    /// Text with a hint at its format.
    Verbatim {
        /// `txt` or `mkd`.
        format: [u8; 3],
        /// The text without the hint.
        text: Vec<u8>,
    },
    /// A value with attributes that came before it.
    Attributed {
        /// What is said about the value.
        attributes: Vec<(Self, Self)>,
        /// The value itself.
        frame: Box<Self>,
    },
}

impl Frame {
    /// Whether this is an error, with attributes or without.
    pub fn is_error(&self) -> bool {
        self.error().is_some()
    }

    /// The text of an error.
    pub fn error(&self) -> Option<&[u8]> {
        match self.value() {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is one of the nulls.
    pub fn is_null(&self) -> bool {
        matches!(self.value(), Self::Null | Self::NullArray)
    }

    /// The bytes of a string, status, verbatim text or big number.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self.value() {
            Self::Simple(bytes) | Self::Bulk(bytes) | Self::BigNumber(bytes) => Some(bytes),
            Self::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The bytes of `bytes` as text, if they are UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// An integer.
    pub fn integer(&self) -> Option<i64> {
        match self.value() {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements of an array, set or push.
    pub fn elements(&self) -> Option<&[Self]> {
        match self.value() {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Some(elements),
            _ => None,
        }
    }

    /// The keys and values of a map, or of the flat array that stands for one in RESP2.
    pub fn pairs(&self) -> Option<Vec<(&Self, &Self)>> {
        match self.value() {
            Self::Map(pairs) => Some(pairs.iter().map(|(key, value)| (key, value)).collect()),
            Self::Array(elements) => {
                let (pairs, rest) = elements.as_chunks::<2>();
                rest.is_empty().then(|| pairs.iter().map(|[key, value]| (key, value)).collect())
            }
            _ => None,
        }
    }

    /// The value without its attributes.
    pub fn value(&self) -> &Self {
        let mut frame = self;
        while let Self::Attributed { frame: inner, .. } = frame {
            frame = inner;
        }
        frame
    }

    /// Writes the frame; types that RESP2 lacks are degraded as the encoder does.
    pub fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Simple(text) => encoder.simple(text),
            Self::Error(text) => encoder.error(text),
            Self::Integer(value) => encoder.integer(*value),
            Self::Bulk(bytes) => encoder.bulk(bytes),
            Self::Null => encoder.null(),
            Self::NullArray => encoder.null_array(),
            Self::Array(elements) => encode_elements(encoder, Aggregate::Array, elements),
            Self::Set(elements) => encode_elements(encoder, Aggregate::Set, elements),
            Self::Push(elements) => encode_elements(encoder, Aggregate::Push, elements),
            Self::Map(pairs) => {
                encoder.map(pairs.len());
                encode_pairs(encoder, pairs);
            }
            Self::Double(value) => encoder.double(*value),
            Self::Boolean(value) => encoder.boolean(*value),
            Self::BigNumber(decimal) => encoder.big_number(decimal),
            Self::Verbatim { format, text } => encoder.verbatim(*format, text),
            Self::Attributed { attributes, frame } => {
                if encoder.attribute(attributes.len()) {
                    encode_pairs(encoder, attributes);
                }
                frame.encode(encoder);
            }
        }
    }
}

fn encode_elements(encoder: &mut Encoder<'_>, kind: Aggregate, elements: &[Frame]) {
    encoder.aggregate(kind, elements.len());
    for element in elements {
        element.encode(encoder);
    }
}

fn encode_pairs(encoder: &mut Encoder<'_>, pairs: &[(Frame, Frame)]) {
    for (key, value) in pairs {
        key.encode(encoder);
        value.encode(encoder);
    }
}

#[cfg(test)]
mod tests;
