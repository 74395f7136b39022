//! node-media-server, which scripts/install-peers installs beside this file.

use super::*;

const PROGRAM: &str = "
    const NodeMediaServer = require('node-media-server');
    new NodeMediaServer({ logType: 0, rtmp: { port: Number(process.argv[1]), gop_cache: true } }).run();";

fn node(address: SocketAddr) -> Program {
    let mut command = Command::new("node");
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/relay_peers"));
    command.args(["-e", PROGRAM, "--", &address.port().to_string()]);
    Program::listening(command.stdout(Stdio::null()).stderr(Stdio::null()), address)
}

#[test]
fn what_is_pushed_to_node_media_server_is_played_there() {
    let folder = Folder::new();
    let clip = clip(&folder, 8);
    let address = free();
    let _node = node(address);
    let server = relaying(&format!("push rtmp://{address}/there;"));
    let _publisher = publish(&clip, &format!("rtmp://{}/live/cam", server.rtmp()));
    server.wait_log("the relay runs");
    let file = folder.join("played.flv");
    record(&format!("rtmp://{address}/there/cam"), &file, Some("3")).finish("the end of the player");
    has_pictures(&file, 40);
}

#[test]
fn a_stream_of_node_media_server_is_played_here() {
    let folder = Folder::new();
    let clip = clip(&folder, 8);
    let address = free();
    let _node = node(address);
    let server = relaying(&format!("pull rtmp://{address}/there;"));
    let _publisher = publish(&clip, &format!("rtmp://{address}/there/cam"));
    let file = folder.join("played.flv");
    record(&format!("rtmp://{}/live/cam", server.rtmp()), &file, Some("3")).finish("the end of the player");
    has_pictures(&file, 40);
}
