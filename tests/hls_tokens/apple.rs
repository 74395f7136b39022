//! A player that does what Apple's does: RFC 8216, and what its documentation says of requests.
//!
//! Relative URIs are resolved against a playlist's URL without its query, so that what stands in no playlist is lost. Every
//! request names the playback session; fragments are asked for in ranges, two bytes first; no cookie is ever sent.

use std::net::SocketAddr;

use aes::Aes128;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use m3u8_rs::{KeyMethod, MediaPlaylist};

use super::{HLS, SKEW, expect_private, link_until, now, publish};
use crate::common::hls::playlist;
use crate::common::http::{Connection, Reply};
use crate::common::player::Client;
use crate::common::ts::{Counters, Fragment, parse};
use crate::common::{SOON, Server, media, until};

/// The player.
struct Player {
    connection: Connection,
    session: &'static str,
}

impl Player {
    fn new(address: SocketAddr, session: &'static str) -> Self {
        Self { connection: Connection::open(address), session }
    }

    fn get(&mut self, url: &str, more: &str) -> Reply {
        let own = "User-Agent: AppleCoreMedia/1.0.0.21G80 (iPhone; U; CPU OS 17_6 like Mac OS X; en_us)\r\n\
            Accept: */*\r\nAccept-Language: en\r\nConnection: keep-alive\r\n";
        let session = self.session;
        let fields = format!("{own}X-Playback-Session-Id: {session}\r\n{more}");
        let reply = self.connection.request("GET", url, &fields);
        assert_eq!(reply.header("set-cookie"), "", "{url}");
        reply
    }

    fn list(&mut self, url: &str) -> Reply {
        self.get(url, "Accept-Encoding: gzip\r\n")
    }

    /// The variants of a master playlist: their URLs.
    fn variants(&mut self, url: &str) -> Vec<String> {
        let reply = self.list(url);
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "application/vnd.apple.mpegurl"),
            "{url}"
        );
        expect_private(&reply, url);
        let (_, list) = m3u8_rs::parse_master_playlist(&reply.body).unwrap();
        list.variants.iter().map(|variant| resolve(url, &variant.uri)).collect()
    }

    fn media(&mut self, url: &str) -> MediaPlaylist {
        let reply = self.list(url);
        assert_eq!(reply.status, 200, "{url}");
        expect_private(&reply, url);
        playlist(&reply.body)
    }

    /// A fragment: two bytes of it, then all.
    fn ranges(&mut self, url: &str) -> Vec<u8> {
        let identity = "Accept-Encoding: identity\r\n";
        let first = self.get(url, &format!("Range: bytes=0-1\r\n{identity}"));
        assert_eq!((first.status, first.body.len()), (206, 2), "{url}");
        let (range, size) = first.header("content-range").split_once('/').expect("a size");
        assert_eq!(range, "bytes 0-1", "{url}");
        let size: usize = size.parse().unwrap();
        let all = self.get(url, &format!("Range: bytes=0-{}\r\n{identity}", size - 1));
        assert_eq!((all.status, all.body.len()), (206, size), "{url}");
        all.body
    }

    /// The fragments of a list that are encrypted, in clear.
    fn fragments(&mut self, url: &str, list: &MediaPlaylist) -> Vec<Fragment> {
        let mut counters = Counters::default();
        let mut fetch = |segment: &m3u8_rs::MediaSegment| {
            let key = segment.key.as_ref().expect("a key for each fragment");
            assert_eq!(key.method, KeyMethod::AES128);
            let secret = self.get(&resolve(url, key.uri.as_ref().unwrap()), "");
            assert_eq!(secret.status, 200, "{key:?}");
            let secret: [u8; 16] = secret.body.try_into().unwrap();
            let bytes = self.ranges(&resolve(url, &segment.uri));
            parse(&decrypt(&bytes, secret, key.iv.as_ref().unwrap()), &mut counters)
        };
        list.segments.iter().map(&mut fetch).collect()
    }
}

/// A relative URI, at the URL of the playlist without its query (RFC 3986, section 5.2).
fn resolve(playlist: &str, uri: &str) -> String {
    assert!(!uri.contains("://") && !uri.contains("/../"), "{uri}");
    let path = playlist.split('?').next().unwrap();
    let folder = path.rsplit_once('/').unwrap().0;
    if uri.starts_with('/') { uri.to_owned() } else { format!("{folder}/{uri}") }
}

fn decrypt(bytes: &[u8], key: [u8; 16], iv: &str) -> Vec<u8> {
    let iv = u128::from_str_radix(iv.strip_prefix("0x").unwrap(), 16).unwrap().to_be_bytes();
    let mut clear = bytes.to_vec();
    let decryptor = Decryptor::<Aes128>::new(&key.into(), &iv.into());
    decryptor.decrypt_padded::<Pkcs7>(&mut clear).expect("what the key opens").to_vec()
}

#[test]
fn a_player_by_apples_rules_plays_encrypted_variants_beyond_the_end_of_its_link() {
    std::thread::scope(|scope| {
        for layout in ["", "hls_nested on;"] {
            scope.spawn(move || plays_encrypted_variants(layout));
        }
    });
}

fn plays_encrypted_variants(layout: &str) {
    // A viewer is gone after three fragments; on a busy machine it takes its time to fetch some.
    let hls = HLS.replace("hls_fragment 1s", "hls_fragment 3s");
    let server = Server::live(&format!(
        "{hls} {layout} hls_keys on; hls_fragments_per_key 2; hls_variant _low; hls_variant _high;"
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam_low");
    publisher.send_all(&media::both(0, 13_000));
    publish(&server, "cam_high", &media::both(0, 13_000));
    let (mut player, expires) = (Player::new(server.http(), "1C6E4B8D"), now() - SKEW + 4);
    let master = format!("/hls/cam.m3u8?{}", link_until("cam", expires));
    let variants = player.variants(&master);
    assert_eq!(variants.len(), 2);
    for url in &variants {
        let list = player.media(url);
        let fragments = player.fragments(url, &list);
        assert!(fragments.len() >= 3 && fragments.iter().all(|fragment| !fragment.units.is_empty()), "{url}");
    }
    // It polls, and polls on when the link has ended.
    let low = &variants[0];
    until("the link ends", SOON, || {
        player.media(low);
        (now() > expires + SKEW).then_some(())
    });
    let mut other = Player::new(server.http(), "2D7F5C9E");
    for url in [&master, low] {
        assert_eq!(
            other.list(&url.replace("expires=", "a=b&expires=")).status,
            200,
            "the same link is the same viewer"
        );
    }
    let fresh = format!("/hls/cam.m3u8?{}", link_until("cam", expires - 1));
    assert_eq!(other.list(&fresh).status, 403);
    publisher.send_all(&media::both(13_000, 6000));
    publisher.finish();
    let list = player.media(low);
    assert!(list.end_list && list.segments.len() >= 6, "{list:?}");
    player.fragments(low, &list);
}
