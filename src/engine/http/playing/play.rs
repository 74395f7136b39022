//! What a request plays, as a module has read it.

use crate::engine::ids::AppId;
use crate::http::ResponseHead;
use crate::media::flv::form::FlvForm;

/// A live stream as the answer to a request, without an end.
#[derive(Debug)]
pub struct HttpPlay {
    /// The application.
    pub app: AppId,
    /// The name of the stream, decoded.
    pub name: String,
    /// The arguments, as they came: keys, and what callbacks get.
    pub args: String,
    /// How the stream is sent.
    pub form: FlvForm,
    /// Whether the client has asked for a WebSocket. Then the head accepts that.
    pub is_websocket: bool,
    /// The head of the answer: its status and fields. A refusal has those of its fields that are defaults.
    pub head: ResponseHead,
}
