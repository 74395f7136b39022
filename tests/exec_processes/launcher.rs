//! The launcher alone: the test is the server, and speaks over the control channel.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::processes::{field, is_alive, wait_gone};
use crate::common::{Folder, SOON, wait};

/// How a command ends that a launcher runs.
#[derive(Clone, Copy)]
enum Ends {
    BySignal(Signal),
    ByItself,
}

/// A launcher whose server is the test.
struct Launcher {
    child: Child,
    control: Option<BufReader<UnixStream>>,
    output: Option<std::io::PipeReader>,
}

impl Launcher {
    /// Starts one that has more descriptors open than it should.
    fn start(ends: Ends, words: &[&str], redirections: &str) -> Self {
        Self::start_by(Command::new("sh"), ends, words, redirections)
    }

    /// The same by a shell that some program may run.
    fn start_by(mut shell: Command, ends: Ends, words: &[&str], redirections: &str) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(SOON)).unwrap();
        let (output, input) = std::io::pipe().unwrap();
        shell.args(["-c", "ulimit -Sn 4096; exec 7</dev/null 8>/dev/null; exec \"$0\" launch"]);
        shell.arg(env!("CARGO_BIN_EXE_millstream")).env_clear();
        shell.stdin(OwnedFd::from(theirs)).stderr(input.try_clone().unwrap()).stdout(input);
        let child = shell.spawn().unwrap();
        drop(shell);
        let signal = match ends {
            Ends::BySignal(signal) => (signal as i32).to_string(),
            Ends::ByItself => "null".to_owned(),
        };
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        let order = format!(
            r#"{{"Run":{{"words":[{}],"environment":[["PATH","/usr/bin:/bin"],["A","b c"]],"redirections":[{redirections}],"signal":{signal}}}}}"#,
            words.join(",")
        );
        let launcher = Self { child, control: Some(BufReader::new(ours)), output: Some(output) };
        launcher.send(&order);
        launcher
    }

    fn managed(script: &str) -> Self {
        Self::start(Ends::BySignal(Signal::SIGTERM), &["sh", "-c", script], "")
    }

    fn send(&self, order: &str) {
        let control = self.control.as_ref().unwrap().get_ref();
        writeln!(&mut &*control, "{order}").unwrap();
    }

    fn end(&self, milliseconds: u64) {
        self.send(&format!(r#"{{"End":{{"time":{milliseconds}}}}}"#));
    }

    /// The next line that it tells.
    fn told(&mut self) -> String {
        let mut line = String::new();
        self.control.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// The process of its command.
    fn started(&mut self) -> u32 {
        let told = self.told();
        let number = told.strip_prefix(r#"{"Started":{"process":"#).and_then(|rest| rest.strip_suffix("}}"));
        number.unwrap_or_else(|| panic!("{told}")).parse().unwrap()
    }

    /// All that the command writes, to its end.
    fn written(&mut self) -> String {
        let mut text = String::new();
        self.output.as_mut().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The server goes, as after kill -9.
    fn forsake(&mut self) {
        (self.control, self.output) = (None, None);
    }

    fn wait(&mut self) {
        wait("the launcher ends", || self.child.try_wait().unwrap().is_some());
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.forsake();
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

#[test]
fn a_command_inherits_nothing_of_the_server() {
    let mut launcher = Launcher::start(Ends::BySignal(Signal::SIGTERM), &["sleep", "1000"], "");
    let process = launcher.started();
    let leads_to = |number: &str| {
        let target = fs::read_link(format!("/proc/{process}/fd/{number}"));
        target.map(|target| target.display().to_string()).unwrap_or_default()
    };
    let numbers = || -> Vec<String> {
        let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        open.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    // It opens files of its own as it begins.
    wait("it has the standard ones only", || numbers() == ["0", "1", "2"]);
    let descriptors = ["0", "1", "2"].map(leads_to);
    assert_eq!(descriptors[0], "/dev/null");
    assert!(descriptors[1].starts_with("pipe:") && descriptors[1] == descriptors[2], "{descriptors:?}");
    let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap();
    assert_eq!(environment, "A=b c\0PATH=/usr/bin:/bin\0");
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("1024"), "{files}");
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mask = |name: &str| u64::from_str_radix(field(&status, name), 16).unwrap();
    assert_eq!(mask("SigBlk:"), 0);
    assert_eq!(mask("SigIgn:") & 1 << (Signal::SIGPIPE as i32 - 1), 0, "SIGPIPE ends it");
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let launcher_process = launcher.child.id().to_string();
    assert_eq!(fields[1], launcher_process, "its parent");
    assert_eq!(fields[2], process.to_string(), "its group");
    assert_eq!(fields[3], launcher_process, "its session");
    assert_eq!(fields[4], "0", "it has no terminal");
}

#[test]
fn a_command_that_needs_a_terminal_is_told_that_there_is_none() {
    let mut launcher = Launcher::managed("cat /dev/tty && echo a terminal; tty; read line || echo no line");
    launcher.started();
    let written = launcher.written();
    assert!(written.contains("/dev/tty: No such device or address"), "{written}");
    assert!(written.ends_with("not a tty\nno line\n"), "{written}");
}

#[test]
fn the_launcher_is_not_called_like_the_server() {
    let mut launcher = Launcher::managed("sleep 1000");
    launcher.started();
    let name = fs::read_to_string(format!("/proc/{}/comm", launcher.child.id())).unwrap();
    assert_eq!(name, "mill-launcher\n");
}

#[test]
fn a_command_is_ended_by_its_signal_and_its_status_is_told() {
    for (signal, script, told) in [
        (Signal::SIGTERM, "sleep 1000", r#"{"Ended":{"Signal":15}}"#),
        (Signal::SIGINT, "trap 'exit 7' INT; echo; while :; do sleep 0.05; done", r#"{"Ended":{"Exit":7}}"#),
        (Signal::SIGKILL, "trap '' TERM; echo; sleep 1000", r#"{"Ended":{"Signal":9}}"#),
    ] {
        let mut launcher =
            Launcher::start(Ends::BySignal(signal), &["sh", "-c", &format!("echo; {script}")], "");
        launcher.started();
        // The trap is set.
        launcher
            .output
            .as_mut()
            .unwrap()
            .read_exact(&mut [0; 2][..if script.starts_with("trap") { 2 } else { 1 }])
            .unwrap();
        launcher.end(5000);
        assert_eq!(launcher.told(), told, "{script}");
        launcher.wait();
    }
}

#[test]
fn a_command_that_ignores_its_signal_is_killed_with_all_of_its_group() {
    let mut launcher = Launcher::managed("trap '' TERM; sleep 1000 & echo $!; sleep 1000 & echo $!; wait");
    let first = launcher.started();
    let mut lines = BufReader::new(launcher.output.take().unwrap()).lines();
    let others: Vec<u32> = (0..2).map(|_| lines.next().unwrap().unwrap().parse().unwrap()).collect();
    let begun = Instant::now();
    launcher.end(300);
    assert_eq!(launcher.told(), r#"{"Ended":{"Signal":9}}"#);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    for process in others.into_iter().chain([first]) {
        assert!(!is_alive(process));
    }
}

#[test]
fn a_shorter_time_counts_and_the_signal_comes_once() {
    let mut launcher =
        Launcher::managed("n=0; trap 'n=$((n+1)); echo $n' TERM; echo; while :; do sleep 0.02; done");
    launcher.started();
    launcher.output.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let begun = Instant::now();
    for time in [60_000, 50_000, 400, 60_000] {
        launcher.end(time);
    }
    assert_eq!(launcher.told(), r#"{"Ended":{"Signal":9}}"#);
    assert!(begun.elapsed() < SOON);
    let written = launcher.written();
    assert!(written.contains("1\n") && !written.contains('2'), "{written}");
}

#[test]
fn a_command_that_has_not_ended_after_a_second_gets_its_signal_once_more() {
    let script = "n=0; trap 'n=$((n+1)); test $n = 2 && exit 5' TERM; echo; while :; do sleep 0.02; done";
    let mut launcher = Launcher::managed(script);
    launcher.started();
    launcher.output.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    launcher.end(10_000);
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":5}}"#);
}

#[test]
fn what_has_left_the_group_is_ended_too() {
    let mut launcher = Launcher::managed(
        "setsid sh -c 'trap \"\" TERM; echo $$; sleep 1000' & setsid -f sh -c 'echo $$; exec sleep 1000'; exec sleep 1000",
    );
    launcher.started();
    let mut lines = BufReader::new(launcher.output.take().unwrap()).lines();
    let gone: Vec<u32> = (0..2).map(|_| lines.next().unwrap().unwrap().parse().unwrap()).collect();
    launcher.end(300);
    assert_eq!(launcher.told(), r#"{"Ended":{"Signal":15}}"#);
    gone.into_iter().for_each(|process| assert!(!is_alive(process)));
}

#[test]
fn what_runs_away_as_fast_as_it_can_is_caught() {
    let folder = Folder::new();
    let script = folder.write("run", "trap '' TERM\nsetsid sh \"$0\" &\nsleep 0.01\n");
    let mut launcher = Launcher::managed(&format!("trap '' TERM; sh {}; sleep 1000", script.display()));
    launcher.started();
    std::thread::sleep(Duration::from_millis(100));
    launcher.end(50);
    assert_eq!(launcher.told(), r#"{"Ended":{"Signal":9}}"#);
    launcher.wait();
}

#[test]
fn a_command_runs_until_what_it_has_left_in_the_background_has_ended() {
    let mut launcher = Launcher::managed("sleep 1000 & echo $!; exit 3");
    let first = launcher.started();
    let mut line = String::new();
    BufReader::new(launcher.output.as_mut().unwrap()).read_line(&mut line).unwrap();
    let left: u32 = line.trim().parse().unwrap();
    wait_gone(first);
    assert!(is_alive(left));
    launcher.end(5000);
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":3}}"#);
    assert!(!is_alive(left));
}

#[test]
fn an_independent_command_has_ended_when_its_first_process_has_and_the_rest_can_still_write() {
    let folder = Folder::new();
    let (go, done) = (folder.join("go"), folder.join("done"));
    let rest = format!(
        "while [ ! -e {} ]; do sleep 0.02; done; head -c 1000000 /dev/zero && touch {}",
        go.display(),
        done.display()
    );
    let mut launcher = Launcher::start(Ends::ByItself, &["sh", "-c", &format!("({rest}) & exit 3")], "");
    let first = launcher.started();
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":3}}"#);
    assert!(!is_alive(first));
    assert!(launcher.child.try_wait().unwrap().is_none(), "it keeps the output");
    launcher.forsake();
    fs::write(go, "").unwrap();
    wait("it has written more than a pipe takes", || done.exists());
    launcher.wait();
}

#[test]
fn a_launcher_does_not_wait_for_what_has_closed_its_output() {
    let script = "sleep 1000 >/dev/null 2>&1 & echo $!";
    let mut launcher = Launcher::start(Ends::ByItself, &["sh", "-c", script], "");
    launcher.started();
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":0}}"#);
    launcher.wait();
    let left: u32 = launcher.written().trim().parse().unwrap();
    assert!(is_alive(left));
    kill(Pid::from_raw(left.cast_signed()), Signal::SIGKILL).unwrap();
}

#[test]
fn a_command_whose_file_cannot_be_opened_in_time_is_not_started() {
    let folder = Folder::new();
    let path = folder.join("fifo").display().to_string();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let redirection = format!(r#"{{"descriptor":1,"to":{{"Write":"{path}"}}}}"#);
    let both = [Ends::BySignal(Signal::SIGTERM), Ends::ByItself];
    let launchers = both.map(|ends| Launcher::start(ends, &["sleep", "1"], &redirection));
    for mut launcher in launchers {
        assert_eq!(launcher.told(), "", "it ends");
        launcher.wait();
    }
}

#[test]
fn a_command_that_is_ended_before_it_has_started_is_ended() {
    for _ in 0..10 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(SOON)).unwrap();
        let order = r#"{"Run":{"words":["sleep","1000"],"environment":[["PATH","/usr/bin:/bin"]],"redirections":[],"signal":15}}"#;
        // Both are there before it looks.
        write!(&ours, "{order}\n{{\"End\":{{\"time\":5000}}}}\n").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.arg("launch").stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let mut launcher = Launcher { child, control: Some(BufReader::new(ours)), output: None };
        launcher.started();
        assert_eq!(launcher.told(), r#"{"Ended":{"Signal":15}}"#);
    }
}

#[test]
fn a_script_that_names_no_interpreter_is_run_by_a_shell() {
    let folder = Folder::new();
    let path = folder.write("script", "echo \"$0 $1\"\n");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let path = path.display().to_string();
    let mut launcher = Launcher::start(Ends::BySignal(Signal::SIGTERM), &[&path, "a b"], "");
    launcher.started();
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":0}}"#);
    assert_eq!(launcher.written(), format!("{path} a b\n"));
}

#[test]
fn what_nobody_reads_of_an_independent_command_is_slowed() {
    let script = "(while :; do head -c 65536 /dev/zero; echo x >>FILE; done) & exit 0";
    let folder = Folder::new();
    let file = folder.join("count");
    let script = script.replace("FILE", file.to_str().unwrap());
    let mut launcher = Launcher::start(Ends::ByItself, &["sh", "-c", &script], "");
    let group = launcher.started();
    launcher.told();
    launcher.forsake();
    std::thread::sleep(Duration::from_secs(1));
    let count = fs::read_to_string(&file).unwrap().lines().count();
    nix::sys::signal::killpg(Pid::from_raw(group.cast_signed()), Signal::SIGKILL).unwrap();
    assert!((2..100).contains(&count), "{count} times 64 KiB");
    launcher.wait();
}

#[test]
fn the_signal_that_ends_a_command_may_change() {
    let mut launcher =
        Launcher::managed("trap '' TERM; trap 'exit 7' INT; echo; while :; do sleep 0.02; done");
    launcher.started();
    launcher.output.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    launcher.send(r#"{"End":{"time":10000,"signal":2}}"#);
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":7}}"#);
}

#[test]
fn a_command_has_no_capabilities_that_were_given_to_the_server() {
    if !nix::unistd::geteuid().is_root() {
        return crate::common::not_tested("only root gives capabilities");
    }
    let mut shell = Command::new("setpriv");
    shell.args(["--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service", "sh"]);
    let ends = Ends::BySignal(Signal::SIGTERM);
    let mut launcher = Launcher::start_by(shell, ends, &["sleep", "1000"], "");
    let process = launcher.started();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert_eq!(u64::from_str_radix(field(&status, "CapAmb:"), 16).unwrap(), 0);
}

#[test]
fn a_managed_command_ends_when_the_server_or_the_launcher_is_told_to() {
    let mut launcher = Launcher::managed("sleep 1000");
    let process = launcher.started();
    launcher.forsake();
    launcher.wait();
    assert!(!is_alive(process));
    let mut launcher = Launcher::managed("sleep 1000");
    let process = launcher.started();
    kill(Pid::from_raw(launcher.child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(launcher.told(), r#"{"Ended":{"Signal":15}}"#);
    assert!(!is_alive(process));
}

#[test]
fn an_independent_command_goes_on_without_its_server_and_can_still_write() {
    let folder = Folder::new();
    let (go, done) = (folder.join("go"), folder.join("done"));
    let script = format!(
        "while [ ! -e {go} ]; do sleep 0.02; done; head -c 1000000 /dev/zero && echo on 2>&1 >&2 && touch {done}; exec sleep 1000",
        go = go.display(),
        done = done.display()
    );
    let mut launcher = Launcher::start(Ends::ByItself, &["sh", "-c", &script], "");
    let process = launcher.started();
    kill(Pid::from_raw(launcher.child.id().cast_signed()), Signal::SIGTERM).unwrap();
    launcher.forsake();
    fs::write(go, "").unwrap();
    wait("it has written more than a pipe takes", || done.exists());
    assert!(is_alive(process));
    kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
    launcher.wait();
}

#[test]
fn why_a_command_cannot_be_started_is_told() {
    let folder = Folder::new();
    let text = folder.write("text", "#!/no/such/interpreter\n").display().to_string();
    for (words, redirection, told) in [
        (["no-such-program"].as_slice(), "", "there is no program no-such-program in PATH (/usr/bin:/bin)"),
        (&["/no/such"], "", "/no/such is not there, or the interpreter that its first line names is not"),
        (&["/etc/passwd"], "", "/etc/passwd: Permission denied (os error 13)"),
        (
            &["sleep", "1"],
            r#"{"descriptor":1,"to":{"Write":"/no/such/file"}}"#,
            "/no/such/file: No such file or directory (os error 2)",
        ),
        (&["sleep", "1"], r#"{"descriptor":2,"to":{"Copy":5}}"#, "descriptor 5 is not open"),
    ] {
        let mut launcher = Launcher::start(Ends::BySignal(Signal::SIGTERM), words, redirection);
        assert_eq!(launcher.told(), format!(r#"{{"Ended":{{"NotStarted":"{told}"}}}}"#));
        launcher.wait();
    }
    drop(text);
}

#[test]
fn redirections_lead_where_they_say_in_their_order() {
    let folder = Folder::new();
    let path = |name: &str| folder.join(name).display().to_string();
    folder.write("in", "from a file\n");
    folder.write("out", "what was there before\n");
    folder.write("more", "kept\n");
    let redirections = [
        format!(r#"{{"descriptor":0,"to":{{"Read":"{}"}}}}"#, path("in")),
        format!(r#"{{"descriptor":1,"to":{{"Write":"{}"}}}}"#, path("out")),
        r#"{"descriptor":2,"to":{"Copy":1}}"#.to_owned(),
        format!(r#"{{"descriptor":1,"to":{{"Append":"{}"}}}}"#, path("more")),
        format!(r#"{{"descriptor":9,"to":{{"Write":"{}"}}}}"#, path("nine")),
        r#"{"descriptor":3,"to":{"Copy":9}}"#.to_owned(),
    ];
    let script = "cat; echo error >&2; echo nine >&9; echo three >&3; ls /proc/self/fd >&2";
    let mut launcher =
        Launcher::start(Ends::BySignal(Signal::SIGTERM), &["sh", "-c", script], &redirections.join(","));
    launcher.started();
    assert_eq!(launcher.told(), r#"{"Ended":{"Exit":0}}"#);
    assert_eq!(launcher.written(), "");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("more"), "kept\nfrom a file\n");
    assert_eq!(read("nine"), "nine\nthree\n");
    let listed: Vec<String> = read("out").lines().map(str::to_owned).collect();
    // The list is read by one more.
    assert_eq!(listed, ["error", "0", "1", "2", "3", "4", "9"]);
}

#[test]
fn the_mode_for_launchers_is_not_for_people() {
    let mut launch = crate::common::millstream();
    let output = crate::common::run(launch.arg("launch").stdin(Stdio::null()));
    assert_eq!(output.status.code(), Some(1));
    assert!(crate::common::stderr(&output).contains("is for the server itself"));
}
