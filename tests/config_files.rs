//! Whole files as they are written for nginx with nginx-rtmp, and all that `-t` says of each:
//! tests/nginx-rtmp/NAME.conf and NAME.txt. What a file includes is in a folder NAME beside it.
//!
//! Each is tested in a folder that stands for the root of a machine on which nginx has run, at ports that nobody has,
//! and by a `user` that is the one who tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};
use regex_lite::{Captures, Regex};

use crate::common::{Folder, free_port, millstream, run, stderr};

/// Folders of a machine that are there. Whatever begins with one of the first names is in the test's folder.
const THERE: [&str; 8] =
    ["run", "var/run", "var/log/nginx", "var/www", "tmp", "etc/nginx", "opt", "usr/share/nginx/html"];
const ROOTS: &str = r#"(\s)/(run|var|tmp|etc|opt|usr|mnt|srv|data|www)\b([^\s{]*;)"#;

/// A file, made harmless, and what stands for what in it.
struct Tamed {
    text: String,
    /// Ports in the place of those of the file.
    ports: BTreeMap<u16, String>,
}

fn tame(text: &str, folder: &Folder) -> Tamed {
    let user = User::from_uid(geteuid()).unwrap().unwrap().name;
    let text = Regex::new(r"(?m)^user\s+[^;]*;").unwrap().replace_all(text, format!("user {user};"));
    let paths = Regex::new(ROOTS).unwrap();
    let text = paths.replace_all(&text, |found: &Captures<'_>| {
        format!("{}{}/{}{}", &found[1], folder.display(), &found[2], &found[3])
    });
    let mut ports: BTreeMap<u16, String> = BTreeMap::new();
    let listens = Regex::new(r"(listen\s+)(\d+)").unwrap();
    let text = listens.replace_all(&text, |found: &Captures<'_>| {
        let known = ports.iter().find(|(_, port)| **port == found[2]).map(|(port, _)| *port);
        let port = known.unwrap_or_else(free_port);
        ports.insert(port, found[2].to_owned());
        format!("{}{port}", &found[1])
    });
    Tamed { text: text.into_owned(), ports }
}

/// The output of `-t` for a file, as if it were /etc/nginx/nginx.conf.
fn said_of(file: &Path) -> String {
    let folder = Folder::new();
    THERE.iter().for_each(|name| fs::create_dir_all(folder.join(name)).unwrap());
    let tamed = tame(&fs::read_to_string(file).unwrap(), &folder);
    let path = folder.write("etc/nginx/nginx.conf", &tamed.text);
    for included in fs::read_dir(file.with_extension("")).into_iter().flatten().map(Result::unwrap) {
        fs::copy(included.path(), folder.join("etc/nginx").join(included.file_name())).unwrap();
    }
    let output = run(millstream().current_dir(&*folder).args(["-t", "-c"]).arg(&path));
    let said = stderr(&output).replace(&folder.display().to_string(), "");
    let said = said.replace("/etc/nginx/", "");
    assert!(output.stdout.is_empty());
    assert_eq!(output.status.success(), said.ends_with("test successful\n"), "{said}");
    tamed
        .ports
        .iter()
        .fold(said, |said, (port, meant)| said.replace(&format!(":{port}"), &format!(":{meant}")))
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nginx-rtmp");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "conf")).collect();
    files.sort();
    files
}

/// To write what is said anew: BLESS=1 cargo test config_files
#[test]
fn the_test_of_a_file_for_nginx_prints_the_expected_lines() {
    assert!(files().len() >= 14);
    for file in files() {
        let (said, written) = (said_of(&file), file.with_extension("txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&written, &said).unwrap();
        }
        let expected = fs::read_to_string(&written).unwrap_or_default();
        assert!(said == expected, "{}: run this with BLESS=1\n{said}", file.display());
    }
}
