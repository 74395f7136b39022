//! Mistakes in a configuration: each is pointed at by file and line, with what was expected.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use crate::common::{Folder, millstream, run, stderr};

/// `-t` of a text that stands in a file called `c.conf`, run in its folder.
fn test(text: &str) -> (Option<i32>, String) {
    let folder = Folder::new();
    folder.write("c.conf", text);
    let output = run(millstream().current_dir(&*folder).args(["-p", ".", "-t", "-c", "c.conf"]));
    assert_eq!(output.stdout, b"");
    let file = folder.join("c.conf").display().to_string();
    (output.status.code(), stderr(&output).replace(&file, "c.conf"))
}

#[test]
fn a_good_configuration_passes_the_test() {
    let (code, said) = test("rtmp { server { listen 127.0.0.1:0; application live { live on; } } }");
    assert_eq!(code, Some(0), "{said}");
    let expected = "millstream: the configuration c.conf syntax is ok\n\
                    millstream: configuration c.conf test successful\n";
    assert_eq!(said, expected);
}

/// A text, and what is said of it after the file's name.
const MISTAKES: &[(&str, &str)] = &[
    (
        "rtmp {\n  server {\n    lisen 1935;\n  }\n}",
        "3: unknown directive \"lisen\" in server in rtmp; did you mean \"listen\"?",
    ),
    (
        "rtmp {\nhls_frag 2s; }",
        "2: unknown directive \"hls_frag\" in rtmp; did you mean \"hls_fragment\", \"hls_fragment_naming\", \
         \"hls_fragment_slicing\" or \"hls_fragments_per_key\"?",
    ),
    (
        "http { server {\nlisten 443 ssl; } }",
        "2: no \"ssl_certificate\" for \"listen ... ssl\": name its file, and that of its key with ssl_certificate_key",
    ),
    (
        "http { server { listen 443 ssl;\nssl_certificate a.pem; } }",
        "2: no \"ssl_certificate_key\" for the certificate \"a.pem\"",
    ),
    (
        "rtmp { server { listen 1936 ssl;\nssl_certificate a; ssl_certificate_key a;\nssl_certificate b; } }",
        "3: no \"ssl_certificate_key\" for the certificate \"b\": here are 2 certificates and 1 of their keys",
    ),
    (
        "http {\nssl_certificate $ssl_server_name.pem; }",
        "2: \"ssl_certificate\" takes path: \"$ssl_server_name.pem\" has variables, and files are read at the start: \
         write a server for each name, each with its own files",
    ),
    (
        "rtmp {\nssl_certificate_key engine:pkcs11:x; }",
        "2: \"ssl_certificate_key\" takes path: \"engine:...\" is a key of an engine, and only files are read: write it into a file (PEM)",
    ),
    (
        "http {\nssl_protocols TLSv1; }",
        "2: \"ssl_protocols\" takes [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]: TLSv1 is not spoken any more: write TLSv1.2 TLSv1.3",
    ),
    (
        "http {\nssl_ciphers DES-CBC3-SHA; }",
        "2: \"ssl_ciphers\" takes list: \"DES-CBC3-SHA\" leaves none of the suites that there are: ECDHE-ECDSA-AES256-GCM-SHA384, \
         ECDHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-CHACHA20-POLY1305, ECDHE-RSA-CHACHA20-POLY1305, ECDHE-ECDSA-AES128-GCM-SHA256, \
         ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        "http { server { listen 443 ssl; ssl_certificate a; ssl_certificate_key a;\nssl_verify_client on; } }",
        "2: \"ssl_verify_client\" needs \"ssl_client_certificate\": the file of the certificates that may have signed those of clients",
    ),
    (
        "http {\nssl_password_file p; }",
        "2: \"ssl_password_file\" is nginx's, and Millstream does not do it: it asks for no password: write the key without one, by \
         \"openssl pkey -in KEY -out NEW\", into a file that only its user may read (mode 0600)",
    ),
    (
        "http { server { location / {\nssl_certificate a; } } }",
        "2: \"ssl_certificate\" is not allowed in location; it belongs in http, server in http, rtmp or server in rtmp",
    ),
    ("\n\nrtpm { }", "3: unknown directive \"rtpm\" in the top level; did you mean \"rtmp\"?"),
    (
        "rtmp { server { listen 1935;\napplication a { liv on; } } }",
        "2: unknown directive \"liv\" in application; did you mean \"live\"?",
    ),
    ("rtmp { server {\napplication a {\nlive yes; } } }", "3: \"live\" takes on or off, not \"yes\""),
    (
        "rtmp { server {\nchunk_size 4k; } }",
        "2: \"chunk_size\" takes a number from 128 to 16777215, not \"4k\"; write \"4096\"",
    ),
    ("rtmp {\ntimeout soon; }", "2: \"timeout\" takes a time such as 30s or 500ms, not \"soon\""),
    (
        "rtmp {\npublish_max_bitrate 6; }",
        "2: \"publish_max_bitrate\" takes bitrate|off: \"6\" is less than 1k bits a second; did you mean \"6k\"?",
    ),
    (
        "rtmp {\npublish_max_resolution 720p; }",
        "2: \"publish_max_resolution\" takes WIDTHxHEIGHT|off: \"720p\" is no resolution such as 1920x1080",
    ),
    (
        "rtmp {\npublish_codecs h264 acc; }",
        "2: \"publish_codecs\" takes all|codec ...: no codec \"acc\"; did you mean \"aac\"?",
    ),
    (
        "rtmp {\npublish_max_duration x; }",
        "2: \"publish_max_duration\" takes a time such as 30s, or off, not \"x\"",
    ),
    ("max_connections some;", "1: \"max_connections\" takes a number from 0 to 4294967295, not \"some\""),
    (
        "rtmp { server { application a {\nmax_connections_per_address 1; } } }",
        "2: \"max_connections_per_address\" is not allowed in application; it belongs in the top level, rtmp or http",
    ),
    ("rtmp {\nmax_message 1t; }", "2: \"max_message\" takes a size from 1k to 256m, not \"1t\""),
    (
        "rtmp { server {\nmax_message 257m; } }",
        "2: \"max_message\" takes a size from 1k to 256m, not \"257m\"",
    ),
    (
        "rtmp { server {\nmax_message 1000; } }",
        "2: \"max_message\" takes a size from 1k to 256m, not \"1000\"",
    ),
    ("rtmp {\ngop_max_size 65m; }", "2: \"gop_max_size\" takes a size from 0 to 64m, not \"65m\""),
    (
        "rtmp {\nserver {\nlisten 70000; } }",
        "3: \"listen\" takes address:port|address|port|unix:path [ssl] [proxy_protocol] [ipv6only=on|off] [reuseport] ...: \"70000\" is not a port",
    ),
    (
        "live on;",
        "1: \"live\" is not allowed in the top level; it belongs in rtmp, server in rtmp or application",
    ),
    ("rtmp { live on;\nlive off; }", "2: \"live\" stands in this block twice"),
    ("rtmp { server {\nlisten 1935", "2: directive \"listen\" is not terminated by \";\""),
    ("rtmp {\nserver {\n", "2: no closing \"}\" for the block that begins here"),
    ("rtmp { }\n}", "2: unexpected \"}\": no block is open here"),
    ("\nrtmp;", "2: \"rtmp\" has a block in braces, not \";\""),
    ("rtmp { server { application a {\nrecord all off; } } }", "2: \"record\" is off or something, not both"),
    (
        "rtmp { server { application a {\nrecord sound; } } }",
        "2: \"record\" takes any of off, all, audio, video, keyframes, manual, not \"sound\"",
    ),
    (
        "rtmp { server { application a {\nrecord manual; } } }",
        "2: \"record manual\" takes what is to be recorded too, such as all",
    ),
    (
        "rtmp { server { application a { record all;\nrecord_suffix -100%!.flv; } } }",
        "2: \"record_suffix\" takes a strftime pattern, not \"-100%!.flv\": strftime formatting failed: \
         found unrecognized specifier directive `!`",
    ),
    (
        "rtmp { record_interval soon; }",
        "1: \"record_interval\" takes time|off [aligned]: \"soon\" is no time such as 1h, or off",
    ),
    (
        "rtmp {\nrecord_interval 1500ms aligned; }",
        "2: \"record_interval\" takes time|off [aligned]: whole seconds, to be aligned",
    ),
    (
        "rtmp {\nrecord_max_frames -1; }",
        "2: \"record_max_frames\" takes a number from 0 to 4294967295, not \"-1\"",
    ),
    ("rtmp {\nrecord_max_size big; }", "2: \"record_max_size\" takes a size such as 64k or 1m, not \"big\""),
    ("rtmp {\nrecorder a { } }", "2: \"recorder\" is not allowed in rtmp; it belongs in application"),
    ("rtmp { server { application a {\nrecorder { } } } }", "2: \"recorder\" takes a name, not nothing"),
    (
        "rtmp { server { application a { recorder x { }\nrecorder x { } } } }",
        "2: recorder \"x\" stands in this application twice",
    ),
    (
        "rtmp { server { application a { recorder x {\nhls on; } } } }",
        "2: \"hls\" is not allowed in recorder; it belongs in rtmp, server in rtmp or application",
    ),
    (
        "rtmp { server { application a {\ndash on; } } }",
        "2: \"dash\" is not there yet: use hls, which browsers play with hls.js; docs/nginx-rtmp.md has more",
    ),
    ("rtmp { server {\napplication a {\nhls on; } } }", "2: \"hls on\" needs \"hls_path\""),
    (
        "rtmp { server { application a { }\napplication a { } } }",
        "2: application \"a\" stands in this server twice",
    ),
    (
        "rtmp { server {\nstream_from_app b;\napplication a { } } server { listen 1936; application b { } } }",
        "2: \"stream_from_app\" takes an application of this server, and there is none called \"b\"",
    ),
    (
        "rtmp { server {\nstream_from_app a b; } }",
        "2: \"stream_from_app\" takes application|off: the name of one application, or off",
    ),
    (
        "rtmp {\nstream_from_app a; }",
        "2: \"stream_from_app\" is not allowed in rtmp; it belongs in server in rtmp",
    ),
    (
        "rtmp { server { listen 1935; }\nserver { listen 1935; } }",
        "2: 0.0.0.0:1935 is already listened on, by c.conf:1",
    ),
    (
        "http { server {\nlocation x { } } }",
        "2: \"location\" takes [=|^~] /path or ~|~* regex or @name: a path that begins with /",
    ),
    (
        "http { server { listen 80 default_server; }\nserver {\nlisten 80 default_server; } }",
        "3: 0.0.0.0:80 has a default_server already",
    ),
    (
        "rtmp { server { listen 80; } }\nhttp { server {\nlisten 80; } }",
        "3: 0.0.0.0:80 is already listened on, by c.conf:1",
    ),
    (
        "http { server { location / {\nproxy_pass http://a; } } }",
        "2: \"proxy_pass\" is nginx's, and Millstream does not do it: it forwards no requests; a proxy in front can",
    ),
    (
        "rtmp { server { application a {\npush http://a; } } }",
        "2: \"push\" takes URL [key=value ...]: \"http://a\" is no URL of rtmp or rtmps",
    ),
    (
        "error_log stderr\nloud;",
        "1: \"error_log\" takes file|stderr|syslog:server=address[,...]|off [debug|info|notice|warn|error|crit|alert|emerg]: no level \"loud\"; is a \";\" missing?",
    ),
];

#[test]
fn a_mistake_is_reported_with_file_line_and_advice() {
    for (text, message) in MISTAKES {
        let (code, said) = test(text);
        assert_eq!(code, Some(1), "{text}");
        let mut lines: Vec<_> = said.lines().collect();
        lines.retain(|line| !line.starts_with("millstream: configuration c.conf test failed"));
        assert_eq!(lines, [format!("millstream: c.conf:{message}")], "{text}");
    }
}

/// A file with one error in nearly every line, and what is said of it.
const MANY_MISTAKES: &str = "\
usr www-data;
rtmp {
    server {
        listen 70000;
        chunk_size 4k;
        application a {
            live yes;
            hls on;
            record all off;
        }
        application a {
            hls on;
            hls_pth /x;
        }
        application c {
            hls on; hls_fragment soon;
        }
        application d {
            hls on; hls_path;
        }
    }
    server {
    }
}
http {
    log_format own $nope;
    allow 10.0.0.0/33;
    server {
        listen 8080;
        access_log /dev/null own;
        types { nonsense ts; a/b; }
        if ($request_method = GET) { proxy_pass x; return nowhere; }
        location / { expires soon; access_log /dev/null other; }
        location / { root $host; }
        location @b { alias /x; page on; }
    }
}
";
const OF_MANY_MISTAKES: &str = "\
millstream: c.conf:1: unknown directive \"usr\" in the top level; did you mean \"user\"?
millstream: c.conf:4: \"listen\" takes address:port|address|port|unix:path [ssl] [proxy_protocol] [ipv6only=on|off] [reuseport] ...: \"70000\" is not a port
millstream: c.conf:5: \"chunk_size\" takes a number from 128 to 16777215, not \"4k\"; write \"4096\"
millstream: c.conf:6: \"hls on\" needs \"hls_path\"
millstream: c.conf:7: \"live\" takes on or off, not \"yes\"
millstream: c.conf:9: \"record\" is off or something, not both
millstream: c.conf:11: application \"a\" stands in this server twice
millstream: c.conf:13: unknown directive \"hls_pth\" in application; did you mean \"hls_path\"?
millstream: c.conf:15: \"hls on\" needs \"hls_path\"
millstream: c.conf:16: \"hls_fragment\" takes a time such as 30s or 500ms, not \"soon\"
millstream: c.conf:19: \"hls_path\" takes one path, not nothing
millstream: c.conf:26: \"log_format\" takes name [escape=default|json|none] text ...: variable \"$nope\" is not known here
millstream: c.conf:27: \"allow\" takes address|network|local|all: \"10.0.0.0/33\" is not an address, a network such as 192.168.0.0/16, or all
millstream: c.conf:31: \"nonsense\" is no media type
millstream: c.conf:31: which extensions have the type a/b?
millstream: c.conf:32: \"proxy_pass\" in an `if`; the only `if` known is: if ($request_method = METHOD) { add_header ...; return ...; }, with =, !=, ~, ~*, !~ or !~*, and such as if ($host = NAME) { return ...; }, on $host, $http_host, $server_name, $server_port, $scheme, $https, $ssl_client_verify or another $ssl_..., or $secure_link
millstream: c.conf:32: \"nowhere\" is neither a status nor a URL
millstream: c.conf:33: \"expires\" takes [modified] time|@time|epoch|max|off: \"soon\" is not such as 1h, -1, @18h or epoch
millstream: c.conf:34: location \"/\" stands in this server twice
millstream: c.conf:34: \"root\" begins with a variable; it begins with a folder, such as /srv/$host
millstream: c.conf:35: \"alias\" has no meaning in a location without a path
millstream: c.conf:35: a page needs a location with the beginning of a path, for it has more than one file
millstream: configuration c.conf test failed: 22 errors
";

#[test]
fn every_mistake_is_reported_but_none_that_only_follows_from_another() {
    let (code, said) = test(MANY_MISTAKES);
    assert_eq!(code, Some(1));
    assert_eq!(said, OF_MANY_MISTAKES);
}

#[test]
fn a_start_reports_every_mistake_too() {
    let folder = Folder::new();
    let file =
        folder.write("c.conf", "rtmp { server { application a {\nhls on; }\napplication b {\nhls on; } } }");
    let output = run(millstream().arg("-c").arg(&file));
    let line = |line: u32| format!("millstream: {}:{line}: \"hls on\" needs \"hls_path\"\n", file.display());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).ends_with(&(line(1) + &line(3))), "{}", stderr(&output));
}

#[test]
fn a_hundred_mistakes_are_shown_and_the_rest_is_counted() {
    let (code, said) = test(&"live on;\n".repeat(250));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!((code, lines.len()), (Some(1), 102), "{said}");
    assert!(lines[99].starts_with("millstream: c.conf:100: \"live\" is not allowed"), "{said}");
    assert_eq!(
        lines[100..],
        ["millstream: ... and 150 more", "millstream: configuration c.conf test failed: 250 errors"]
    );
}

#[test]
fn a_name_or_path_that_no_file_can_have_is_a_mistake() {
    let (long, path) = ("n".repeat(300), "/p".repeat(2000));
    let rtmp = |text: String| format!("rtmp {{ server {{ listen 1935; application live {{\n{text}\n}} }} }}");
    let http = |text: String| format!("http {{ server {{ listen 80; location / {{\n{text}\n}} }} }}");
    for (text, said) in [
        (rtmp(format!("record all; record_suffix {long};")), "\"record_suffix\" makes suffixes of 300 bytes"),
        (rtmp("record all; record_suffix .ts;".into()), "\"record_suffix\" is of FLV files"),
        (rtmp("record all; record_suffix -%Y.m3u8;".into()), "\"record_suffix\" is of FLV files"),
        (
            rtmp("record all; record_keep 1ms;".into()),
            "\"record_keep\" takes time|off: \"1ms\" is less than 1s",
        ),
        (rtmp("record off; record_keep 0;".into()), "\"record_keep\" takes time|off: \"0\" is less than 1s"),
        (
            "rtmp {\nhls_memory_size 10;\n}".into(),
            "\"hls_memory_size\" takes a size of at least 1m, not \"10\"",
        ),
        (
            "rtmp {\nhls_memory_size 0;\n}".into(),
            "\"hls_memory_size\" takes a size of at least 1m, not \"0\"",
        ),
        (
            "rtmp {\nhls_memory_size big;\n}".into(),
            "\"hls_memory_size\" takes a size of at least 1m, not \"big\"",
        ),
        (rtmp("record off; record_keep soon;".into()), "\"record_keep\" takes time|off: \"soon\" is no time"),
        (
            rtmp(format!("record_path /var/{long}/rec;")),
            "\"record_path\" takes a path: a name in it has 300 bytes",
        ),
        (rtmp(format!("record_path {path};")), "\"record_path\" takes a path: it has 4000 bytes"),
        (rtmp(format!("hls_path /{long};")), "\"hls_path\" takes a path: a name in it has 300"),
        (rtmp(format!("hls_key_path /{long};")), "\"hls_key_path\" takes a path: a name in it has 300"),
        (
            rtmp(format!("hls_variant _{long};")),
            "\"hls_variant\" takes suffix [ATTRIBUTE=value[,ATTRIBUTE=value...] ...]: ",
        ),
        (
            rtmp("hls on; hls_path /h; hls_nested on; hls_variant .m3u8;".into()),
            "\"hls_variant\" with a name",
        ),
        (http(format!("root /srv/{long};")), "\"root\" takes a path: a name in it has 300"),
        (http(format!("alias /srv/{long}/;")), "\"alias\" takes a path: a name in it has 300"),
        (
            http(format!("access_log /var/log/{long};")),
            "\"access_log\" takes path|syslog:server=address[,...] [format]|off: a name in it has 300",
        ),
        (format!("\nerror_log {long};"), "\"error_log\" takes file|stderr"),
        (format!("\npid /run/{long};"), "\"pid\" takes a path: a name in it has 300"),
    ] {
        let (code, error) = test(&text);
        assert_eq!(code, Some(1), "{text}");
        assert!(error.contains("c.conf:2: ") && error.contains(said), "{said}: {error}");
    }
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_an_error() {
    let folder = Folder::new();
    fs::create_dir(folder.join("folder")).unwrap();
    nix::unistd::mkfifo(&folder.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (name, why) in
        [("none", "No such file"), ("folder", "not a regular file"), ("fifo", "not a regular file")]
    {
        let output = run(millstream().current_dir(&*folder).args(["-t", "-c", name]));
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(stderr(&output).contains(&format!("{name}: {why}")), "{}", stderr(&output));
    }
}

#[test]
fn a_directive_without_effect_is_named_once() {
    let (code, said) = test(
        "worker_rlimit_nofile 1024;\nhttp {\nsendfile on;\nserver {\nlisten 127.0.0.1:0;\nsendfile off;\ntcp_nopush on;\n} }",
    );
    assert_eq!(code, Some(0));
    for (line, name) in [(1, "worker_rlimit_nofile"), (3, "sendfile"), (7, "tcp_nopush")] {
        let notice = format!("millstream: c.conf:{line}: \"{name}\" is accepted and means nothing here\n");
        assert_eq!(said.matches(&notice).count(), 1, "{said}");
    }
    assert_eq!(said.matches("means nothing here").count(), 3, "{said}");
}

#[test]
fn mistakes_in_included_files_are_reported_with_that_file() {
    let folder = Folder::new();
    folder.write(
        "main.conf",
        "rtmp { server { listen 127.0.0.1:0; include apps/*.conf;\n } }\ninclude http.conf;",
    );
    folder.write("http.conf", "http { }");
    folder.write("apps/a.conf", "application a { live on; }");
    let b = folder.write("apps/b.conf", "application b {\n  live on;\n}\n");
    let test = || run(millstream().args(["-t", "-c"]).arg(folder.join("main.conf")));
    assert_eq!(test().status.code(), Some(0), "{}", stderr(&test()));
    fs::write(&b, "application b {\n  live maybe;\n}\n").unwrap();
    let expected = format!("{}:2: \"live\" takes on or off, not \"maybe\"\n", b.display());
    assert!(stderr(&test()).contains(&expected), "{}", stderr(&test()));
    folder.write("http.conf", "include main.conf;");
    assert_eq!(test().status.code(), Some(1), "an endless include ends");
    folder.write("main.conf", "include none.conf;");
    assert_eq!(test().status.code(), Some(1));
    folder.write("main.conf", "include none*.conf;");
    assert_eq!(test().status.code(), Some(0), "a pattern may fit nothing");
}
