//! One configuration and the same clients: the commands that run, their arguments, and how they end are those of
//! nginx-rtmp.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::media;
use crate::common::nginx::Nginx;
use crate::common::raw::Raw;
use crate::common::{Folder, SOON, Server, free_port, wait};
use millstream::media::amf::{Object, Value};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// A command that runs until it is ended: MANAGED; one that ends by itself: TOLD. Both write what they are told.
const CONFIGURATION: &str = r#"
    rtmp {
        exec_kill_signal term;
        respawn_timeout 1s;
        exec_static MANAGED static $name ${app}x \x;
        exec_publish TOLD outer $app;
        server {
            listen ADDRESS;
            application live {
                live on;
                record all;
                record_path FOLDER/rec;
                exec_push MANAGED push $name $args "$app/$name?$args" $name_low ${name}x \$name $nothing- "";
                exec MANAGED exec $addr $flashver $swfurl $tcurl $pageurl $path-;
                exec_pull MANAGED pull $app $name $args-;
                exec_publish TOLD publish $name $args $path- $recorder-;
                exec_publish TOLD redirected $name >FOLDER/out.$name 2>&1;
                exec_publish_done TOLD publish_done $name $args $addr $flashver;
                exec_play TOLD play $name $args $tcurl;
                exec_play_done TOLD play_done $name $args $pageurl;
                exec_record_done TOLD record_done $app $name $args $recorder- $path $filename $basename $dirname;
                recorder second {
                    record video;
                    record_suffix .second.flv;
                    exec_record_done TOLD second $recorder $basename;
                }
            }
            application plain {
                live on;
                exec_push MANAGED push $name $args "$app/$name?$args";
                exec_publish_done TOLD publish_done $name $args-;
            }
            application names {
                live on;
                exec_options on;
                exec_push MANAGED name=cam named $name;
                exec_publish TOLD name=door told_names $name;
                exec_publish_done TOLD done_names $name;
            }
            application once {
                live on;
                respawn off;
                exec_push TOLD once $name;
                exec_publish_done TOLD done_once $name;
            }
            application order {
                live on;
                exec_push ORDER push;
                exec ORDER exec;
                exec_publish ORDER publish;
                exec_publish ORDER second;
            }
            application again {
                live on;
                exec_push TOLD again $name;
            }
        }
    }
"#;

/// A shell's words, each in brackets.
const MANAGED: &str = r#"
log=$1; shift
line=; for word in "$@"; do line="$line [$word]"; done
trap 'printf "%s\n" "ended$line" >>"$log"; exit 0' TERM
printf '%s\n' "began$line" >>"$log"
while :; do /bin/sleep 0.05 & wait $!; done
"#;
const TOLD: &str = r#"
log=$1; shift
line=; for word in "$@"; do line="$line [$word]"; done
printf '%s\n' "told$line" >>"$log"
echo out; echo err >&2
"#;

/// Writes which processes it and its parent are. Ours is started by a launcher, which the server starts: of those that are
/// started later the numbers are higher.
const ORDER: &str = r#"
printf '%s %s %s\n' "$PPID" "$$" "$2" >>"$1"
exec /bin/sleep 1000
"#;

/// What clients do, one after the other.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Nothing: the server has begun.
    Start,
    Publish(&'static str, &'static str),
    Play(&'static str, &'static str),
    Send,
    HangUp,
    /// The server ends.
    Stop,
}

const STEPS: &[Step] = &[
    Step::Start,
    Step::Publish("live", "cam?key=1&b=a b;'\"$(x)"),
    Step::Send,
    Step::HangUp,
    Step::Publish("plain", "my cam"),
    Step::HangUp,
    Step::Play("live", "door?key=2"),
    Step::HangUp,
    Step::Publish("names", "cam"),
    Step::HangUp,
    Step::Publish("names", "door"),
    Step::HangUp,
    Step::Publish("once", "cam"),
    Step::HangUp,
    Step::Stop,
];

#[test]
fn the_commands_are_those_of_nginx_rtmp() {
    assert!(Path::new(MODULE).exists(), "scripts/install-peers installs nginx with its RTMP module");
    let (folder, address) = prepare();
    let text = format!("load_module {MODULE}; events {{ }} {}", configuration(&folder, &address.to_string()));
    let mut nginx = Nginx::start(&folder, &text, address);
    assert!(nginx.is_some(), "scripts/install-peers installs nginx");
    let expected = steps(address, &folder, &[], &mut || drop(nginx.take()));
    let output = fs::read_to_string(folder.join("out.cam")).unwrap();
    // An nginx with debug lines writes the words of the command first.
    let expected_output = output.lines().filter(|line| !line.starts_with("'/bin/sh'")).collect::<Vec<_>>();

    let (folder, _) = prepare();
    let text = format!("pid off; {}", configuration(&folder, "127.0.0.1:0"));
    let mut server = Server::start_in(folder, &text);
    let (address, path) = (server.rtmp(), server.folder.to_path_buf());
    let own = steps(address, &path, &expected, &mut || server.stop());
    assert_eq!(own, expected);
    assert!(own.iter().any(|line| line.contains("[record_done]")), "{own:#?}");
    assert_eq!(fs::read_to_string(path.join("out.cam")).unwrap(), "out\nerr\n");
    assert_eq!(expected_output, ["out", "err"]);
}

#[test]
fn a_command_that_ends_is_started_again_as_soon_as_in_nginx_rtmp() {
    assert!(Path::new(MODULE).exists(), "scripts/install-peers installs nginx with its RTMP module");
    let (folder, address) = prepare();
    let text = format!("load_module {MODULE}; events {{ }} {}", configuration(&folder, &address.to_string()));
    let _nginx = Nginx::start(&folder, &text, address);
    let expected = until_second_run(address, &folder);

    let (folder, _) = prepare();
    let text = format!("pid off; {}", configuration(&folder, "127.0.0.1:0"));
    let server = Server::start_in(folder, &text);
    let own = until_second_run(server.rtmp(), &server.folder);
    // How long it takes to start processes depends on the machine.
    for time in [expected, own] {
        assert!(time >= Duration::from_millis(900) && time < SOON, "{expected:?} {own:?}");
    }
}

#[test]
fn commands_of_a_publish_are_started_in_the_order_of_nginx_rtmp() {
    assert!(Path::new(MODULE).exists(), "scripts/install-peers installs nginx with its RTMP module");
    let (folder, address) = prepare();
    let text = format!("load_module {MODULE}; events {{ }} {}", configuration(&folder, &address.to_string()));
    let _nginx = Nginx::start(&folder, &text, address);
    let expected = starts(address, &folder);

    let (folder, _) = prepare();
    let text = format!("pid off; {}", configuration(&folder, "127.0.0.1:0"));
    let mut server = Server::start_in(folder, &text);
    assert_eq!(starts(server.rtmp(), &server.folder), expected);
    assert_eq!(expected, ["publish", "second", "push", "exec"]);
    server.stop();
}

/// The commands of a publish in the order in which their processes were started.
fn starts(address: SocketAddr, folder: &Path) -> Vec<String> {
    let mut raw = connect(address, "order");
    publish(&mut raw, "cam");
    let read = || fs::read_to_string(folder.join("order")).unwrap_or_default();
    wait("all run", || read().lines().count() == 4);
    let text = read();
    let mut found: Vec<_> = text
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words[0].parse::<u32>().unwrap(), words[1].parse::<u32>().unwrap(), words[2].to_owned())
        })
        .collect();
    for (_, process, word) in &found {
        // Independent ones are not ended with the server.
        if ["publish", "second"].contains(&word.as_str()) {
            kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
        }
    }
    // nginx is the parent of all of them; here each has a launcher, which is started in its turn.
    let parents = found.iter().map(|(parent, ..)| *parent).max().unwrap_or_default();
    let processes = found.iter().map(|(_, process, _)| *process).max().unwrap_or_default();
    // Behind the highest number of a process the lowest come again.
    let turn = |highest: u32, number: u32| (highest - number > 10_000, number);
    found.sort_by_key(|(parent, process, _)| (turn(parents, *parent), turn(processes, *process)));
    found.into_iter().map(|(_, _, word)| word).collect()
}

/// The time from a publish to the second run of a command that ends at once.
fn until_second_run(address: SocketAddr, folder: &Path) -> Duration {
    let mut raw = connect(address, "again");
    let begun = Instant::now();
    publish(&mut raw, "cam");
    let runs = || lines(folder).iter().filter(|line| line.starts_with("told [again]")).count();
    wait("the second run", || runs() >= 2);
    begun.elapsed()
}

/// A folder with the scripts, and an address.
fn prepare() -> (Folder, SocketAddr) {
    let folder = Folder::new();
    folder.write("managed.sh", MANAGED);
    folder.write("told.sh", TOLD);
    folder.write("order.sh", ORDER);
    folder.write("log", "");
    fs::create_dir(folder.join("rec")).unwrap();
    (folder, SocketAddr::from(([127, 0, 0, 1], free_port())))
}

fn configuration(folder: &Path, address: &str) -> String {
    let text = CONFIGURATION.replace("MANAGED", "/bin/sh FOLDER/managed.sh FOLDER/log");
    let text = text.replace("ORDER", "/bin/sh FOLDER/order.sh FOLDER/order");
    let text = text.replace("TOLD", "/bin/sh FOLDER/told.sh FOLDER/log").replace("ADDRESS", address);
    text.replace("FOLDER", folder.to_str().unwrap())
}

fn lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("log")).unwrap_or_default();
    text.lines().map(|line| line.replace(folder.to_str().unwrap(), "FOLDER")).collect()
}

/// What the commands have written in each step, in an order that does not depend on which comes first. If it is known what
/// they write, that is waited for.
fn steps(address: SocketAddr, folder: &Path, expected: &[String], stop: &mut dyn FnMut()) -> Vec<String> {
    let (mut all, mut seen, mut client) = (Vec::new(), 0, None);
    for (number, step) in STEPS.iter().enumerate() {
        let prefix = format!("{number} {step:?}: ");
        match *step {
            Step::Start => {}
            Step::Publish(app, name) => {
                let mut raw = connect(address, app);
                publish(&mut raw, name);
                client = Some(raw);
            }
            Step::Play(app, name) => {
                let mut raw = connect(address, app);
                raw.play(name);
                client = Some(raw);
            }
            Step::Send => {
                let raw = client.as_mut().unwrap();
                media::video_only(0, 2000).iter().for_each(|packet| raw.send_packet(packet));
            }
            Step::HangUp => client = None,
            Step::Stop => stop(),
        }
        let known = expected.iter().filter(|line| line.starts_with(&prefix)).count();
        let least = if expected.is_empty() { usize::from(!matches!(step, Step::Send)) } else { known };
        let found = settled(folder, seen, least);
        seen += found.len();
        all.extend(found.iter().map(|line| format!("{prefix}{line}")));
    }
    all
}

/// The lines behind the first `seen` ones, at least so many, when no more come.
fn settled(folder: &Path, seen: usize, least: usize) -> Vec<String> {
    let (mut found, mut since) = (Vec::new(), Instant::now());
    let begun = since;
    loop {
        let now: Vec<_> = lines(folder).into_iter().skip(seen).collect();
        if now != found {
            (found, since) = (now, Instant::now());
        }
        let is_quiet = since.elapsed() > Duration::from_millis(700);
        if is_quiet && found.len() >= least || begun.elapsed() > SOON {
            found.sort();
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn connect(address: SocketAddr, app: &str) -> Raw {
    let mut raw = Raw::handshaken(address);
    let object = Object::default().with("app", app).with("flashVer", "LNX 9,0");
    let object = object.with("swfUrl", "http://site/a b.swf").with("tcUrl", "rtmp://test/x?y=1&z");
    let object = object.with("pageUrl", "https://site/page?a=1#top");
    raw.command("connect", 1.0, 0, &[Value::Object(object)]);
    assert_eq!(raw.command_answer().0, "_result");
    raw.command("createStream", 2.0, 0, &[Value::Null]);
    while raw.command_answer().0 != "_result" {}
    raw
}

fn publish(raw: &mut Raw, name: &str) {
    raw.command("publish", 4.0, 1, &[Value::Null, name.into(), "live".into()]);
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
}
