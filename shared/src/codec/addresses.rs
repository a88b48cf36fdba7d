//! Network addresses, recognised wherever they are inside a value.
//!
//! serde writes them as text. Their bytes are shorter, need no formatting and no parsing, and have
//! all of them: the text of an IPv6 socket lacks its flow information. A reader that requests
//! anything else than the address itself (a type that buffers what it reads, or has code of its
//! own) gets the text, as from JSON.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::error::Error;
use super::format::{ADDRESS, NONE, Reader, SOME};
use super::same_type::{as_type, as_type_mut, is_reference};

/// An address: each of the standard library's types converts into this one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Address {
    Ip(IpAddr),
    Socket(SocketAddr),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Socket(socket) => socket.fmt(f),
        }
    }
}

/// Calls a macro with each type, how a value becomes an [`Address`], and how one becomes a value.
macro_rules! for_all_addresses {
    ($use:ident) => {
        $use! {
            Ipv4Addr, |ip| Address::Ip(IpAddr::V4(ip)), Address::Ip(IpAddr::V4(ip)) => ip;
            Ipv6Addr, |ip| Address::Ip(IpAddr::V6(ip)), Address::Ip(IpAddr::V6(ip)) => ip;
            IpAddr, |ip| Address::Ip(ip), Address::Ip(ip) => ip;
            SocketAddrV4, |socket| Address::Socket(SocketAddr::V4(socket)), Address::Socket(SocketAddr::V4(socket)) => socket;
            SocketAddrV6, |socket| Address::Socket(SocketAddr::V6(socket)), Address::Socket(SocketAddr::V6(socket)) => socket;
            SocketAddr, |socket| Address::Socket(socket), Address::Socket(socket) => socket;
        }
    };
}

/// Appends `value` if it is an address, or an `Option` of one; returns whether it is.
#[inline]
pub(super) fn put<T: ?Sized>(value: &T, out: &mut Vec<u8>) -> bool {
    macro_rules! try_types {
        ($($address:ident, |$value:ident| $wrap:expr, $pattern:pat => $inner:expr;)*) => {$(
            // Without optimisation, a comparison of sizes costs less than one of types.
            if (size_of_val(value) == size_of::<$address>() || is_reference::<T>())
                && let Some($value) = as_type::<T, $address>(value).copied()
            {
                write($wrap, out);
                return true;
            }
            if (size_of_val(value) == size_of::<Option<$address>>() || is_reference::<T>())
                && let Some(optional) = as_type::<T, Option<$address>>(value).copied()
            {
                out.push(if optional.is_some() { SOME } else { NONE });
                if let Some($value) = optional {
                    write($wrap, out);
                }
                return true;
            }
        )*};
    }
    for_all_addresses!(try_types);
    false
}

/// Reads a `T` if it is a type that [`put`] writes, and such an address is next.
#[inline]
pub(super) fn take<T>(reader: &mut Reader<'_>) -> Result<Option<T>, Error> {
    let mut slot: Option<T> = None;
    macro_rules! try_types {
        ($($address:ident, |$value:ident| $wrap:expr, $pattern:pat => $inner:expr;)*) => {$(
            if size_of::<T>() == size_of::<$address>()
                && let Some(slot) = as_type_mut::<Option<T>, Option<$address>>(&mut slot)
            {
                let mut ahead = *reader;
                if ahead.take_tag(ADDRESS)
                    && let $pattern = read(&mut ahead)?
                {
                    (*slot, *reader) = (Some($inner), ahead);
                }
            } else if size_of::<T>() == size_of::<Option<$address>>()
                && let Some(slot) = as_type_mut::<Option<T>, Option<Option<$address>>>(&mut slot)
            {
                let mut ahead = *reader;
                if ahead.take_tag(SOME)
                    && ahead.take_tag(ADDRESS)
                    && let $pattern = read(&mut ahead)?
                {
                    (*slot, *reader) = (Some(Some($inner)), ahead);
                }
            }
        )*};
    }
    for_all_addresses!(try_types);
    Ok(slot)
}

const IP_V4: u8 = 0;
const IP_V6: u8 = 1;
const SOCKET_V4: u8 = 2;
const SOCKET_V6: u8 = 3;

fn write(address: Address, out: &mut Vec<u8>) {
    match address {
        Address::Ip(IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            out.extend_from_slice(&[ADDRESS, IP_V4, a, b, c, d]);
        }
        Address::Ip(IpAddr::V6(ip)) => {
            out.extend_from_slice(&[ADDRESS, IP_V6]);
            out.extend_from_slice(&ip.octets());
        }
        Address::Socket(SocketAddr::V4(socket)) => {
            out.extend_from_slice(&[ADDRESS, SOCKET_V4]);
            out.extend_from_slice(&socket.ip().octets());
            out.extend_from_slice(&socket.port().to_le_bytes());
        }
        Address::Socket(SocketAddr::V6(socket)) => {
            out.extend_from_slice(&[ADDRESS, SOCKET_V6]);
            out.extend_from_slice(&socket.ip().octets());
            out.extend_from_slice(&socket.port().to_le_bytes());
            out.extend_from_slice(&socket.flowinfo().to_le_bytes());
            out.extend_from_slice(&socket.scope_id().to_le_bytes());
        }
    }
}

/// Reads an address, once its tag was read.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Address, Error> {
    let kind = reader.byte()?;
    Ok(match kind {
        IP_V4 => Address::Ip(reader.array::<4>()?.into()),
        IP_V6 => Address::Ip(reader.array::<16>()?.into()),
        SOCKET_V4 => Address::Socket((reader.array::<4>()?, u16::from_le_bytes(reader.array()?)).into()),
        SOCKET_V6 => {
            let (ip, port) = (reader.array::<16>()?.into(), u16::from_le_bytes(reader.array()?));
            let (flow, scope) = (u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?));
            Address::Socket(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        _ => return Err(Error::unknown_tag()),
    })
}
