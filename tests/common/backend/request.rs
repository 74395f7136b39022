//! A request as a backend gets it.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// A request.
#[derive(Clone, PartialEq)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub target: String,
    /// `HTTP/1.1`.
    pub version: String,
    /// In the order in which they came; the names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The decoded fields in their order: of the query, or with POST of a form in the body.
    pub fields: Vec<(String, String)>,
    /// The number of its connection at this backend, from 0.
    pub connection: usize,
    /// When its last byte came, since 1970.
    pub time: Duration,
}

impl Request {
    /// A request without its fields and its time, which are added.
    pub fn new(
        method: &str,
        target: &str,
        version: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Self {
        let (method, target, version) = (method.to_owned(), target.to_owned(), version.to_owned());
        let mut request = Self {
            method,
            target,
            version,
            headers,
            body,
            fields: Vec::new(),
            connection: 0,
            time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
        };
        request.fields = match request.header("content-type") {
            _ if request.method == "GET" => fields(request.query().as_bytes()),
            "application/x-www-form-urlencoded" => fields(&request.body),
            _ => Vec::new(),
        };
        request
    }

    /// Reads the next request of a connection; none at its end.
    pub fn read(reader: &mut impl BufRead, connection: usize) -> io::Result<Option<Self>> {
        let Some(first) = line(reader)? else { return Ok(None) };
        let mut words = first.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let (method, target, version) = (word(), word(), word());
        let mut headers = Vec::new();
        while let Some(line) = line(reader)?.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length =
            length.map_or(Ok(0), |(_, value)| value.parse()).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { connection, ..Self::new(method, target, version, headers, body) }))
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What stands behind the first `?` of the target.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of this name, or "".
    pub fn header(&self, name: &str) -> &str {
        first(&self.headers, name)
    }

    /// The first field of this name, or "".
    pub fn field(&self, name: &str) -> &str {
        first(&self.fields, name)
    }

    /// The names of its fields.
    pub fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|(name, _)| &**name).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// True if the client keeps the connection open for a further request.
    pub fn is_persistent(&self) -> bool {
        self.version == "HTTP/1.1" && !self.header("connection").eq_ignore_ascii_case("close")
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} {} {:?} on connection {}", self.method, self.target, body, self.connection)
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// A line without its end; none at the end of the connection. Bytes beyond ASCII stay as they came, each a character.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.take(1 << 20).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = line.strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Ok(Some(text.iter().map(|byte| char::from(*byte)).collect()))
}

/// The fields of a form as PHP and Express read it: `+` is a blank, and a broken escape stands for itself.
pub fn fields(form: &[u8]) -> Vec<(String, String)> {
    let pieces = form.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    let pair = |piece: &[u8]| {
        let (name, value) = match piece.iter().position(|byte| *byte == b'=') {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &[][..]),
        };
        (decoded(name), decoded(value))
    };
    pieces.map(pair).collect()
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if escape.is_some() { &behind[2..] } else { behind };
        bytes.push(escape.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_fields_of_a_form_are_decoded_in_their_order() {
    let read = fields(b"b=2&a=x%20y+z&&name&b=%zz&u=%c3%BC%");
    let expected = [("b", "2"), ("a", "x y z"), ("name", ""), ("b", "%zz"), ("u", "\u{fc}%")];
    assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
