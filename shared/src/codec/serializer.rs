//! Takes values apart for the [`Encoder`], in serde's terms.

use serde::{Serialize, Serializer};

use super::compound::{Pairs, Sequence};
use super::encoder::Encoder;
use super::error::Error;
use super::format::*;
use super::struct_writer::Fields;

macro_rules! numbers {
    ($($method:ident $number:ident $tag:ident),*) => {$(
        #[inline]
        fn $method(self, value: $number) -> Result<(), Error> {
            self.number($tag, value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'a, 'o> Serializer for &'a mut Encoder<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Sequence<'a, 'o>;
    type SerializeTuple = Sequence<'a, 'o>;
    type SerializeTupleStruct = Sequence<'a, 'o>;
    type SerializeTupleVariant = Sequence<'a, 'o>;
    type SerializeMap = Pairs<'a, 'o>;
    type SerializeStruct = Fields<'a, 'o>;
    type SerializeStructVariant = Fields<'a, 'o>;

    numbers!(
        serialize_u8 u8 U8, serialize_u16 u16 U16, serialize_u32 u32 U32, serialize_u64 u64 U64, serialize_u128 u128 U128,
        serialize_i8 i8 I8, serialize_i16 i16 I16, serialize_i32 i32 I32, serialize_i64 i64 I64, serialize_i128 i128 I128,
        serialize_f32 f32 F32, serialize_f64 f64 F64
    );

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.push(if value { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.number(CHAR, u32::from(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.run(STR, text.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.run(BYTES, bytes);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.out.push(NONE);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.out.push(SOME);
        self.only_part(value)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.push(UNIT);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _name: &'static str, index: u32, variant: &'static str) -> Result<(), Error> {
        self.variant((UNIT_VARIANT, OWN_UNIT_VARIANT), index, variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Error> {
        if self.put_known(value) { Ok(()) } else { value.serialize(self) }
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant((VARIANT, OWN_VARIANT), index, variant);
        self.only_part(value).map_err(|error| error.in_field(variant))
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Sequence<'a, 'o>, Error> {
        Sequence::begin(self, len, true)
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Sequence<'a, 'o>, Error> {
        // A long one is an array; of a short one, the elements may have several types.
        Sequence::begin(self, Some(len), len >= 8)
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Sequence<'a, 'o>, Error> {
        Sequence::begin(self, Some(len), false)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Sequence<'a, 'o>, Error> {
        self.variant((VARIANT, OWN_VARIANT), index, variant);
        // Its reader counts the variant and what it holds.
        let outer = self.enter()?;
        let mut fields = Sequence::begin(self, Some(len), false)?;
        fields.outer = outer;
        Ok(fields)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Pairs<'a, 'o>, Error> {
        Pairs::begin(self, len)
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields<'a, 'o>, Error> {
        Fields::begin(self, name, len)
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'o>, Error> {
        self.variant((VARIANT, OWN_VARIANT), index, variant);
        let outer = self.enter()?;
        let mut fields = Fields::begin(self, variant, len)?;
        fields.outer = outer;
        Ok(fields)
    }
}
