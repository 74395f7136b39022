//! conf/examples/transcode.conf, with the lines that it leaves out: another encoding of a stream, a picture and an MP4
//! file of it, and a script that is told of its begin and end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Folder, Server, ffmpeg, free_port, until};

const EXAMPLE: &str = include_str!("../conf/examples/transcode.conf");
/// The time in which ffmpeg has made something, on a busy machine.
const MADE: Duration = Duration::from_secs(40);

/// The example with everything that it leaves out, a small picture and fast encoding.
fn configuration(port: u16, folder: &Folder) -> String {
    let mut text = EXAMPLE.to_owned();
    for (from, to) in [
        ("# exec_", "exec_".to_owned()),
        ("#     -update", "-update".to_owned()),
        ("listen 1935", format!("listen 127.0.0.1:{port}")),
        ("rtmp://localhost/", format!("rtmp://127.0.0.1:{port}/")),
        ("/tmp/millstream", folder.display().to_string()),
        ("/usr/local/bin", folder.display().to_string()),
        ("-i rtmp", "-analyzeduration 1000000 -i rtmp".to_owned()),
        ("veryfast", "ultrafast -tune zerolatency".to_owned()),
        ("fps=1/10", "fps=1".to_owned()),
    ] {
        assert!(text.contains(from), "the example has no {from:?} any more");
        text = text.replace(from, &to);
    }
    format!("pid off; {text}")
}

/// The codecs of a stream.
fn codecs(url: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "default=nw=1:nk=1", url]);
    let output = command.stdin(Stdio::null()).output().expect("this test needs ffprobe in the PATH");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_example_encodes_a_stream_anew_and_has_files_made_of_it() {
    let (folder, port) = (Folder::new(), free_port());
    fs::create_dir(folder.join("pictures")).unwrap();
    let script = "#!/bin/sh\necho \"$* $MILLSTREAM_APP/$MILLSTREAM_NAME\" >>\"${0%/*}/notices\"\n";
    let script = folder.write("notice", script);
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::start_in(Folder::new(), &configuration(port, &folder));
    let mut command = ffmpeg::command();
    command.args(
        "-re -f lavfi -i testsrc=size=320x180:rate=10 -re -f lavfi -i sine=sample_rate=44100".split(' '),
    );
    command.args("-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 10".split(' '));
    command.args("-c:a libmp3lame -b:a 64k -f flv".split(' '));
    command.arg(format!("rtmp://127.0.0.1:{port}/live/cam")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut publisher = ffmpeg::spawn(&mut command);
    server.wait_log("publish tv/cam");
    // MP3 goes in.
    // ffmpeg takes data of the server for a third track.
    let codecs = codecs(&format!("rtmp://127.0.0.1:{port}/tv/cam"));
    assert!(codecs.ends_with("h264\naac\n"), "{codecs}");
    let picture = folder.join("pictures/cam.jpg");
    until("a picture", MADE, || fs::metadata(&picture).is_ok_and(|facts| facts.len() > 0).then_some(()));
    // It ends its stream, as an encoder does.
    kill(Pid::from_raw(publisher.id().cast_signed()), Signal::SIGINT).unwrap();
    publisher.wait().unwrap();
    let movie =
        until("an MP4 file", MADE, || folder.list("rec").into_iter().find(|name| name.ends_with(".mp4")));
    let ended = || server.lines(" has ended").iter().filter(|line| line.contains(": ffmpeg")).count();
    until("the commands have ended", MADE, || (ended() == 3).then_some(()));
    ffmpeg::decode(folder.join("rec").join(&movie).to_str().unwrap());
    assert!(movie.starts_with("cam-") && !movie.contains(".flv"), "{movie}");
    let notices = || fs::read_to_string(folder.join("notices")).unwrap_or_default();
    let expected = "begin cam 127.0.0.1 live/cam\nend cam 127.0.0.1 live/cam\n";
    until("both notices", MADE, || (notices() == expected).then_some(()));
    server.stop();
    ffmpeg::decode(picture.to_str().unwrap());
}
