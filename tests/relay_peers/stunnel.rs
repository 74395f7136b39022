//! RTMPS: stunnel before nginx-rtmp, as Facebook takes nothing else.

use super::*;
use crate::common::nginx::Nginx;
use crate::common::tls::certificates::Certificates;

/// nginx behind stunnel, which has the certificate.
fn secure_nginx(folder: &Folder, certificates: &Certificates) -> (Nginx, Program, SocketAddr) {
    let (plain, secure) = (free(), free());
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so; user root; events {{ }}
         rtmp {{ server {{ listen {plain}; application app {{ live on; record all; record_path {}; }} }} }}",
        folder.display()
    );
    let nginx = Nginx::start(folder, &text, plain).unwrap();
    let settings = format!(
        "foreground = yes\npid =\n[rtmps]\naccept = {secure}\nconnect = {plain}\ncert = {}\nkey = {}\n",
        certificates.certificate("server").display(),
        certificates.key("server").display()
    );
    let mut command = Command::new("stunnel");
    command.arg(folder.write("stunnel.conf", settings)).stdout(Stdio::null()).stderr(Stdio::null());
    let tunnel = Program::listening(&mut command, secure);
    (nginx, tunnel, secure)
}

/// SHA-256 of a certificate, as openssl prints it.
fn fingerprint(certificates: &Certificates) -> String {
    let mut command = Command::new("openssl");
    command
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificates.certificate("server"));
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    output.trim().rsplit('=').next().unwrap().to_owned()
}

#[test]
fn a_push_over_tls_reaches_who_has_a_trusted_or_pinned_certificate_and_nobody_else() {
    let (folder, certificates) = (Folder::new(), Certificates::make());
    let clip = clip(&folder, 3);
    let (_nginx, _tunnel, secure) = secure_nginx(&folder, &certificates);
    let (port, pin) = (secure.port(), fingerprint(&certificates));
    let other = pin.chars().rev().collect::<String>();
    let server = relaying(&format!(
        "push rtmps://localhost:{port}/app/pinned-key fingerprint={pin};
         push rtmps://localhost:{port}/app/other-key fingerprint={other};
         push rtmps://localhost:{port}/app/unknown-key;"
    ));
    let trusting = relaying(&format!(
        "ssl_trusted_certificate {}; push rtmps://localhost:{port}/app/trusted-key;",
        certificates.authority().display()
    ));
    for (server, name) in [(&server, "pinned-key.flv"), (&trusting, "trusted-key.flv")] {
        publish(&clip, &format!("rtmp://{}/live/cam", server.rtmp())).finish("the end of the publisher");
        server.wait_log("the relay ends");
        let file = folder.join(name);
        wait("nginx has the file", || std::fs::metadata(&file).is_ok_and(|facts| facts.len() > 20_000));
        has_the_pictures_of(&file, &clip);
    }
    server.wait_log("its certificate is another one than that of fingerprint");
    server.wait_log("its certificate is signed by nobody who is trusted");
    for name in ["other-key.flv", "unknown-key.flv"] {
        assert!(!folder.join(name).exists(), "{name}");
    }
    for server in [&server, &trusting] {
        assert!(!server.log().contains("-key"), "{}", server.log());
    }
}
