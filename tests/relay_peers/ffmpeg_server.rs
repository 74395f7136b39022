//! FFmpeg, which listens for one client.

use super::*;

#[test]
fn ffmpeg_that_listens_gets_what_is_published_here() {
    let folder = Folder::new();
    let clip = clip(&folder, 3);
    let (address, file) = (free(), folder.join("got.flv"));
    let mut command = ffmpeg::command();
    command.args(["-listen", "1", "-i", &format!("rtmp://{address}/app/key"), "-c", "copy"]).arg(&file);
    let mut listener = Program(ffmpeg::spawn(&mut command));
    let server = relaying(&format!("push rtmp://{address}/app/key;"));
    publish(&clip, &format!("rtmp://{}/live/cam", server.rtmp())).finish("the end of the publisher");
    listener.finish("the end of the listener");
    has_the_pictures_of(&file, &clip);
    assert!(!server.log().contains("app/key"), "a key is in the log");
}

#[test]
fn ffmpeg_that_listens_is_a_source() {
    let folder = Folder::new();
    let clip = clip(&folder, 6);
    let address = free();
    let server = relaying(&format!("pull rtmp://{address}/app/cam name=far;"));
    let mut command = ffmpeg::command();
    let url = format!("rtmp://{address}/app/cam");
    command.args(["-re", "-i", &clip, "-c", "copy", "-f", "flv", "-listen", "1", &url]);
    let _source = Program(ffmpeg::spawn(&mut command));
    let file = folder.join("played.flv");
    record(&format!("rtmp://{}/live/far", server.rtmp()), &file, Some("3")).finish("the end of the player");
    has_pictures(&file, 40);
}
