//! Files that are played over RTMP, in virtual time. The jobs of a turn are done in it, unless a test says otherwise.

mod changes;
mod decisions;
mod ends;
mod remote;
mod told;

use std::fs::{self, File};
use std::path::Path;

use crate::engine::tests::*;
use crate::media::flv::{file_header, write_tag};
use crate::test_folder::Folder;

/// The time in a day, so that files of the first day are old.
const DAY: Duration = Duration::from_secs(86_400);

/// A server with an application `vod` that plays the files of a folder.
struct Theatre {
    folder: Folder,
    world: World,
}

impl Theatre {
    /// A server whose application has these directives; `FILES` stands for those of the folder.
    fn new(directives: &str) -> Self {
        Self::with("", directives)
    }

    /// The same with blocks behind that of RTMP.
    fn with(blocks: &str, directives: &str) -> Self {
        let folder = Folder::new();
        let world = World::configured(table(), &config(&folder, blocks, directives));
        Self::of(folder, world)
    }

    fn of(folder: Folder, mut world: World) -> Self {
        world.now.wall += DAY;
        let theatre = Self { folder, world };
        theatre.write("film.flv", &film(10));
        theatre
    }

    /// Writes a file that was there long ago.
    fn write(&self, name: &str, bytes: &[u8]) {
        make_old(&self.folder.write(&format!("files/{name}"), bytes));
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.join("files").join(name)
    }

    fn reload(&mut self, blocks: &str, directives: &str) {
        let text = config(&self.folder, blocks, directives);
        self.world.reload(&text);
    }

    /// A client that is connected, and has read the answer.
    fn connect(&mut self) -> Client {
        let mut client = Client::connect(&mut self.world, "vod");
        client.receive(&mut self.world);
        client
    }

    /// A client that has asked for a file, with these arguments behind the name.
    fn play(&mut self, name: &str, arguments: &[Value]) -> Client {
        let mut client = self.connect();
        self.ask(&mut client, name, arguments);
        client
    }

    fn ask(&mut self, client: &mut Client, name: &str, arguments: &[Value]) {
        let play = ["play".into(), 2.0.into(), Value::Null, name.into()];
        client.command(&mut self.world, &[&play, arguments].concat());
    }

    fn command(&mut self, client: &mut Client, name: &str, arguments: &[Value]) {
        client.command(&mut self.world, &[&[name.into(), 0.0.into(), Value::Null], arguments].concat());
    }

    fn set_buffer(&mut self, client: &mut Client, milliseconds: u32) {
        let mut bytes = Vec::new();
        UserControl::SetBufferLength(1, milliseconds).write(&mut bytes);
        client.send(&mut self.world, &bytes);
    }

    /// All that a client gets now: codes, events, data and the times of media, a word or two each.
    fn heard(&mut self, client: &mut Client) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let words = words(&client.receive(&mut self.world));
            if words.is_empty() {
                return all;
            }
            all.extend(words);
        }
    }

    /// What a client hears now, but for the media.
    fn news(&mut self, client: &mut Client) -> Vec<String> {
        let heard = self.heard(client);
        heard.into_iter().filter(|word| !word.starts_with(['8', '9'])).collect()
    }

    /// The times of the pictures that a client gets now, without those of headers.
    fn pictures(&mut self, client: &mut Client) -> Vec<u32> {
        let mut times = Vec::new();
        loop {
            let messages = client.receive(&mut self.world);
            let pictures =
                messages.iter().filter(|message| message.type_id == 9 && message.payload() != HEADER);
            times.extend(pictures.map(|message| message.timestamp));
            if messages.is_empty() {
                return times;
            }
        }
    }

    /// The last picture that a client gets now.
    fn last(&mut self, client: &mut Client) -> Option<u32> {
        self.pictures(client).last().copied()
    }

    /// Lets time pass, in which the client takes all that it is sent; the times of the pictures.
    fn watch(&mut self, client: &mut Client, milliseconds: u64) -> Vec<u32> {
        let mut times = self.pictures(client);
        for _ in 0..milliseconds / 100 {
            self.world.pass_time(Duration::from_millis(100));
            times.extend(self.pictures(client));
        }
        times
    }

    fn lose(&mut self, client: &Client) {
        self.world.engine.lost(client.id, self.world.now);
        self.world.end_turn();
    }

    /// The files that are played, and the number of their players.
    fn played(&self) -> Vec<(String, usize)> {
        let files = self.world.engine.cx.streams.files();
        files.map(|stream| (stream.label.to_string(), stream.players.len())).collect()
    }
}

fn config(folder: &Folder, blocks: &str, directives: &str) -> String {
    let files = folder.join("files");
    fs::create_dir_all(&files).unwrap();
    let directives = directives.replace("FOLDER", &folder.display().to_string());
    let blocks = blocks.replace("FOLDER", &folder.display().to_string());
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; ping 1h;
            application vod {{ {directives} }} application other {{ live on; }} }} }} {blocks}",
    )
    .replace("FILES", &format!("play {};", files.display()))
}

fn make_old(path: &Path) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

/// An FLV of so many seconds: a picture each 40 ms, a key frame each second, sound in between.
pub(super) fn film(seconds: u32) -> Vec<u8> {
    let mut bytes = [&file_header(true, true)[..], &[0; 4]].concat();
    write_tag(&mut bytes, Kind::Video, 0, HEADER);
    write_tag(&mut bytes, Kind::Audio, 0, AUDIO_HEADER);
    bytes.extend(scenes(0..seconds * 1000));
    bytes
}

/// The tags of pictures and sounds at these times.
fn scenes(times: std::ops::Range<u32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for time in times.step_by(40) {
        write_tag(&mut bytes, Kind::Video, time, if time % 1000 == 0 { KEY } else { INTER });
        write_tag(&mut bytes, Kind::Audio, time + 20, AUDIO);
    }
    bytes
}

fn words(messages: &[Message]) -> Vec<String> {
    let words = messages.iter().filter_map(|message| match message.type_id {
        4 => Some(format!("{:?}", UserControl::read(message.payload()).unwrap())),
        8 | 9 => Some(format!("{} {}", message.type_id, message.timestamp)),
        20 => {
            let values = amf0::decode(message.payload()).unwrap();
            let code = values.last()?.as_object()?.str("code")?.to_owned();
            Some(code.trim_start_matches("NetStream.").to_owned())
        }
        18 => {
            let values = amf0::decode(message.payload()).unwrap();
            let name = values[0].as_str()?.to_owned();
            let code = values.last()?.as_object().and_then(|object| object.str("code"));
            Some(code.map_or(name, |code| code.trim_start_matches("NetStream.").to_owned()))
        }
        _ => None,
    });
    words.filter(|word| word != "|RtmpSampleAccess" && word != "onMetaData").collect()
}

/// Whether media was sent up to where it is due, and less than a second beyond, as what has been read is sent.
fn is_due(sent: impl Into<Option<u32>>, due: u32) -> bool {
    sent.into().is_some_and(|sent| (due..=due + 1000).contains(&sent))
}

/// The time of the last picture or sound among these words.
fn last_time(words: &[String]) -> Option<u32> {
    words.iter().rev().find_map(|word| word.strip_prefix("9 ").or(word.strip_prefix("8 "))?.parse().ok())
}

const BEGIN: [&str; 3] = ["StreamIsRecorded(1)", "StreamBegin(1)", "Play.Start"];

#[test]
fn a_file_is_played_from_its_beginning_and_its_end_is_told() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    let heard = theatre.heard(&mut client);
    assert_eq!(heard[..6], [&BEGIN[..], &["9 0", "8 0", "9 0"]].concat(), "{heard:?}");
    assert_eq!(theatre.played(), [("vod/film".to_owned(), 1)]);
    let mut rest = Vec::new();
    for _ in 0..9 {
        theatre.world.pass(1);
        rest.extend(theatre.heard(&mut client));
    }
    assert_eq!(last_time(&rest), Some(9980));
    assert_eq!(rest[rest.len() - 3..], ["StreamEof(1)", "Play.Complete", "Play.Stop"], "{rest:?}");
    theatre.world.pass(100);
    assert!(theatre.world.is_open(client.id), "it may seek");
    theatre.command(&mut client, "closeStream", &[]);
    assert_eq!((theatre.news(&mut client), theatre.played()), (vec![], vec![]));
}

#[test]
fn what_is_not_there_is_refused_and_so_is_what_is_no_file_that_can_be_played() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("text.flv", b"FLV is not what this is, although it is long enough to be one");
    for (name, code) in
        [("none", "Play.StreamNotFound"), ("../files/film", "Play.Failed"), ("text", "Play.Failed")]
    {
        let mut client = theatre.play(name, &[]);
        assert_eq!(theatre.news(&mut client), [code], "{name}");
        assert!(!theatre.world.is_open(client.id), "{name}");
    }
    assert_eq!(theatre.played(), []);
}

#[test]
fn a_client_is_sent_what_it_buffers_and_a_second_more() {
    let mut theatre = Theatre::new("FILES");
    let text = config(&theatre.folder, "", "FILES").replace("ping 1h;", "ping 1h; buflen 3s;");
    theatre.world.reload(&text);
    theatre.write("long.flv", &film(60));
    let mut client = theatre.play("long", &[]);
    assert!(is_due(theatre.last(&mut client), 4000));
    theatre.world.pass_time(Duration::from_millis(200));
    assert_eq!(theatre.last(&mut client), None, "no timer for each picture");
    theatre.world.pass_time(Duration::from_millis(1800));
    assert!(is_due(theatre.last(&mut client), 6000));
    theatre.world.pass(5);
    assert!(is_due(theatre.last(&mut client), 11_000));
    theatre.set_buffer(&mut client, 10_000);
    theatre.world.pass(2);
    assert!(is_due(theatre.last(&mut client), 20_000));
    theatre.set_buffer(&mut client, u32::MAX);
    theatre.world.pass(2);
    assert_eq!(theatre.last(&mut client), Some(59_960), "all of it");
}

#[test]
fn one_piece_waits_for_a_client_that_does_not_read() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("large.flv", &large(600));
    let mut client = theatre.connect();
    theatre.set_buffer(&mut client, 3_600_000);
    theatre.ask(&mut client, "large", &[]);
    for _ in 0..50 {
        theatre.world.take(client.id, 10_000);
        theatre.world.pass_time(Duration::from_millis(100));
        let bytes = theatre.world.queue(client.id).bytes();
        assert!(bytes <= 64 * 1024 + 12_000, "{bytes}");
    }
    let used = theatre.world.engine.cx.budgets.media_used();
    assert!(used >= theatre.world.queue(client.id).bytes(), "what waits is counted: {used}");
    theatre.world.pass(60);
    assert!(!theatre.world.is_open(client.id), "it takes nothing");
    theatre.world.pass(10);
    assert_eq!((theatre.played(), theatre.world.engine.cx.budgets.media_used()), (vec![], 0));
}

/// A file of so many pictures of 10 kB, each a key frame.
fn large(pictures: u32) -> Vec<u8> {
    let mut bytes = [&file_header(false, true)[..], &[0; 4]].concat();
    for picture in 0..pictures {
        write_tag(&mut bytes, Kind::Video, picture * 40, &[KEY, &[0; 10_000]].concat());
    }
    bytes
}
