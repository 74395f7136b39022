use super::*;
use crate::modules::exec::variables::Variable;
use crate::modules::exec::variables::tests::values;

fn marks(line: &str) -> Vec<(String, Option<Mark>)> {
    let words: Vec<_> = line.split(' ').collect();
    let templates: Vec<_> = words.iter().map(|word| Template::read(word, &Variable::ALL)).collect();
    words.into_iter().map(str::to_owned).zip(marked(&templates)).collect()
}

/// The words of a line that are code or may be, without options and values that are none.
fn code(line: &str) -> Vec<String> {
    let is_shown = |word: &str, mark: &Option<Mark>| {
        mark.as_ref().is_some_and(Mark::is_code) && (word.contains("CODE") || word.contains('$'))
    };
    marks(line).into_iter().filter(|(word, mark)| is_shown(word, mark)).map(|(word, _)| word).collect()
}

/// Each line has CODE where its code is.
fn check(lines: &[&str]) {
    for line in lines {
        let expected: Vec<_> = line.split(' ').filter(|word| word.contains("CODE")).collect();
        assert_eq!(code(line), expected, "{line}");
    }
}

#[test]
fn the_code_of_a_shell_is_marked_and_its_arguments_are_not() {
    check(&[
        "bash -c CODE $name",
        "/bin/sh -c CODE",
        "sh -ec CODE $name",
        "bash -lc CODE $name",
        "bash -eo pipefail -c CODE $name",
        "bash -ceo pipefail CODE $name",
        "bash -c -e CODE $name",
        "bash -c -- CODE $name",
        "bash +x -c CODE",
        "bash --norc -c CODE",
        "bash --rcfile F -c CODE",
        "busybox sh -c CODE",
        "busybox.static sh -c CODE",
        "bash-static -c CODE",
        "ksh93 -c CODE",
        "fish -c CODE $name",
        "fish --command=CODE",
        "bash $path $name",
        "bash /x/script.sh -c $name",
        "bash -x /x/script.sh -c $name",
        "ffmpeg -c copy $name",
        "bash",
        "bash -c",
    ]);
}

#[test]
fn a_shell_behind_another_program_is_found() {
    check(&[
        "env A=b sh -c CODE",
        "env -S CODE",
        "env --split-string=CODE",
        "sudo -u x bash -c CODE $name",
        "timeout 5 nice -n 3 sh -c CODE",
        "docker exec web sh -c CODE",
        "find /x -exec sh -c CODE ;",
        "su - user -c CODE",
        "su -c CODE user",
        "su --command=CODE user",
        "su user -- -c CODE",
        "sg group CODE",
        "script -qc CODE /dev/null",
        "flock /x -c CODE",
        "ssh host CODE",
        "sudo tmux new-session CODE",
        "screen -dmS x sh -c CODE",
        "parallel CODE ::: a",
        "watch CODE",
        "sshpass -p x ssh host CODE",
    ]);
}

#[test]
fn the_code_of_other_interpreters_is_marked() {
    check(&[
        "python3 -c CODE $name",
        "python3.11 -Ic CODE $name",
        "python3-dbg -c CODE",
        "python -W x -c CODE",
        "python3 /x/a.py -c $name",
        "perl -e CODE -e CODE $name",
        "perl -eCODE $name",
        "perl -MLWP::Simple -e CODE $name",
        "perl -mCGI -I /x -0777 -lne CODE $name",
        "perl -i.save -pe CODE $name",
        "perl -MStorable -MCGI -e CODE $name",
        "python3 --check-hash-based-pycs always -c CODE $name",
        "raku -e CODE",
        "perl -CSD -F: -ane CODE $name",
        "ruby -rjson -e CODE $name",
        "node --eval CODE $name",
        "node -pe CODE",
        "deno eval CODE",
        "php -r CODE $name",
        "php-cli -r CODE",
        "lua5.4 -e CODE",
        "julia -e CODE",
        "gnuplot -e CODE /x",
        "pwsh -Command CODE",
        "pwsh -c CODE",
        "nu -c CODE",
        "xonsh -c CODE",
        "awk CODE $path",
        "awk -v a=$args CODE $path",
        "awk -F : CODE $path",
        "awk -f x $path",
        "sed -i -e CODE $path",
        "sed -l 80 CODE $path",
        "sed -n CODE $path -e CODE",
        "jq --arg a $args CODE /x",
        "jq -r CODE /x",
        "mysql -e CODE",
        "psql -c CODE",
        "sqlite3 /x CODE",
        "make X=CODE",
    ]);
}

#[test]
fn all_behind_an_option_that_is_not_understood_may_be_code() {
    check(&[
        "perl -\u{e9} CODE$name CODE$args",
        "bash --nosuch CODE$name",
        "node --nosuch CODE$name x CODE$args",
        "ruby --encoding utf-8 -e CODE CODE$name",
        "node --experimental-loader x -e CODE",
        "perl -MCODE$args -e CODE",
        "bash -CODE$args CODE$name",
        "php -d a=CODE$args /x",
    ]);
}

#[test]
fn a_value_where_an_option_may_stand_is_no_option() {
    let first = |line: &str, args: &str| {
        let words: Vec<_> = line.split(' ').map(|word| Template::read(word, &Variable::ALL)).collect();
        let marks = marked(&words);
        let values = values("cam", args);
        words.iter().zip(marks).find_map(|(word, mark)| mark?.unsafe_variable(word, &values))
    };
    for line in [
        "env $args true",
        "bash $args -c x",
        "bash ${args}x",
        "perl $args $name",
        "sed s/a/b/ $args",
        "su x $args",
    ] {
        assert_eq!(first(line, "-cx"), Some(Variable::Args), "{line}");
        assert_eq!(first(line, "key=1"), None, "{line}");
    }
    for line in ["ffmpeg $args", "bash /x $args", "bash -- $args", "bash -c x $args"] {
        assert_eq!(first(line, "-cx"), None, "{line}");
    }
    assert_eq!(first("bash -c $args", "-x"), Some(Variable::Args));
}

#[test]
fn what_only_looks_like_an_interpreter_is_none() {
    check(&[
        "rsync -e ssh $name host:/x",
        "ffmpeg -i $name -f flv rtmp://localhost/live/sh -c $args",
        "nice ffmpeg -i $name rtmp://localhost/awk $args",
        "curl -o /x/sh -c $name",
        "cp -t /srv/watch $name",
        "echo watch $name",
        "/usr/local/bin/watch-streams.sh $args",
        "watch.sh $args",
        "/opt/python/notice $args",
        "logger -t sh -e $args",
    ]);
}

#[test]
fn a_value_with_what_an_interpreter_acts_on_is_found() {
    let word = Template::read("echo $name '$args'", &Variable::ALL);
    let mark = |line: &str| marks(line).into_iter().find_map(|(_, mark)| mark.filter(Mark::is_code)).unwrap();
    let (shell, sed, perl) = (mark("sh -c CODE"), mark("sed CODE"), mark("perl -e CODE"));
    for args in ["", "key=1", "a-b_c.d~e+f=g@h,i/j:k"] {
        assert_eq!(shell.unsafe_variable(&word, &values("cam", args)), None, "{args}");
    }
    for sign in " \t\n\r'\"`$\\;&|<>(){}[]*?!#^%é\u{202e}\0".chars() {
        let found = shell.unsafe_variable(&word, &values("cam", &format!("a{sign}b")));
        assert_eq!(found, Some(Variable::Args), "{sign:?}");
    }
    assert_eq!(shell.unsafe_variable(&word, &values("my cam", "")), Some(Variable::Name));
    // Each is a way to run a program: s/x/NAME/, print NAME.
    for (mark, args) in [(&sed, "reboot/e"), (&sed, "x/w/tmp/f"), (&perl, "qx.reboot."), (&perl, "exec@ARGV")]
    {
        assert_eq!(mark.unsafe_variable(&word, &values("cam", args)), Some(Variable::Args), "{args}");
    }
    assert_eq!(sed.unsafe_variable(&word, &values("cam-1", "a.b")), None);
    assert_eq!(perl.unsafe_variable(&word, &values("cam_1", "")), None);
}
