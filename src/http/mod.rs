//! HTTP/1.1 as a server speaks it, sans-I/O: bytes in, requests out; heads and bodies to send back. And as a client
//! speaks it: `client/`.
//!
//! A body of a request is read only where somebody takes it; elsewhere it is refused with the head that announces it.
//! Nothing here opens a file, reads a clock or knows of streams.

mod body;
pub mod client;
mod headers;
pub mod json;
pub mod look;
pub mod path;
pub mod reader;
mod representation;
pub mod request;
pub mod response;
pub mod url;
pub mod websocket;
pub mod xml;

pub use body::framing::RequestBody;
pub use headers::{Headers, HttpError, Method};
pub use reader::RequestReader;
pub use representation::{accept, conditional, mime, range};
pub use request::Request;
pub use response::ResponseHead;
pub use url::{Authority, Url};
