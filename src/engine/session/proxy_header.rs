//! The PROXY protocol, versions 1 and 2: the header in which a proxy tells the address of its client, sans-I/O.
//!
//! From haproxy's "The PROXY protocol", section 2. The header comes before all else on a connection. Only the source
//! address is taken; the destination and the TLVs are skipped. Whether the proxy is believed is decided in `proxy.rs`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The longest header of version 1 with its line end, bytes (section 2.1).
pub const MAX_TEXT: usize = 107;
/// The longest header of version 2 that is taken, bytes; the format allows 65 551. One with long TLVs has some hundreds.
pub const MAX_BINARY: usize = 4096;

const TEXT_START: &[u8] = b"PROXY ";
const BINARY_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a header of version 2 before the addresses: the start, command, family, and length.
const BINARY_HEAD: usize = BINARY_START.len() + 4;

/// The address that a header tells of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The client's address.
    Client(SocketAddr),
    /// None, as the proxy itself is the client (`LOCAL`), or as it does not know one (`UNKNOWN`).
    Own,
}

/// The reason for which a connection does not begin with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// The first bytes are those of no header.
    Missing,
    /// The header is longer than [`MAX_TEXT`] or [`MAX_BINARY`].
    TooLong,
    /// The header of this version has something in it that the protocol does not allow.
    Malformed(u8),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the connection does not begin with a PROXY header"),
            Self::TooLong => {
                write!(f, "the PROXY header is longer than {MAX_TEXT} (version 1) or {MAX_BINARY} bytes (2)")
            }
            Self::Malformed(version) => write!(f, "the PROXY header of version {version} is malformed"),
        }
    }
}

/// Reads a header that may come in several pieces.
#[derive(Debug, Default)]
pub struct HeaderReader {
    /// The pieces so far. Invariant: a part of a header that may still become a whole one.
    held: Vec<u8>,
}

impl HeaderReader {
    /// Takes the header from the front of `input`, or all of `input` if more is needed. After an error it takes
    /// nothing more.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Source>, HeaderError> {
        let before = self.held.len();
        // A part that is kept is shorter than a header may be, so no more than that is looked at.
        let looked_at = input.len().min(MAX_BINARY);
        self.held.extend_from_slice(input.get(..looked_at).unwrap_or_default());
        let Some((source, length)) = parse(&self.held)? else {
            *input = &[];
            return Ok(None);
        };
        *input = input.get(length.saturating_sub(before)..).unwrap_or_default();
        self.held = Vec::new();
        Ok(Some(source))
    }

    /// Bytes of memory that an unfinished header takes.
    pub fn memory(&self) -> usize {
        self.held.capacity()
    }
}

/// How far the PROXY header of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// More of it has to come; all input has been taken.
    Awaited,
    /// There is none, or it has been taken from the input.
    Done,
    /// The connection is refused, and its session closes.
    Refused,
}

/// A PROXY header that has not come yet.
#[derive(Debug)]
pub struct AwaitedHeader {
    reader: HeaderReader,
    /// Whether its address will be that of the session.
    is_trusted: bool,
}

impl AwaitedHeader {
    /// A header of which nothing has come.
    pub fn new(is_trusted: bool) -> Self {
        Self { reader: HeaderReader::default(), is_trusted }
    }

    /// Takes the header from the front of `input`, as [`HeaderReader::next`].
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Source>, HeaderError> {
        self.reader.next(input)
    }

    /// Whether its address will be that of the session.
    pub fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// Bytes of memory that the part of it takes which has come.
    pub fn memory(&self) -> usize {
        self.reader.memory()
    }

    /// Frees that part, as no more is read.
    pub fn release(&mut self) {
        self.reader = HeaderReader::default();
    }
}

/// The source and the length of a header; none if it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(Source, usize)>, HeaderError> {
    if begins(bytes, TEXT_START) {
        return parse_text(bytes);
    }
    if begins(bytes, BINARY_START) {
        return parse_binary(bytes);
    }
    Err(HeaderError::Missing)
}

/// Whether bytes begin with `start`, as far as there are any.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, expected)| byte == expected)
}

/// Version 1 (section 2.1): one line, such as "PROXY TCP4 192.0.2.1 192.0.2.2 5000 1935".
fn parse_text(bytes: &[u8]) -> Result<Option<(Source, usize)>, HeaderError> {
    let end = bytes.windows(2).take(MAX_TEXT - 1).position(|pair| pair == b"\r\n");
    let Some(end) = end else {
        return if bytes.len() < MAX_TEXT { Ok(None) } else { Err(HeaderError::TooLong) };
    };
    let line = bytes.get(TEXT_START.len()..end).and_then(|line| std::str::from_utf8(line).ok());
    let source = line.and_then(text_source).ok_or(HeaderError::Malformed(1))?;
    Ok(Some((source, end + 2)))
}

/// The source in the line behind "PROXY ".
fn text_source(line: &str) -> Option<Source> {
    let mut words = line.split(' ');
    let is_ipv4 = match words.next()? {
        "UNKNOWN" => return Some(Source::Own), // whatever follows
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let mut address = || words.next()?.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == is_ipv4);
    let (source, _) = (address()?, address()?);
    let mut port = || words.next().filter(|word| is_decimal(word)).and_then(|word| u16::from_str(word).ok());
    let (port, _) = (port()?, port()?);
    words.next().is_none().then_some(Source::Client(SocketAddr::new(source, port)))
}

/// Whether a number is written as the protocol has it: without a sign and without leading zeros.
fn is_decimal(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'))
}

/// Version 2 (section 2.2): start, version and command, family and transport, length, addresses, TLVs.
fn parse_binary(bytes: &[u8]) -> Result<Option<(Source, usize)>, HeaderError> {
    let malformed = HeaderError::Malformed(2);
    let rest = bytes.get(BINARY_START.len()..).unwrap_or_default();
    let is_local = match rest.first() {
        None => return Ok(None),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Err(malformed),
    };
    let Some(&[family, high, low]) = rest.get(1..4) else { return Ok(None) };
    let length = BINARY_HEAD + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_BINARY {
        return Err(HeaderError::TooLong);
    }
    let Some(addresses) = bytes.get(BINARY_HEAD..length) else { return Ok(None) };
    let source = if is_local { Source::Own } else { binary_source(family, addresses).ok_or(malformed)? };
    Ok(Some((source, length)))
}

/// The source of a connection of this family and transport. Datagrams and Unix sockets have none that could be used.
fn binary_source(family: u8, addresses: &[u8]) -> Option<Source> {
    let port = |at: usize| Some(u16::from_be_bytes(*addresses.get(at..)?.first_chunk()?));
    match family {
        0x11 if addresses.len() >= 12 => {
            let ip: [u8; 4] = *addresses.first_chunk()?;
            Some(Source::Client((ip, port(8)?).into()))
        }
        0x21 if addresses.len() >= 36 => {
            let ip: [u8; 16] = *addresses.first_chunk()?;
            Some(Source::Client((ip, port(32)?).into()))
        }
        0x11 | 0x21 => None,
        // An unknown family or transport (0), datagrams (2), and Unix sockets (0x3_).
        _ if family >> 4 <= 3 && family & 0xf <= 2 => Some(Source::Own),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header of version 2 with this command and family.
    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [BINARY_START, &[command, family], &length, addresses].concat()
    }

    fn ipv4() -> Vec<u8> {
        vec![192, 0, 2, 1, 192, 0, 2, 2, 0x13, 0x88, 7, 0x8f]
    }

    fn ipv6() -> Vec<u8> {
        let mut addresses = [0x20, 1, 0xd, 0xb8].to_vec();
        addresses.extend([0; 11]);
        addresses.push(1);
        addresses.extend([0; 16]);
        addresses.extend([0x13, 0x88, 7, 0x8f]);
        addresses
    }

    fn client(text: &str) -> Source {
        Source::Client(text.parse().unwrap())
    }

    /// The source of a header that is cut at `split`, and what is left behind it.
    fn read(bytes: &[u8], split: usize) -> Result<Option<(Source, Vec<u8>)>, HeaderError> {
        let mut reader = HeaderReader::default();
        let (mut first, mut second) = bytes.split_at(split);
        let left = |source: Source, rest: &[u8]| Some((source, rest.to_vec()));
        if let Some(source) = reader.next(&mut first)? {
            return Ok(left(source, &[first, second].concat()));
        }
        assert!(first.is_empty());
        Ok(reader.next(&mut second)?.and_then(|source| left(source, second)))
    }

    #[test]
    fn the_source_is_read_at_every_split_and_what_follows_is_left() {
        let tlvs = [ipv4(), vec![4, 0, 3, 0, 0, 0]].concat();
        for (header, source) in [
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 1935\r\n".to_vec(), client("192.0.2.1:5000")),
            (b"PROXY TCP6 2001:db8::1 ::1 5000 1935\r\n".to_vec(), client("[2001:db8::1]:5000")),
            (b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n".to_vec(), client("255.255.255.255:65535")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Source::Own),
            (b"PROXY UNKNOWN ffff:f:f a b c\r\n".to_vec(), Source::Own),
            (binary(0x21, 0x11, &ipv4()), client("192.0.2.1:5000")),
            (binary(0x21, 0x11, &tlvs), client("192.0.2.1:5000")),
            (binary(0x21, 0x21, &ipv6()), client("[2001:db8::1]:5000")),
            (binary(0x20, 0x11, &ipv4()), Source::Own),
            (binary(0x20, 0, &[]), Source::Own),
            (binary(0x21, 0, &[]), Source::Own),
            (binary(0x21, 0x12, &ipv4()), Source::Own),
            (binary(0x21, 0x31, &[b'a'; 216]), Source::Own),
        ] {
            let stream = [&header[..], b"\x03and more\r\n"].concat();
            for split in 0..stream.len() {
                let expected = Ok(Some((source, b"\x03and more\r\n".to_vec())));
                assert_eq!(read(&stream, split), expected, "{header:?} at {split}");
            }
            for length in 0..header.len() {
                assert_eq!(read(&header[..length], length / 2), Ok(None), "{header:?} cut at {length}");
            }
        }
    }

    #[test]
    fn a_header_may_have_107_bytes_or_4096_and_no_more() {
        let text = |length: usize| {
            let mut line = b"PROXY UNKNOWN ".to_vec();
            line.resize(length - 2, b'x');
            [line, b"\r\n".to_vec()].concat()
        };
        let long = |length: usize| binary(0x21, 0x11, &[ipv4(), vec![0; length - 16 - 12]].concat());
        for split in 0..107 {
            assert_eq!(read(&text(107), split), Ok(Some((Source::Own, Vec::new()))));
            assert_eq!(read(&text(108), split), Err(HeaderError::TooLong));
            assert_eq!(read(&text(109), split), Err(HeaderError::TooLong));
        }
        assert_eq!(read(&long(4096), 4095), Ok(Some((client("192.0.2.1:5000"), Vec::new()))));
        assert_eq!(read(&long(4097), 15), Err(HeaderError::TooLong));
        assert_eq!(read(&long(4097)[..16], 8), Err(HeaderError::TooLong), "by its length alone");
    }

    #[test]
    fn what_is_no_header_is_an_error_at_the_first_byte_that_is_wrong() {
        for text in ["\x03", "GET /", "PROXYTCP4", "PROXZ", "\r\n\r\n\r", "proxy "] {
            assert_eq!(read(text.as_bytes(), 0), Err(HeaderError::Missing), "{text}");
        }
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000 1935 1\r\n",
            "PROXY TCP4 192.0.2.1  192.0.2.2 5000 1935\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 05000 1935\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +500 1935\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 65536 1935\r\n",
            "PROXY TCP4 2001:db8::1 ::1 5000 1935\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 5000 1935\r\n",
            "PROXY TCP5 192.0.2.1 192.0.2.2 5000 1935\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 5000 1935\r\n",
            "PROXY \u{20ac}\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(read(line.as_bytes(), 7), Err(HeaderError::Malformed(1)), "{line}");
        }
        let [short, shorter] = [&ipv4()[..11], &ipv6()[..35]];
        for header in [
            binary(0x22, 0x11, &ipv4()),
            binary(0x11, 0x11, &ipv4()),
            binary(0x21, 0x41, &ipv4()),
            binary(0x21, 0x13, &ipv4()),
            binary(0x21, 0x11, short),
            binary(0x21, 0x21, shorter),
        ] {
            assert_eq!(read(&header, 13), Err(HeaderError::Malformed(2)), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_no_split_changes_what_it_reads(
            start in prop_oneof![Just(&b"PROXY TCP4 "[..]), Just(TEXT_START), Just(BINARY_START), Just(&[][..])],
            rest in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'1'), Just(0x11)], 0..150),
            split in any::<proptest::sample::Index>(),
        ) {
            let bytes = [start, &rest].concat();
            let whole = read(&bytes, 0);
            prop_assert_eq!(read(&bytes, split.index(bytes.len() + 1)), whole);
        }
    }
}
