//! The directive error_log: where the log goes, and from which level on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use crate::common::player::Client;
use crate::common::{Folder, Server, millstream, run, stderr, wait};

#[test]
fn the_log_goes_where_it_is_told() {
    for (directive, option, file) in [
        ("error_log a.log info;", &[][..], "a.log"),
        ("error_log a.log info;", &["-e", "b.log"][..], "b.log"),
    ] {
        let folder = Folder::new();
        // Nothing is known of the port, so none is asked for: the server listens where it likes.
        folder.write("c.conf", format!("{directive} pid c.pid; rtmp {{ server {{ listen 127.0.0.1:0; }} }}"));
        let mut command = millstream();
        command.current_dir(&*folder).args(["-c", "c.conf"]).args(option);
        let mut server = Server::spawn(folder, command, 0);
        let read = |server: &Server| fs::read_to_string(server.folder.join(file)).unwrap_or_default();
        wait("it listens", || read(&server).contains("listening for RTMP on 127.0.0.1:"));
        server.stop();
        assert!(read(&server).ends_with("stopped\n"), "{}", read(&server));
        assert_eq!(server.log(), "", "nothing on standard error");
        assert_eq!(server.folder.list("").len(), 2, "{:?}", server.folder.list(""));
    }
}

#[test]
fn each_error_log_is_written_at_its_own_level() {
    let folder = Folder::new();
    let logs =
        "error_log all.log debug; error_log usual.log; error_log also.log info; error_log few.log error;";
    folder.write("c.conf", format!("{logs} pid c.pid; rtmp {{ server {{ listen 127.0.0.1:0; }} }}"));
    let mut command = millstream();
    command.current_dir(&*folder).args(["-c", "c.conf"]);
    let mut server = Server::spawn(folder, command, 0);
    let read = |server: &Server, file: &str| fs::read_to_string(server.folder.join(file)).unwrap_or_default();
    wait("it listens", || read(&server, "also.log").contains("listening for RTMP on 127.0.0.1:"));
    server.signal(nix::sys::signal::Signal::SIGHUP);
    wait("a debug line", || read(&server, "all.log").contains("[debug]"));
    server.stop();
    let usual = read(&server, "usual.log");
    assert!(usual.ends_with("stopped\n") && !usual.contains("[debug]"), "{usual}");
    assert_eq!((read(&server, "also.log"), read(&server, "few.log")), (usual, String::new()));
    let nine: String = (0..9).map(|n| format!("error_log {n}.log;\n")).collect();
    let folder = Folder::new();
    let file = folder.write("c.conf", nine);
    let output = run(millstream().args(["-t", "-c"]).arg(file));
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("c.conf:9: more than 8 error logs"), "{said}");
}

#[test]
fn a_log_has_no_lines_below_its_level() {
    let quiet = Server::start(
        "error_log stderr debug; rtmp { server { listen 127.0.0.1:0; application live { live on; } } }",
    );
    drop(Client::publish(quiet.rtmp(), "cam"));
    quiet.wait_log("[debug]");
    let folder = Folder::new();
    folder.write("c.conf", "error_log stderr warn; pid c.pid; rtmp { server { listen 127.0.0.1:0; } }");
    let mut command = millstream();
    command.current_dir(&*folder).args(["-c", "c.conf"]);
    let mut server = Server::spawn(folder, command, 0);
    server.stop();
    assert_eq!(server.log(), "");
}
