use std::path::PathBuf;

use super::*;
use crate::engine::RedirectionTarget;
use crate::modules::exec::variables::tests::values;

/// A line as it is written, with blanks between its words.
pub fn line(directive: &str, words: &str) -> Result<Line, String> {
    read(directive, words, Options::Off)
}

fn read(directive: &str, words: &str, options: Options) -> Result<Line, String> {
    let managing = Managing { respawn: true, pause: Duration::from_secs(5), signal: 15 };
    let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
    Line::read((directive, Kind::of(directive).unwrap()), &words, options, managing)
}

#[test]
fn a_value_is_one_argument_whatever_is_in_it() {
    let line =
        line("exec_push", "ffmpeg -i rtmp://localhost/$app/$name?$args -y $path > /tmp/x 2>&1").unwrap();
    let filled = line.fill(&values("my cam", ">/tmp/evil x")).unwrap();
    let words = ["ffmpeg", "-i", "rtmp://localhost/live/my%20cam?>/tmp/evil%20x", "-y", ""];
    assert_eq!(filled.words, words, "exec_push has no $path");
    let to = |to| FilledRedirection { descriptor: 1, to };
    let copy = FilledRedirection { descriptor: 2, to: RedirectionTarget::Copy(1) };
    assert_eq!(filled.redirections, [to(RedirectionTarget::Write(PathBuf::from("/tmp/x"))), copy]);
    let filled = self::line("exec_publish", "x $args").unwrap().fill(&values("cam", ">/tmp/evil")).unwrap();
    assert_eq!((filled.words[1].as_str(), filled.redirections.len()), (">/tmp/evil", 0));
}

#[test]
fn the_words_of_exec_static_are_taken_as_they_are_written() {
    let filled = line("exec_static", r"bash -c echo\ $name $HOME").unwrap().fill(&values("cam", ""));
    assert_eq!(filled.unwrap().words, ["bash", "-c", r"echo\", "$name", "$HOME"]);
}

#[test]
fn a_value_that_would_be_code_stops_the_command_and_is_not_shown() {
    let line = line("exec_publish", "bash -c x=$args $args").unwrap();
    assert!(line.fill(&values("cam", "key=1")).is_ok());
    let stopped = line.fill(&values("cam", "$(touch /tmp/secret)")).unwrap_err().to_string();
    let told = "$args has characters that bash would take for code or an option; write \"$MILLSTREAM_ARGS\" in its place";
    assert_eq!(stopped, told);
    assert!(line.variables_in_code().map(|(variable, _)| variable).eq([Variable::Args]));
}

#[test]
fn other_languages_are_told_to_read_their_environment() {
    for (words, told) in [
        (
            "python3 -c x=$args",
            "python3 would take for code or an option; have the code read MILLSTREAM_ARGS from",
        ),
        (
            "ssh host echo $args",
            "ssh would take for code or an option; start a script that reads MILLSTREAM_ARGS from",
        ),
    ] {
        let stopped = line("exec_publish", words).unwrap().fill(&values("cam", "a b")).unwrap_err();
        assert!(stopped.to_string().contains(told), "{stopped}");
    }
}

#[test]
fn nothing_shows_the_words_of_a_line() {
    let line = line("exec_publish", "/bin/x secret1 >/secret2 2>>secret3 $name").unwrap();
    let values = values("secret4", "secret5");
    let filled = line.fill(&values).unwrap();
    let shown = format!("{line:?} {filled:?} {values:?} {:?} {:?}", line.redirections(), filled.redirections);
    assert!(!shown.contains("secret"), "{shown}");
    for words in ["x >&secret", "x >>>secret", "x 2<&secret", ">secret"] {
        let why = self::line("exec_publish", words).unwrap_err();
        assert!(!why.contains("secret"), "{why}");
    }
}

#[test]
fn a_nul_stops_only_a_command_that_is_given_it() {
    let fill = |words: &str| line("exec_publish", words).unwrap().fill(&values("cam", "a\0b"));
    assert_eq!(fill("x -$args"), Err(Objection::Nul(Variable::Args)));
    assert_eq!(fill("x >/tmp/$args"), Err(Objection::Path(Variable::Args)));
    assert!(fill("x $name").is_ok());
}

#[test]
fn a_redirection_copies_only_what_is_open() {
    for (words, is_right) in [
        ("x 2>&1", true),
        ("x 3>f 2>&3", true),
        ("x 3>&1 4>&3", true),
        ("x >&7", false),
        ("x 2>&3 3>f", false),
    ] {
        assert_eq!(line("exec_push", words).is_ok(), is_right, "{words}");
    }
}

#[test]
fn names_are_options_only_where_options_are_on() {
    for words in ["name=a name=b ffmpeg -y", "ffmpeg name=a -y name=b"] {
        let line = read("exec_push", words, Options::On).unwrap();
        assert_eq!((line.is_for("a"), line.is_for("b"), line.is_for("c")), (true, true, false));
        assert_eq!(line.fill(&values("a", "")).unwrap().words, ["ffmpeg", "-y"]);
    }
    let plain = line("exec_push", "ffmpeg name=a").unwrap();
    assert!(plain.is_for("c"));
    assert_eq!(plain.fill(&values("c", "")).unwrap().words, ["ffmpeg", "name=a"]);
}

#[test]
fn a_line_without_a_program_or_with_half_a_redirection_is_a_fault() {
    for words in [">f", "x >", "x 2>>", "x 12>f", "x >&y", ""] {
        assert!(line("exec_push", words).is_err(), "{words}");
        assert!(check(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).is_err(), "{words}");
    }
    assert!(read("exec_push", "name=a", Options::On).is_err());
    assert_eq!(check(&["name=a".to_owned(), "x".to_owned()]), Ok(()));
}

#[test]
fn the_label_says_what_runs_and_for_which_stream() {
    let line = line("exec_push", "/usr/bin/ffmpeg -y").unwrap();
    assert_eq!(line.label(Some(12), Some("live/cam")), "#12 exec_push of live/cam: ffmpeg");
    let of_static = self::line("exec_static", "x").unwrap();
    assert_eq!(of_static.label(None, None), "exec_static: x");
    assert_eq!(of_static.at(Some("line 17".to_owned())).label(None, None), "exec_static: x (line 17)");
}
