//! WebSocket (RFC 6455) as a server speaks it to clients that only listen: the handshake's key, the headers of what is
//! sent, and a reader of what comes.
//!
//! A client's data is passed over and its control frames are returned. Nothing here joins fragments, since nothing that
//! a client says needs any. It knows nothing of what the frames that are sent carry.

mod frame;
mod reader;
#[cfg(test)]
mod tests;

pub use frame::{CloseCode, Header, MAX_HEADER, Opcode, close_frame, control_frame};
pub use reader::{ClientFrame, MAX_CLIENT_FRAME, Reader, WebSocketError};

use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};

/// What is added to a client's key before it is hashed (section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a client's key (section 4.1).
const KEY: usize = 16;

/// The only version there is (section 4.4).
pub const VERSION: &str = "13";

/// True if it is a `Sec-WebSocket-Key`: 16 bytes in base64.
pub fn is_key(key: &str) -> bool {
    let mut bytes = [0; KEY];
    Base64::decode(key, &mut bytes).is_ok_and(|bytes| bytes.len() == KEY)
}

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (section 4.2.2).
pub fn accept(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    Base64::encode_string(&hash)
}
