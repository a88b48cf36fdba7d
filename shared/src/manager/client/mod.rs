//! The client's side: a [connection](server_connection) to the manager's server in each process,
//! with a session for each call that is under way. Sessions are opened at an [endpoint]; a call
//! returns an [`Answer`](super::message::Answer).

mod endpoint;
mod server_connection;

pub(super) use endpoint::Endpoint;
pub(super) use server_connection::ServerConnection;
