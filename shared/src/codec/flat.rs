//! Numbers and vectors of numbers, copied as they lie in memory.

use std::any::Any;

use bytemuck::Pod;

/// Returns the bytes of `value` as they lie in memory, if it is a number or a vector of numbers.
///
/// The type tests compare constants, so that no instance of this function has a search.
pub(super) fn view<T: 'static>(value: &T) -> Option<&[u8]> {
    let value = value as &dyn Any;
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if let Some(number) = value.downcast_ref::<$number>() {
                return Some(bytemuck::bytes_of(number));
            }
            if let Some(numbers) = value.downcast_ref::<Vec<$number>>() {
                return Some(bytemuck::cast_slice(numbers));
            }
        )*};
    }
    try_types!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
    None
}

/// Fills `slot` if its type is a number or a vector of numbers; returns whether it was.
pub(super) fn decode<T: 'static>(bytes: &[u8], slot: &mut Option<T>) -> Result<bool, String> {
    let slot = slot as &mut dyn Any;
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if let Some(slot) = slot.downcast_mut::<Option<$number>>() {
                *slot = Some(one(bytes)?);
                return Ok(true);
            }
            if let Some(slot) = slot.downcast_mut::<Option<Vec<$number>>>() {
                *slot = Some(many(bytes)?);
                return Ok(true);
            }
        )*};
    }
    try_types!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
    Ok(false)
}

fn one<N: Pod>(bytes: &[u8]) -> Result<N, String> {
    bytemuck::try_pod_read_unaligned(bytes).map_err(|_| wrong_size::<N>(bytes))
}

fn many<N: Pod>(bytes: &[u8]) -> Result<Vec<N>, String> {
    if !bytes.len().is_multiple_of(size_of::<N>()) {
        return Err(wrong_size::<N>(bytes));
    }
    Ok(bytemuck::pod_collect_to_vec(bytes))
}

fn wrong_size<N>(bytes: &[u8]) -> String {
    format!("{} bytes are not a whole number of {}", bytes.len(), std::any::type_name::<N>())
}
