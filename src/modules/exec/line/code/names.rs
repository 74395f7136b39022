//! Which names of programs are those of interpreters, and of programs that start others.

use super::interpreters::{INTERPRETERS, Interpreter, Style};
use super::mark::Advice;

/// Programs that start another one, whose name stands anywhere among their words.
const WRAPPERS: &[&str] = &[
    "env",
    "sudo",
    "doas",
    "pkexec",
    "su",
    "runuser",
    "su-exec",
    "gosu",
    "setpriv",
    "capsh",
    "chpst",
    "setuidgid",
    "s6-setuidgid",
    "nice",
    "ionice",
    "chrt",
    "taskset",
    "numactl",
    "choom",
    "prlimit",
    "cpulimit",
    "softlimit",
    "timeout",
    "nohup",
    "setsid",
    "stdbuf",
    "unbuffer",
    "script",
    "flock",
    "time",
    "strace",
    "ltrace",
    "perf",
    "valgrind",
    "xargs",
    "find",
    "entr",
    "docker",
    "podman",
    "nerdctl",
    "kubectl",
    "oc",
    "crictl",
    "lxc",
    "lxc-attach",
    "lxc-execute",
    "incus",
    "chroot",
    "unshare",
    "nsenter",
    "ip",
    "bwrap",
    "firejail",
    "flatpak",
    "flatpak-spawn",
    "systemd-run",
    "systemd-nspawn",
    "systemd-inhibit",
    "machinectl",
    "start-stop-daemon",
    "daemonize",
    "busybox",
    "toybox",
    "ssh-agent",
    "sshpass",
    "torsocks",
    "proxychains",
    "fakeroot",
    "faketime",
    "xvfb-run",
    "dbus-run-session",
    "setarch",
    "linux32",
    "linux64",
    "cgexec",
    "tini",
    "dumb-init",
    "deno",
    "npx",
    "uv",
    "exec",
    "command",
];

/// What the names of scripts end with, which are no interpreters: `watch.sh`.
const SCRIPTS: &[&str] = &[
    ".sh", ".bash", ".zsh", ".fish", ".py", ".pl", ".rb", ".js", ".mjs", ".ts", ".php", ".lua", ".awk",
    ".sed", ".R", ".jl", ".sql",
];

/// The interpreter of this name, which may have a version or a kind behind it: `python3.11`, `php-cli`, `bash-static`.
pub fn interpreter(name: &str) -> Option<&'static Interpreter> {
    if SCRIPTS.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let without_version = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let letters = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
    let first_word = name.get(..letters).unwrap_or_default();
    INTERPRETERS.iter().find(|interpreter| {
        let is_called = |name| interpreter.names.contains(&name);
        is_called(name)
            || is_called(without_version)
            || interpreter.style != Style::All && is_called(first_word)
    })
}

/// Whether a program of this name starts another one.
pub fn is_wrapper(name: &str) -> bool {
    let first_part = name.split('.').next().unwrap_or_default();
    WRAPPERS.contains(&name)
        || WRAPPERS.contains(&first_part)
        || interpreter(name).is_some_and(Interpreter::starts)
}

impl Interpreter {
    /// Whether it starts another program that is named among its words.
    fn starts(&self) -> bool {
        self.advice == Advice::Script
    }
}
