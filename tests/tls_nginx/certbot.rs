//! The configuration that `certbot --nginx` makes of a server at port 80, with its options file, as it is.

use super::{certificates, curl};
use crate::common::{Folder, Server, millstream, run, stderr};

const CONFIG: &str = "pid off; http { access_log off;
server {
    server_name a.example;
    location / { return 200 \"$host $scheme\"; }

    listen 127.0.0.1:0 ssl; # managed by Certbot
    ssl_certificate CERT; # managed by Certbot
    ssl_certificate_key KEY; # managed by Certbot
    include FOLDER/options-ssl-nginx.conf; # managed by Certbot
    ssl_dhparam /etc/letsencrypt/ssl-dhparams.pem; # managed by Certbot

}
server {
    if ($host = a.example) {
        return 301 https://$host$request_uri;
    } # managed by Certbot


    listen 127.0.0.1:0;
    server_name a.example;
    return 404; # managed by Certbot


} }
";

const OPTIONS: &str = "# This file contains important security parameters. If you modify this file
# manually, Certbot will be unable to automatically provide future security updates.

ssl_session_cache shared:le_nginx_SSL:10m;
ssl_session_timeout 1440m;
ssl_session_tickets off;

ssl_protocols TLSv1.2 TLSv1.3;
ssl_prefer_server_ciphers off;

ssl_ciphers \"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384\";
";

#[test]
fn what_certbot_writes_runs_as_it_is_and_leads_its_host_to_https() {
    let made = certificates();
    let folder = Folder::new();
    folder.write("options-ssl-nginx.conf", OPTIONS);
    let text = CONFIG
        .replace("CERT", &made.certificate("a").display().to_string())
        .replace("KEY", &made.key("a").display().to_string());
    let file = folder.write("c.conf", text.replace("FOLDER", &folder.display().to_string()));
    let said = stderr(&run(millstream().arg("-t").arg("-c").arg(file)));
    for part in ["there is no suite DHE-RSA-AES128-GCM-SHA256", "it counts as 6h", "test successful"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let server = Server::start_in(folder, &text);
    let plain = server.addresses("HTTP on")[0];
    let url = |host: &str| format!("http://{host}:{}/x?y", plain.port());
    let led = curl(&made, plain, "a.example", &[&url("a.example")]);
    assert!(led.starts_with("301 https://a.example/x?y"), "{led}");
    assert!(curl(&made, plain, "b.example", &[&url("b.example")]).starts_with("404 "));
    assert_eq!(curl(&made, server.addresses("HTTPS")[0], "a.example", &[]), "200  a.example https");
}
