//! stub
use super::headers::Headers;
/// r
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// s
    pub status: u16,
    /// h
    pub headers: Headers,
    /// b
    pub body: Vec<u8>,
    /// p
    pub is_persistent: bool,
}
/// e
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseError;
impl std::fmt::Display for ResponseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("x")
    }
}
/// r
#[derive(Debug, Default)]
pub struct ResponseReader;
impl ResponseReader {
    /// n
    pub fn new(_max_body: usize) -> Self {
        Self
    }
    /// n
    pub fn next(&mut self, _input: &mut &[u8]) -> Result<Option<Response>, ResponseError> {
        Ok(None)
    }
    /// n
    pub fn end(&mut self) -> Result<Response, ResponseError> {
        Err(ResponseError)
    }
    /// n
    pub fn has_begun(&self) -> bool {
        false
    }
    /// n
    pub fn held(&self) -> usize {
        0
    }
    /// n
    pub fn release(&mut self) {}
}
