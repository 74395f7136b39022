//! The `http` blocks of published nginx-rtmp configurations, as they are written there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::http::{Connection, get};
use crate::common::{Folder, Server, millstream, run, stderr};

/// A server of a folder with HLS in it; FOLDER stands for the folder.
fn site(http: &str) -> Server {
    let folder = Folder::new();
    folder.write("tmp/hls/cam.m3u8", "#EXTM3U\n");
    folder.write("tmp/hls/cam-1.ts", "fragment");
    folder.write("html/index.html", "<p>index");
    folder.write("html/50x.html", "<p>50x");
    folder.write("html/players/hls.html", "<p>player");
    Server::start_in(
        folder,
        &format!("pid off; worker_processes auto; events {{ worker_connections 1024; }}\n{http}"),
    )
}

#[test]
fn the_block_of_nginx_rtmps_own_readme_serves_hls() {
    let server = site(
        "http {
            sendfile off; tcp_nopush on; directio 512;
            # aio on;
            default_type application/octet-stream;
            server {
                listen 127.0.0.1:0;
                location / {
                    # Disable cache
                    add_header 'Cache-Control' 'no-cache';

                    # CORS setup
                    add_header 'Access-Control-Allow-Origin' '*' always;
                    add_header 'Access-Control-Expose-Headers' 'Content-Length';

                    # allow CORS preflight requests
                    if ($request_method = 'OPTIONS') {
                        add_header 'Access-Control-Allow-Origin' '*';
                        add_header 'Access-Control-Max-Age' 1728000;
                        add_header 'Content-Type' 'text/plain charset=UTF-8';
                        add_header 'Content-Length' 0;
                        return 204;
                    }

                    types {
                        application/dash+xml mpd;
                        application/vnd.apple.mpegurl m3u8;
                        video/mp2t ts;
                    }

                    root FOLDER/tmp/;
                }
            }
        }",
    );
    let mut connection = Connection::open(server.http());
    let reply = connection.get("/hls/cam.m3u8");
    assert_eq!((reply.status, reply.text().as_str()), (200, "#EXTM3U\n"));
    for (name, value) in [
        ("content-type", "application/vnd.apple.mpegurl"),
        ("cache-control", "no-cache"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "Content-Length"),
    ] {
        let all: Vec<_> = reply.headers.iter().filter(|(key, _)| key == name).collect();
        assert_eq!((all.len(), reply.header(name)), (1, value), "{name}");
    }
    let reply = connection.request("OPTIONS", "/hls/cam.m3u8", "Origin: http://a\r\n");
    assert_eq!((reply.status, reply.header("access-control-max-age")), (204, "1728000"));
    assert_eq!(
        (reply.header("content-length"), reply.header("content-type")),
        ("", "text/plain charset=UTF-8")
    );
    assert_eq!(connection.get("/hls/none.m3u8").header("access-control-allow-origin"), "*");
    assert_eq!(connection.get("/hls/cam-1.ts").header("content-type"), "video/mp2t");
}

#[test]
fn a_preflight_is_answered_in_every_spelling() {
    for condition in [
        "($request_method = 'OPTIONS')",
        "($request_method = \"OPTIONS\")",
        "($request_method = OPTIONS)",
        "($request_method = OPTIONS )",
        "( $request_method = OPTIONS )",
        "($request_method ~* \"(OPTIONS)\")",
        "($request_method ~ ^(OPTIONS)$)",
    ] {
        let server = site(&format!(
            "http {{ server {{ listen 127.0.0.1:0; location /hls {{ root FOLDER/tmp;
                if {condition} {{ add_header Access-Control-Max-Age 7; return 204; }} }} }} }}"
        ));
        let mut connection = Connection::open(server.http());
        let reply = connection.request("OPTIONS", "/hls/cam.m3u8", "");
        assert_eq!((reply.status, reply.header("access-control-max-age")), (204, "7"), "{condition}");
        assert_eq!(connection.get("/hls/cam.m3u8").status, 200, "{condition}");
    }
}

#[test]
fn the_wide_open_snippet_adds_its_headers_for_each_method() {
    let server = site(
        "http { server { listen 127.0.0.1:0;
            location / {
                root FOLDER/tmp;
                if ($request_method = 'OPTIONS') {
                    add_header 'Access-Control-Allow-Origin' '*';
                    add_header 'Access-Control-Allow-Methods' 'GET, POST, OPTIONS';
                    # Custom headers and headers various browsers *should* be OK with but aren't
                    add_header 'Access-Control-Allow-Headers' 'DNT,User-Agent,X-Requested-With,Range';
                    # Tell client that this pre-flight info is valid for 20 days
                    add_header 'Access-Control-Max-Age' 1728000;
                    add_header 'Content-Type' 'text/plain; charset=utf-8';
                    add_header 'Content-Length' 0;
                    return 204;
                }
                if ($request_method = 'POST') {
                    add_header 'Access-Control-Allow-Origin' '*' always;
                }
                if ($request_method = 'GET') {
                    add_header 'Access-Control-Allow-Origin' '*' always;
                    add_header 'Access-Control-Allow-Methods' 'GET, POST, OPTIONS' always;
                    add_header 'Access-Control-Expose-Headers' 'Content-Length,Content-Range' always;
                }
            }
        } }",
    );
    let mut connection = Connection::open(server.http());
    let reply = connection.request("OPTIONS", "/hls/cam.m3u8", "");
    assert_eq!((reply.status, reply.header("access-control-allow-methods")), (204, "GET, POST, OPTIONS"));
    let reply = connection.get("/hls/cam.m3u8");
    assert_eq!(
        (reply.status, reply.header("access-control-expose-headers")),
        (200, "Content-Length,Content-Range")
    );
    let reply = connection.request("POST", "/hls/cam.m3u8", "");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (405, "*"));
}

#[test]
fn the_default_file_of_nginx_with_its_media_types_and_log_works_unchanged() {
    let server = site(
        "http {
            include       mime.types;
            default_type  application/octet-stream;

            log_format  main  '$remote_addr - $remote_user [$time_local] \"$request\" '
                              '$status $body_bytes_sent \"$http_referer\" '
                              '\"$http_user_agent\" \"$http_x_forwarded_for\"';

            access_log  FOLDER/access.log  main;

            sendfile        on;
            #tcp_nopush     on;
            keepalive_timeout  65;
            gzip  on;
            server_tokens off;

            server {
                listen       127.0.0.1:0;
                server_name  localhost;
                charset      utf-8;

                location / {
                    root   FOLDER/html;
                    index  index.html index.htm;
                }

                error_page   500 502 503 504  /50x.html;
                location = /50x.html {
                    root   FOLDER/html;
                }
                location /fails { return 503; }

                # deny access to .htaccess files, if Apache's document root concurs with nginx's one
                location ~ /\\.ht {
                    deny  all;
                }
                location ~ /\\. { access_log off; log_not_found off; deny all; }
                location = /favicon.ico { log_not_found off; access_log off; return 204; }
                location /players { alias FOLDER/html/players; }
                location /crossdomain.xml { return 200 '<cross-domain-policy/>'; default_type text/xml; }
                location /old { return 301 /players/; }
                location ~* \\.(m3u8)$ { root FOLDER/tmp; expires -1; add_header Cache-Control no-store; }
                location ~* \\.(ts|aac)$ { root FOLDER/tmp; expires 30s; }
                location /app/ { root FOLDER; try_files $uri $uri/ /index.html =404; }
            }
        }",
    );
    let status = |target: &str| get(server.http(), target).status;
    assert_eq!(get(server.http(), "/").text(), "<p>index");
    let reply = get(server.http(), "/fails");
    assert_eq!((reply.status, reply.text().as_str()), (503, "<p>50x"));
    assert_eq!((status("/.htaccess"), status("/x/.git"), status("/favicon.ico")), (403, 403, 204));
    assert_eq!(get(server.http(), "/players/hls.html").text(), "<p>player");
    let reply = get(server.http(), "/crossdomain.xml");
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/xml"));
    assert_eq!(get(server.http(), "/old").header("location"), "/players/");
    let reply = get(server.http(), "/hls/cam.m3u8");
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    assert_eq!(get(server.http(), "/hls/cam-1.ts").header("cache-control"), "max-age=30");
    assert_eq!(status("/app/x"), 404);
}

#[test]
fn nginxs_file_of_media_types_is_taken_as_it_is() {
    let folder = Folder::new();
    folder.write(
        "mime.types",
        "\ntypes {\n    text/html                             html htm shtml;\n    image/svg+xml        svg svgz;\n\n    \
         application/vnd.apple.mpegurl         m3u8;\n    application/octet-stream  bin exe dll;\n    \
         application/vnd.openxmlformats-officedocument.wordprocessingml.document    docx;\n    \
         audio/midi                            mid midi kar;\n    video/mp2t                            ts;\n}\n",
    );
    folder.write("www/a.kar", "");
    folder.write("www/a.css", "");
    let server = Server::start_in(
        folder,
        "pid off; http { include mime.types; default_type application/octet-stream;
            server { listen 127.0.0.1:0; root FOLDER/www; } }",
    );
    assert_eq!(get(server.http(), "/a.kar").header("content-type"), "audio/midi");
    assert_eq!(get(server.http(), "/a.css").header("content-type"), "application/octet-stream");
}

#[test]
fn a_directive_that_would_serve_something_else_is_an_error() {
    let folder = Folder::new();
    for (directive, expected) in [
        ("if ($http_origin ~* x) { add_header A b; }", "the only `if` known is"),
        ("if ($request_method = OPTIONS) { rewrite a b; }", "\"rewrite\" in an `if`"),
        ("proxy_pass http://127.0.0.1:1;", "it forwards no requests"),
        ("rewrite ^/a /b;", "only ^ is known, for every path"),
        ("rewrite_log on;", "a request is answered at the path it asks for"),
        ("limit_req zone=a;", "it counts no requests"),
        ("try_files $document_root =404;", "variable \"$document_root\" is not known here"),
    ] {
        let text = format!("http {{ server {{ listen 127.0.0.1:0; location / {{\n{directive}\n}} }} }}");
        let file = folder.write("c.conf", text);
        let output = run(millstream().args(["-t", "-c"]).arg(&file));
        let said = stderr(&output);
        assert!(
            !output.status.success() && said.contains("c.conf:2: ") && said.contains(expected),
            "{directive}: {said}"
        );
    }
}
