//! The options of the command line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use crate::common::http::get;
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Folder, Server, millstream, run, stderr, wait};

#[test]
fn the_dump_holds_every_file_whole() {
    let folder = Folder::new();
    let main = "# a comment\ninclude other.conf;\n";
    let (main_file, other_file) = (folder.write("main.conf", main), folder.write("other.conf", "rtmp { }\n"));
    let output = run(millstream().args(["-T", "-c"]).arg(&main_file));
    assert_eq!(output.status.code(), Some(0));
    let dump = String::from_utf8(output.stdout).unwrap();
    for (file, text) in [(main_file, main), (other_file, "rtmp { }\n")] {
        let part = format!("# configuration file {}:\n{text}", file.display());
        assert!(dump.contains(&part), "{dump}");
    }
}

#[test]
fn the_configuration_built_in_is_the_one_in_the_repository() {
    // Somebody may listen where it wants to; it is printed all the same.
    let output = run(millstream().arg("-T"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/millstream.conf");
    let dump = String::from_utf8(output.stdout).unwrap();
    assert!(dump.contains(&fs::read_to_string(file).unwrap()), "{dump}");
}

#[test]
fn directives_on_the_command_line_take_the_place_of_the_files() {
    let folder = Folder::new();
    folder.write("c.conf", "pid c.pid;\nrtmp { server { listen 127.0.0.1:0; } }\n");
    let mut command = millstream();
    command.current_dir(&*folder).args(["-c", "c.conf", "-g", "pid g.pid; error_log stderr debug"]);
    let mut server = Server::spawn(folder, command, 1);
    wait("the pid file of -g is there", || server.folder.join("g.pid").exists());
    assert!(!server.folder.join("c.pid").exists());
    server.stop();
    let output = run(millstream().args(["-t", "-g", "pdi x;"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("-g:1: unknown directive \"pdi\""), "{}", stderr(&output));
}

#[test]
fn relative_paths_begin_at_the_prefix() {
    let folder = Folder::new();
    folder.write(
        "prefix/conf/c.conf",
        "pid here.pid; rtmp { server { listen 127.0.0.1:0; application live {
            live on; record all; record_path rec; hls on; hls_path hls; } } }
         http { server { listen 127.0.0.1:0; location / { root www; } } }",
    );
    folder.write("prefix/www/a.txt", "a");
    let mut command = millstream();
    command.current_dir(&*folder).args(["-p", "prefix", "-c", "conf/c.conf"]);
    let mut server = Server::spawn(folder, command, 2);
    assert_eq!(get(server.http(), "/a.txt").text(), "a");
    Client::publish(server.rtmp(), "cam").send_all(&media::both(0, 200));
    server.wait_log("stops publishing");
    server.stop();
    assert_eq!(server.folder.list("prefix/rec"), ["cam.flv"]);
    assert!(server.folder.join("prefix/hls").is_dir());
    assert_eq!(server.folder.list(""), ["prefix"]);
}

#[test]
fn version_and_help_are_there() {
    let version = format!("millstream version: millstream/{}\n", env!("CARGO_PKG_VERSION"));
    let output = run(millstream().arg("-v"));
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), version.clone()));
    let output = run(millstream().arg("--version"));
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), version.clone()));
    let output = run(millstream().arg("-V"));
    assert!(output.status.success() && stderr(&output).starts_with(&version));
    assert!(stderr(&output).lines().count() > 1);
    let output = run(millstream().arg("-h"));
    let usage = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for option in ["-h", "-v", "--version", "-V", "-t", "-T", "-s", "-p", "-e", "-c", "-g"] {
        assert!(usage.contains(option), "{option} is not in {usage}");
    }
}

#[test]
fn a_wrong_command_line_is_an_error_in_one_line() {
    for arguments in [&["-x"][..], &["file.conf"], &["-c"], &["-s", "dance"], &["-t", "-t"]] {
        let output = run(millstream().args(arguments));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.starts_with("millstream: ") && said.lines().count() == 1, "{arguments:?}: {said}");
    }
}
