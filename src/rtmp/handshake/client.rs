//! The handshake, client side. C1 has a digest, as that of Flash Player 9 and of ffmpeg: a server that signs gets a
//! signed C2, any other one its S1 back. What S2 holds is not judged: there are servers that send anything.

use super::{
    CLIENT_KEY, CLIENT_NAME, HandshakeError, PACKET, SERVER_KEY, SERVER_NAME, Scheme, VERSION, answer_digest,
    fill, find_digest, other_protocol, sign,
};

/// The version in C1 that goes with a digest: Flash Player 9.0.124.2, as ffmpeg, librtmp and nginx-rtmp have it.
const FLASH_VERSION: [u8; 4] = [9, 0, 124, 2];
/// A record of TLS with an alert: what a server of TLS answers to anything else.
const TLS_ALERT: u8 = 0x15;

/// The client's side of one handshake.
#[derive(Debug)]
pub struct ClientHandshake {
    state: State,
    /// Seeds the filler of C1 and C2.
    seed: u64,
}

#[derive(Debug)]
enum State {
    /// Collecting S0 and S1.
    AwaitingS1(Vec<u8>),
    /// S1 is answered; so many bytes of S2 are still to come.
    AwaitingS2(usize),
}

impl ClientHandshake {
    /// A handshake at its beginning. `seed` should differ from session to session.
    pub fn new(seed: u64) -> Self {
        Self { state: State::AwaitingS1(Vec::new()), seed }
    }

    /// Appends C0 and C1.
    pub fn begin(&self, out: &mut Vec<u8>) {
        out.reserve(1 + PACKET);
        out.push(VERSION);
        let c1 = out.len();
        // Time 0: a client's epoch is its own.
        out.extend([0; 4]);
        out.extend(FLASH_VERSION);
        fill(out, PACKET - 8, self.seed);
        sign(&mut out[c1..], Scheme::Zero, &CLIENT_KEY[..CLIENT_NAME]);
    }

    /// Takes what it needs of `input`, appends C2 to `out` once S1 is whole, and is true when S2 has passed.
    pub fn next(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        if let State::AwaitingS1(received) = &mut self.state {
            let (head, rest) = input.split_at(input.len().min(1 + PACKET - received.len()));
            received.extend_from_slice(head);
            *input = rest;
            match other_answer(received) {
                Some(other) => return Err(other),
                None if received.len() <= PACKET => return Ok(false),
                None => {}
            }
            answer(&received[1..], self.seed, out);
            self.state = State::AwaitingS2(PACKET);
        }
        if let State::AwaitingS2(missing) = &mut self.state {
            let taken = input.len().min(*missing);
            *input = &input[taken..];
            *missing -= taken;
            return Ok(*missing == 0);
        }
        Ok(false)
    }
}

/// The server's protocol, if its first bytes show that it is not RTMP.
fn other_answer(received: &[u8]) -> Option<HandshakeError> {
    match received {
        [TLS_ALERT, 3, 0..=4, ..] => Some(HandshakeError::Tls),
        // "HTTP/1.1 400 Bad Request": four bytes tell it from other text.
        [b'H'] | [b'H', b'T'] | [b'H', b'T', b'T'] => None,
        [b'H', b'T', b'T', b'P', ..] => Some(HandshakeError::Http),
        _ => other_protocol(received),
    }
}

/// Appends C2 for a whole S1.
fn answer(s1: &[u8], seed: u64, out: &mut Vec<u8>) {
    match find_digest(s1, &SERVER_KEY[..SERVER_NAME]) {
        Some((_, digest)) => answer_digest(CLIENT_KEY, &digest, !seed, out),
        None => out.extend_from_slice(s1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::handshake::{DIGEST, Handshake, hmac};

    /// What a client sends to a server that answers with `answer`, and what it leaves.
    fn run<'a>(handshake: &mut ClientHandshake, answer: &'a [u8]) -> (bool, Vec<u8>, &'a [u8]) {
        let (mut rest, mut out) = (answer, Vec::new());
        let done = handshake.next(&mut rest, &mut out).unwrap();
        (done, out, rest)
    }

    fn begun() -> (ClientHandshake, Vec<u8>) {
        let (handshake, mut c0c1) = (ClientHandshake::new(7), Vec::new());
        handshake.begin(&mut c0c1);
        (handshake, c0c1)
    }

    #[test]
    fn a_server_that_signs_gets_a_signature_that_it_can_verify() {
        let (mut client, c0c1) = begun();
        let (mut server, mut answer) = (Handshake::new(1), Vec::new());
        assert!(!server.next(&mut &c0c1[..], &mut answer).unwrap());
        assert_eq!(answer[5..9], [4, 5, 0, 1], "the version of a server that has found the digest");
        let (done, c2, _) = run(&mut client, &answer);
        let (_, digest) = find_digest(&answer[1..][..PACKET], &SERVER_KEY[..SERVER_NAME]).unwrap();
        let key = hmac(CLIENT_KEY, &[&digest]);
        assert_eq!(hmac(&key, &[&c2[..PACKET - DIGEST]]), c2[PACKET - DIGEST..]);
        assert!(done && server.next(&mut &c2[..], &mut Vec::new()).unwrap());
    }

    #[test]
    fn a_simple_server_gets_its_s1_back_whatever_its_s2_is() {
        for version in [[0; 4], [3, 5, 1, 1]] {
            let (mut client, _) = begun();
            let s1 = [&[1, 2, 3, 4][..], &version, &[9; PACKET - 8]].concat();
            let answer = [&[VERSION][..], &s1, &[0x55; PACKET], b"more"].concat();
            let (done, c2, rest) = run(&mut client, &answer);
            assert!(done);
            assert_eq!((c2, rest), (s1, &b"more"[..]));
        }
    }

    #[test]
    fn every_split_gives_the_same_and_c2_is_sent_once_s1_is_whole() {
        let answer = [&[VERSION][..], &[0; 2 * PACKET], b"next"].concat();
        let (_, expected, _) = run(&mut begun().0, &answer);
        for cut in 0..answer.len() {
            let (first, second) = answer.split_at(cut);
            let (mut client, _) = begun();
            let (done, mut out, left) = run(&mut client, first);
            assert_eq!(out.len(), if cut > PACKET { PACKET } else { 0 });
            let mut rest = [left, second].concat();
            if !done {
                let (done, more, left) = run(&mut client, second);
                assert!(done);
                out.extend(more);
                rest = left.to_vec();
            }
            assert_eq!((out, &rest[..]), (expected.clone(), &b"next"[..]));
        }
    }

    #[test]
    fn servers_of_http_tls_and_anything_else_are_named() {
        let refusal = |input: &[u8]| {
            let mut client = begun().0;
            let mut bytes = input.iter();
            std::iter::from_fn(|| bytes.next())
                .find_map(|byte| client.next(&mut &[*byte][..], &mut Vec::new()).err())
        };
        assert_eq!(refusal(b"HTTP/1.1 400 Bad Request\r\n"), Some(HandshakeError::Http));
        assert_eq!(refusal(b"HELO"), Some(HandshakeError::NotRtmp(b'H')));
        assert_eq!(refusal(b"220 mail ESMTP"), Some(HandshakeError::NotRtmp(b'2')));
        assert_eq!(refusal(&[0x15, 3, 1, 0, 2, 2, 70]), Some(HandshakeError::Tls));
        assert_eq!(refusal(&[3, 0, 0]), None);
    }
}
