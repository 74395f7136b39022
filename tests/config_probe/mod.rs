//! The findings of `-t`: faults at which the start or the first stream would fail, and oddities of a file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tls;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Folder, Server, millstream, millstream_as_nobody, not_tested, run, stderr, wait};

const RTMP: &str = "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }";

/// The output of `-t` for a file `c.conf` in a folder, and whether it succeeds. FOLDER stands for the folder.
fn test_with(mut command: Command, folder: &Folder, text: &str) -> (bool, String) {
    let shown = folder.display().to_string();
    folder.write("c.conf", text.replace("FOLDER", &shown));
    let output = run(command.current_dir(&**folder).args(["-t", "-c", "c.conf"]));
    let said = stderr(&output).replace(&format!("{shown}/c.conf"), "c.conf");
    (output.status.success(), said.replace(&shown, "FOLDER"))
}

fn test_in(folder: &Folder, text: &str) -> (bool, String) {
    test_with(millstream(), folder, text)
}

/// The remarks on a good file.
fn notices(text: &str) -> Vec<String> {
    let (is_good, said) = test_in(&Folder::new(), text);
    assert!(is_good, "{said}");
    let usual = ["syntax is ok", "test successful"];
    let lines = said.lines().filter(|line| !usual.iter().any(|end| line.ends_with(end)));
    lines.map(|line| line.trim_start_matches("millstream: ").to_owned()).collect()
}

/// The first error that is said of a bad file.
fn error_in(folder: &Folder, text: &str) -> String {
    let (is_good, said) = test_in(folder, text);
    assert!(!is_good && said.ends_with("c.conf test failed: 1 error\n"), "{said}");
    let line = said.lines().rev().nth(1).unwrap_or_default();
    line.trim_start_matches("millstream: ").to_owned()
}

/// The last line of a start that fails.
fn failing_start(folder: &Folder) -> String {
    let output = run(millstream().current_dir(&**folder).args(["-c", "c.conf"]));
    assert_eq!(output.status.code(), Some(1));
    let said =
        stderr(&output).replace(&folder.display().to_string(), "FOLDER").replace("FOLDER/c.conf", "c.conf");
    said.lines().last().unwrap_or_default().trim_start_matches("millstream: ").to_owned()
}

#[test]
fn who_may_embed_the_player_is_said_in_vain_without_a_page() {
    let http = |locations: &str| format!("{RTMP}\nhttp {{ server {{ listen 127.0.0.1:0; {locations} }} }}");
    let page = http("page_embed any; location / { page on; page_embed none; } location /a { return 204; }");
    assert_eq!(notices(&page), Vec::<String>::new());
    assert_eq!(
        notices(&http("location / { return 204; page_embed any; }")),
        ["c.conf:2: warning: \"page_embed\" has no effect in a location without \"page on\""]
    );
}

#[test]
fn settings_of_http_flv_without_it_are_named() {
    let http = |location: &str| format!("http {{ server {{ listen 127.0.0.1:0; {location} }} }}");
    let live = http("flv_compat raw; location / { flv_live on; } location /a { return 204; }");
    assert_eq!(notices(&format!("{RTMP}\n{live}")), Vec::<String>::new());
    let without = http("location / { return 204; flv_origin https://a.example; }");
    assert_eq!(
        notices(&format!("{RTMP}\n{without}")),
        ["c.conf:2: warning: \"flv_origin\" has no effect in a location without \"flv_live on\""]
    );
}

#[test]
fn settings_beside_http_flv_that_do_not_do_what_is_meant_are_named() {
    let cors = "add_header Access-Control-Allow-Origin";
    for (location, warning) in [
        ("limit_rate 5k;", "it has no effect on live streams, which go out as fast as they are published"),
        (
            &*format!("{cors} https://a.example; flv_origin https://b.example;"),
            "pages of this origin alone can play here, whatever flv_origin says: leave one of both out",
        ),
        (&format!("{cors} https://a.example;"), ""),
        (&format!("{cors} https://a.example; flv_origin https://a.example;"), ""),
        (&format!("{cors} $http_origin; flv_origin https://b.example;"), ""),
        ("limit_rate 0;", ""),
    ] {
        let http =
            format!("http {{ server {{ listen 127.0.0.1:0; location / {{ flv_live on; {location} }} }} }}");
        let expected: Vec<_> =
            (!warning.is_empty()).then(|| format!("c.conf:2: warning: {warning}")).into_iter().collect();
        assert_eq!(notices(&format!("{RTMP}\n{http}")), expected, "{location}");
    }
}

#[test]
fn applications_that_http_flv_opens_to_others_are_named() {
    let rtmp = |listen: &str, rules: &str| {
        format!("rtmp {{ server {{ listen {listen}; application inner {{ live on; {rules} }} }} }}")
    };
    let http = |rules: &str| {
        format!(
            "http {{ server {{ listen 0.0.0.0:0; location / {{ flv_live on; {rules} }} location /b {{ flv_live on; }} }} }}"
        )
    };
    let local = "127.0.0.1:0";
    for (rtmp, http, is_named) in [
        (rtmp(local, ""), http(""), true),
        (rtmp("0.0.0.0:0", ""), http(""), false),
        (rtmp(local, "deny play all;"), http(""), false),
        (rtmp(local, ""), http("allow local; deny all;").replace("location /b { flv_live on; }", ""), false),
        (rtmp(local, ""), http("").replace("0.0.0.0", "127.0.0.1"), false),
    ] {
        let notices = notices(&format!("{rtmp}\n{http}"));
        let named = notices
            .iter()
            .filter(|line| line.contains("everybody may play the streams of application \"inner\" here"));
        assert_eq!(named.count(), usize::from(is_named), "{rtmp} {http}: {notices:?}");
    }
}

#[test]
fn an_error_at_the_start_is_an_error_of_a_test_in_the_same_words() {
    let folder = Folder::new();
    folder.write("file", "");
    for (directives, expected) in [
        (
            "user nobody-is-called-so;",
            "c.conf:2: no user \"nobody-is-called-so\" here: make one, or take \"user\" out to stay who starts the server",
        ),
        ("user root nobody-is-called-so;", "c.conf:2: no group \"nobody-is-called-so\""),
        (
            "error_log FOLDER/file/a.log;",
            "c.conf:2: error log FOLDER/file/a.log: Not a directory (os error 20)",
        ),
        ("pid FOLDER/file/a.pid;", "c.conf:2: pid file FOLDER/file/a.pid: Not a directory (os error 20)"),
        ("pid FOLDER;", "c.conf:2: pid file FOLDER: not a regular file"),
        (
            "http { server { listen 127.0.0.1:0; access_log FOLDER/file/a.log; } }",
            "c.conf:2: access log FOLDER/file/a.log: Not a directory (os error 20)",
        ),
    ] {
        let pid = if directives.starts_with("pid") { "" } else { "pid off;" };
        let error = error_in(&folder, &format!("{pid}{RTMP}\n{directives}"));
        assert_eq!(error, expected);
        assert_eq!(failing_start(&folder), expected);
    }
    let (is_good, said) = test_with(
        {
            let mut command = millstream();
            command.args(["-e", "file/a.log"]);
            command
        },
        &folder,
        RTMP,
    );
    assert!(
        !is_good && said.contains("the command line: error log FOLDER/file/a.log: Not a directory"),
        "{said}"
    );
}

#[test]
fn an_address_in_use_is_an_error_unless_the_server_itself_uses_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = error_in(&Folder::new(), &format!("pid off; rtmp {{ server {{\nlisten {address}; }} }}"));
    assert!(error.starts_with(&format!("c.conf:2: cannot listen on {address}: it is in use; ")), "{error}");
    drop(taken);

    let configuration = format!(
        "pid FOLDER/a.pid; rtmp {{ server {{ listen 127.0.0.1:{}; application live {{ live on; }} }} }}",
        crate::common::free_port()
    );
    let server = Server::start_in(Folder::new(), &configuration);
    let pid_file = server.folder.join("a.pid");
    wait("the pid file is there", || fs::read_to_string(&pid_file).is_ok_and(|text| text.ends_with('\n')));
    let (is_good, said) = test_in(&server.folder, &configuration);
    assert!(is_good, "{said}");
    let (is_good, said) = test_in(&server.folder, &configuration.replace("a.pid", "b.pid"));
    assert!(!is_good && said.contains("it is in use"), "{said}");
}

#[test]
fn a_test_makes_no_files() {
    let folder = Folder::new();
    let text = "pid FOLDER/a.pid; error_log FOLDER/a.log;
        rtmp { server { listen 127.0.0.1:0; application live { live on; record all; record_path FOLDER/rec; hls on;
            hls_path FOLDER/hls; } } }
        http { server { listen 127.0.0.1:0; access_log FOLDER/access.log; location /hls { alias FOLDER/hls; } } }";
    let (is_good, said) = test_in(&folder, text);
    assert!(is_good, "{said}");
    assert_eq!(folder.list(""), ["c.conf"]);
}

#[test]
fn folders_are_judged_by_the_rights_of_the_user_that_will_serve() {
    if millstream_as_nobody().is_none() {
        return not_tested("only root runs programs as somebody else");
    }
    let folder = Folder::new();
    folder.write("closed/x", "");
    let text = "user nobody;
        rtmp { server { listen 127.0.0.1:0; application live { live on; record all; record_unique on;
            record_path FOLDER/closed/rec;
            hls on;
            hls_path FOLDER/closed/hls; } } }
        http { server { listen 127.0.0.1:0; location /hls { add_header Access-Control-Allow-Origin *; alias FOLDER/closed/hls; } } }";
    let (is_good, said) = test_in(&folder, text);
    assert!(is_good, "{said}");
    for line in ["3: warning: record_path FOLDER/closed/rec", "5: warning: hls_path FOLDER/closed/hls"] {
        assert!(
            said.contains(&format!("c.conf:{line}: user \"nobody\" may not write to FOLDER/closed\n")),
            "{said}"
        );
    }
    fs::set_permissions(folder.join("closed"), fs::Permissions::from_mode(0o777)).unwrap();
    let (_, said) = test_in(&folder, text);
    assert!(!said.contains("may not write"), "{said}");
}

#[test]
fn a_user_who_is_not_root_is_warned_of_what_only_root_can_do() {
    let Some(command) = millstream_as_nobody() else {
        return not_tested("only root runs programs as somebody else");
    };
    let text = "user root;\nrtmp { server {\nlisten 127.0.0.1:1; application live { live on; } } }";
    let (is_good, said) = test_with(command, &Folder::new(), text);
    assert!(
        said.contains("c.conf:1: warning: \"user\" has no effect: only root can become another user"),
        "{said}"
    );
    let refused =
        said.contains("c.conf:3: cannot listen on 127.0.0.1:1: ports below 1024 are root's: start as root");
    // Some containers open all ports to everybody.
    assert!(refused != is_good, "{said}");
}

/// A file, and what is said of it although it is good.
const STRANGE: &[(&str, &[&str])] = &[
    ("", &["c.conf: warning: there is no \"rtmp\" and no \"http\" block, so nothing is served"]),
    ("events { }", &["c.conf: warning: there is no \"rtmp\" and no \"http\" block, so nothing is served"]),
    ("rtmp { }", &["c.conf: warning: there is no \"server\" block, so nothing is served"]),
    (
        "worker_processes 4;\nrtmp { server { listen 127.0.0.1:0; } }",
        &["c.conf:1: there is one process; \"worker_processes 4\" is accepted and means nothing here"],
    ),
    ("worker_processes auto;\nrtmp { server { listen 127.0.0.1:0; } }", &[]),
    (
        "daemon on;\nrtmp { server { listen 127.0.0.1:0; } }",
        &["c.conf:1: warning: with \"daemon on\" standard error goes nowhere, and the log with it: name a file with error_log"],
    ),
    ("daemon on; error_log /dev/null;\nrtmp { server { listen 127.0.0.1:0; } }", &[]),
    (
        "rtmp { server { listen 127.0.0.1:0;\nmax_message 64m; } }",
        &["c.conf:2: \"max_message\" is taken for 16 MiB less a byte: a message's length has 24 bits"],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0;\napplication a { } application b { live on; } } }",
        &["c.conf:2: warning: nothing can be published or played here without \"live on\""],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a {\nrecord all; record_unique on; } } }",
        &["c.conf:2: warning: \"record\" without \"live on\": nothing can be published here, so nothing is recorded"],
    ),
    (
        "events { } rtmp { access_log off; server { listen 127.0.0.1:0; application a { live on;\nrecord all; } } }",
        &["c.conf:2: differs from nginx: a recording does not take the place of an older one: NAME.flv is followed by \
           NAME.1.flv; record_unique, or a date in record_suffix, makes names that differ"],
    ),
    ("rtmp { server { listen 127.0.0.1:0; application a { live on; record all; record_suffix -%s.flv; } } }", &[]),
    (
        "rtmp { server { listen 127.0.0.1:0; application a {\nhls on; hls_path FOLDER/x; } } }",
        &["c.conf:2: warning: \"hls on\" without \"live on\": nothing can be published here, so there is no HLS"],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a { live on; hls on;\nhls_path FOLDER/x; } } }",
        &["c.conf:2: warning: no location serves the hls_path FOLDER/x, so no browser can play what is written there: add \
           \"http { server { listen 8080; location /hls { alias FOLDER/x; } } }\""],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a { live on; hls on;\nhls_path FOLDER/x; } } }
         http { server { listen 127.0.0.1:0; location / { root /srv; } } }",
        &["c.conf:2: warning: no location serves the hls_path FOLDER/x, so no browser can play what is written there: add \
           \"location /hls { alias FOLDER/x; }\" to a server of http"],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a { live on; hls on; hls_path FOLDER/hls; } } }
         http { server { listen 127.0.0.1:0; location /hls/ {\nroot FOLDER/hls/; } } }",
        &["c.conf:3: warning: \"root\" is followed by the whole path, so what is asked for as /hls/ is looked for in \
           FOLDER/hls/hls/, and not in the hls_path FOLDER/hls: write \"alias FOLDER/hls/;\""],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a { live on; hls on; hls_path FOLDER/hls; } } }
         http { server { listen 127.0.0.1:0; location /hls { root FOLDER; add_header access-control-allow-origin *; } } }",
        &[],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a { live on; hls on; hls_path FOLDER/hls; } } }
         http { server { listen 127.0.0.1:0; location ~ ^/(.*)\\.m3u8$ { alias FOLDER/hls/$1.m3u8; } } }",
        &[],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0;\naccess_log FOLDER/$app.log; application a { live on; } } }
         http { server { listen 127.0.0.1:0;\naccess_log FOLDER/$host.log; } }",
        &[
            "c.conf:2: warning: access log FOLDER/$app.log: the path is taken as it is written, without variables",
            "c.conf:4: warning: access log FOLDER/$host.log: the path is taken as it is written, without variables",
        ],
    ),
    (
        "events { } rtmp { access_log off; server { listen 127.0.0.1:0; application a { live on; hls on; hls_path FOLDER/hls; } } }
         http { server { listen 127.0.0.1:0; root FOLDER;\nlocation /hls { } } }",
        &["c.conf:3: differs from nginx: playlists and segments are sent with \"Access-Control-Allow-Origin: *\", so that \
           pages of other hosts can play them; an add_header of that name takes its place"],
    ),
    (
        "events { } rtmp { access_log off; server { listen 127.0.0.1:0; application a { live on; hls on; hls_path FOLDER/hls; }
         application b { live on; hls on;\nhls_path FOLDER/hls/; hls_variant _low BANDWIDTH=1; } } }
         http { server { listen 127.0.0.1:0; root FOLDER; add_header Access-Control-Allow-Origin *; } }",
        &[
            "c.conf:3: warning: application \"b\" has the hls_path of application \"a\" (c.conf:1): while a name is published in \
             one, it is refused in the other",
            "c.conf:3: differs from nginx: the master playlist has the variants that are published, and not all of hls_variant",
        ],
    ),
    (
        "rtmp { server { listen 127.0.0.1:0; application a { live on; hls on; hls_path FOLDER/hls; hls_nested on; }
         application b { live on; hls on;\nhls_path FOLDER/hls/b; on_play http://127.0.0.1:9/; hls_sessions on; }
         application c { live on; hls on; hls_path FOLDER/hls/c; } } }
         http { server { listen 127.0.0.1:0; root FOLDER; } }",
        &["c.conf:3: warning: files in the hls_path of application \"b\" may be those of application \"a\" (c.conf:1), so the \
           folder counts as guarded: viewers have to show what application \"b\" asks for"],
    ),
];

#[test]
fn a_valid_file_that_is_probably_not_meant_gets_warnings() {
    for (text, expected) in STRANGE {
        assert_eq!(notices(text), *expected, "{text}");
    }
}

#[test]
fn a_link_in_a_root_gets_a_warning_since_nginx_follows_it() {
    let folder = Folder::new();
    folder.write("www/index.html", "");
    let text = "events { } http { server { listen 127.0.0.1:0;\nroot FOLDER/www; location /a { } } }";
    let (_, said) = test_in(&folder, text);
    assert!(!said.contains("link"), "{said}");
    std::os::unix::fs::symlink("/srv/films", folder.join("www/films")).unwrap();
    let (is_good, said) = test_in(&folder, text);
    let expected =
        "c.conf:2: differs from nginx: links below a root are not followed, such as FOLDER/www/films\n";
    assert!(is_good && said.matches(expected).count() == 1, "{said}");
    // nginx takes no file without events: this one was not written for it.
    let (_, said) = test_in(&folder, &text.replace("events { }", ""));
    assert!(!said.contains("differs"), "{said}");
}

#[test]
fn a_log_that_user_cannot_open_again_gets_a_warning() {
    if millstream_as_nobody().is_none() {
        return not_tested("only root runs programs as somebody else");
    }
    let folder = Folder::new();
    folder.write("log/e.log", "");
    let text = "user nobody; error_log stderr;\nerror_log FOLDER/log/e.log;
        http { access_log /dev/stdout; server { listen 127.0.0.1:0;\naccess_log FOLDER/log/a.log; } }";
    let expected = |line: u32, log: &str| {
        let why =
            "cannot be opened again once it has been moved: user \"nobody\" may not write to FOLDER/log";
        format!("c.conf:{line}: warning: {log} {why}\n")
    };
    let expected =
        [expected(2, "error log FOLDER/log/e.log"), expected(4, "access log FOLDER/log/a.log")].concat();
    let (is_good, said) = test_in(&folder, text);
    assert!(is_good && said.replace("millstream: ", "").contains(&expected), "{said}");
    // A program that rotates logs may make a file for the server.
    let mode =
        |path: &str, mode| fs::set_permissions(folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
    mode("log/e.log", 0o666);
    let (_, said) = test_in(&folder, text);
    assert_eq!((said.matches("warning").count(), said.contains("error log")), (1, false), "{said}");
    mode("log", 0o777);
    let (_, said) = test_in(&folder, text);
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_file_that_user_cannot_read_again_gets_a_warning() {
    if millstream_as_nobody().is_none() {
        return not_tested("only root runs programs as somebody else");
    }
    let folder = Folder::new();
    let other = folder.write("other.conf", "");
    let text = format!("user nobody; include other.conf; {RTMP}");
    assert!(!test_in(&folder, &text).1.contains("warning"));
    fs::set_permissions(other, fs::Permissions::from_mode(0o640)).unwrap();
    let why = "FOLDER/other.conf cannot be read again by a reload: user \"nobody\" may not read it";
    assert!(test_in(&folder, &text).1.contains(&format!("c.conf: warning: {why}\n")));
}

#[test]
fn a_port_that_user_cannot_open_again_gets_a_warning() {
    // A network of its own has the usual setting and no other server.
    if !Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success()) {
        return not_tested("there is no permission for a network of its own (unshare -rn)");
    }
    let folder = Folder::new();
    let network = || {
        let mut command = Command::new("unshare");
        command.args(["-rn", env!("CARGO_BIN_EXE_millstream")]);
        command
    };
    let text =
        "rtmp { server { listen 1935; } } http { server {\nlisten 80;\nlisten [::]:81; listen 8080; } }";
    let warnings = |user: &str| {
        let (is_good, said) = test_with(network(), &folder, &format!("{user} {text}"));
        assert!(is_good, "{said}");
        said.lines().filter(|line| line.contains("warning")).map(str::to_owned).collect::<Vec<_>>()
    };
    let why = "but cannot open it again: user \"nobody\" may not open ports below 1024";
    let line = |line: u32, address: &str| {
        format!("millstream: c.conf:{line}: warning: a reload keeps {address} open, {why}")
    };
    assert_eq!(warnings("user nobody;"), [line(2, "0.0.0.0:80"), line(3, "[::]:81")]);
    assert_eq!(warnings("user root;"), [""; 0]);
    assert_eq!(warnings(""), [""; 0]);
}

#[test]
fn a_start_logs_the_warnings_of_a_test() {
    let server = Server::start(
        "worker_processes 4; rtmp { server { listen 127.0.0.1:0; application live { live on; hls on;
            hls_path FOLDER/hls; } } }",
    );
    server.wait_log("[warn]");
    let log = server.log();
    assert!(log.contains("warning: no location serves the hls_path"), "{log}");
    assert!(!log.contains("worker_processes"), "{log}");
}

#[test]
fn secrets_of_tokens_that_others_may_find_and_urls_without_tokens_are_warned_of() {
    let warnings = |outer: &str, directives: &str| {
        let server = "listen 127.0.0.1:0;";
        let hls = "live on; hls on; hls_memory on; hls_path /x/hls;";
        let text = format!(
            "rtmp {{ {outer}\nserver {{ {server}\napplication live {{ {hls}\n{directives} }} }} }}
             http {{ server {{ {server} location /hls {{ root /x; }} }} }}"
        );
        let warnings = notices(&text);
        let is_of_keys = |line: &String| line.contains("the keys in this file can be read");
        warnings.into_iter().filter(|line| !is_of_keys(line)).collect::<Vec<_>>()
    };
    const KEY: &str = "play_key 0123456789abcdef;";
    let readable = |line: u32| {
        format!(
            "c.conf:{line}: warning: the \"hls_token_secret\" in this file can be read by every user of this machine: \
             chmod o-r"
        )
    };
    let (short, example) =
        ("has less than 16 characters, and can be guessed", "is that of an example, which everybody");
    for (secret, why) in [("0123456789abcde", short), ("CHANGE-ME-0123456789", example)] {
        let said = warnings("", &format!("{KEY} hls_token_secret {secret};"));
        let expected = format!("c.conf:4: warning: the \"hls_token_secret\" {why}");
        let is_said = said.iter().any(|line| line.starts_with(&expected));
        assert!(said.len() == 2 && is_said && said.contains(&readable(4)), "{said:?}");
        assert!(!said.concat().contains("0123456789"), "{said:?}");
    }
    assert_eq!(warnings("hls_token_secret 0123456789abcdef;", KEY), [readable(1)]);
    for directives in
        [KEY.to_owned(), format!("{KEY} hls_token_secret off;"), "hls_token_secret a;".to_owned()]
    {
        assert_eq!(warnings("", &directives), [""; 0], "{directives}");
    }
    let elsewhere = |what: &str, url: &str| {
        format!(
            "c.conf:4: warning: {what} at {url} carry no token: that server has to let players through by itself"
        )
    };
    let urls =
        "hls_base_url https://cdn.example.com/hls/?x=;\nhls_keys on;\nhls_key_url //keys.example.com/;";
    assert_eq!(warnings("", urls), [""; 0]);
    let said = warnings("", &format!("{KEY} {urls}"));
    let keys = elsewhere("keys", "//keys.example.com/").replace(":4:", ":6:");
    assert_eq!(said, [elsewhere("fragments", "https://cdn.example.com/hls/"), keys]);
}

#[test]
fn tokens_that_are_good_in_two_applications_are_warned_of() {
    let warnings = |secret: &str, name: &str| {
        let listen = "listen 127.0.0.1:0;";
        let text = format!(
            "rtmp {{ live on; hls on; hls_memory on; hls_sessions on; on_play http://127.0.0.1:9/; hls_token_secret {secret};
             server {{ {listen} application b {{ hls_path /x/b; }}\napplication live {{ hls_path /x/a; }} }}
             server {{ {listen}\napplication {name} {{ hls_path /x/c; }} }} }}
             http {{ server {{ {listen} location /x {{ root /; }} }} }}"
        );
        let warnings = notices(&text);
        let is_of_token = |line: &String| line.contains("hls_token_secret") && !line.contains("can be read");
        warnings.into_iter().filter(is_of_token).collect::<Vec<_>>()
    };
    let expected = "c.conf:5: warning: application \"live\" has the name and the \"hls_token_secret\" of another one \
                    (c.conf:3): who may watch a stream in one can fetch the fragments of the stream of the same name in the other";
    assert_eq!(warnings("0123456789abcdef", "live"), [expected]);
    assert_eq!(warnings("0123456789abcdef", "other"), [""; 0]);
    assert_eq!(warnings("off", "live"), [""; 0]);
}

/// The warnings about an application with these directives.
fn warnings_of_callbacks(directives: &str) -> Vec<String> {
    let server =
        format!("rtmp {{ server {{ listen 127.0.0.1:0;\napplication live {{ live on; {directives} }} }} }}");
    notices(&format!("{server}\nhttp {{ server {{ listen 127.0.0.1:65000; listen 65001; }} }}"))
}

#[test]
fn callbacks_that_do_not_do_what_is_meant_are_warned_of_by_name() {
    for (directives, expected) in [
        (
            "on_publish http://127.0.0.1:8000/$app/$name;",
            "$app in the URL of \"on_publish\" is sent as it is: there are no variables here",
        ),
        (
            "on_publish http://localhost:65000/auth;",
            "\"on_publish\" leads to this server, which takes no POST: write \"notify_method get\"",
        ),
        (
            "on_play http://[::1]:65001/auth; notify_format json;",
            "\"on_play\" leads to this server, which takes no POST: write \"notify_format form\" and \"notify_method get\"",
        ),
        (
            "on_publish http://127.0.0.1:8000/; notify_format json; notify_method get;",
            "\"notify_method get\" has no effect: \"notify_format json\" is sent with post",
        ),
        (
            "on_done http://127.0.0.1:8000/; notify_format srs;",
            "\"on_done\" is not called: \"notify_format srs\" has no such call",
        ),
        (
            "on_publish http://joe:PASSWORD@127.0.0.1:8000/;",
            "the password in the URL of \"on_publish\" can be read by every user of this machine: chmod o-r, or put it \
             in a file of its own that is included",
        ),
    ] {
        assert_eq!(
            warnings_of_callbacks(directives),
            [format!("c.conf:2: warning: {expected}")],
            "{directives}"
        );
    }
    for directives in [
        "on_publish http://localhost:65000/auth; notify_method get;",
        "on_publish http://192.0.2.1:65000/auth;",
        "on_publish http://127.0.0.1:8000/?price=$5;",
    ] {
        assert_eq!(warnings_of_callbacks(directives), [""; 0], "{directives}");
    }
}

#[test]
fn a_callback_without_a_url_is_an_error_like_that_of_other_directives() {
    let server = "rtmp { server { listen 127.0.0.1:0; application live { live on; on_publish; } } }";
    let error = error_in(&Folder::new(), server);
    assert_eq!(error, "c.conf:1: \"on_publish\" takes URL|off, not nothing");
}

#[test]
fn a_callback_of_the_server_that_one_application_does_not_call_names_the_application() {
    let text = "rtmp { server { listen 127.0.0.1:0;\non_connect http://127.0.0.1:8000/;\n\
                application cams { live on; notify_format mediamtx; } application live { live on; } } }";
    let expected = "c.conf:2: warning: \"on_connect\" is not called for the application \"cams\": \
                    \"notify_format mediamtx\" has no such call";
    assert_eq!(notices(text), [expected]);
}

#[test]
fn sessions_of_viewers_about_which_nobody_is_asked_are_warned_of() {
    let hls = "hls on; hls_path /tmp/hls;";
    let (without_hls, without_call) = (
        "\"hls_sessions on\" has no effect without \"hls on\"",
        "\"hls_sessions on\" asks nobody and tells nobody: write \"on_play\", \"on_play_done\" or \"on_done\" beside it",
    );
    let (play, done) = ("on_play http://127.0.0.1:8000/;", "on_done http://127.0.0.1:8000/;");
    for (of_server, of_live, expected) in [
        ("", format!("hls_sessions on; {play}"), Some(without_hls)),
        ("", format!("{hls} hls_sessions on; on_publish http://127.0.0.1:8000/;"), Some(without_call)),
        ("", format!("{hls} hls_sessions on; notify_format srs; {done}"), Some(without_call)),
        ("", format!("{hls} hls_sessions on; {play}"), None),
        ("", format!("{hls} hls_sessions on; {done}"), None),
        ("", format!("{hls} hls_sessions off;"), None),
        ("hls_sessions on;", format!("{hls} {play}"), None),
        ("hls_sessions on;", hls.to_owned(), Some(without_call)),
    ] {
        let text = format!(
            "rtmp {{ server {{ listen 127.0.0.1:0;\n{of_server} application other {{ live on; }}\n\
             application live {{ live on; {of_live} }} }} }}"
        );
        let found = notices(&text).into_iter().filter(|line| line.contains("hls_sessions"));
        let line = if of_server.is_empty() { 3 } else { 2 };
        let expected = expected.map(|expected| format!("c.conf:{line}: warning: {expected}"));
        assert_eq!(found.collect::<Vec<_>>(), Vec::from_iter(expected), "{of_server} {of_live}");
    }
}

#[test]
fn a_file_of_certificates_beside_ssl_verify_off_is_warned_of() {
    let said = warnings_of_callbacks(
        "on_publish https://backend.example/; ssl_verify off; ssl_trusted_certificate /x;",
    );
    let expected = "\"ssl_trusted_certificate\" has no effect: \"ssl_verify off\" takes any certificate";
    assert!(said.iter().any(|line| line.ends_with(expected)), "{said:?}");
}
