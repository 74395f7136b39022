//! What `-t` says of commands.

use crate::common::{Folder, millstream, run, stderr};

/// What `-t` prints about a configuration, without the name of the file and what is not about commands.
fn said(text: &str) -> String {
    let folder = Folder::new();
    let file = folder.write("test.conf", text);
    let said = stderr(&run(millstream().arg("-t").arg("-c").arg(&file)));
    said.replace(&format!("{}:", file.display()), "")
}

/// The same for directives of an application, in a file for nginx.
fn of_application(directives: &str) -> String {
    said(&format!(
        "events {{ }} rtmp {{ access_log off; server {{ listen 1935; application live {{ live on; {directives} }} application x {{ live on; }} }} }}"
    ))
}

/// Directives are accepted, and this is said of them.
fn assert_said(cases: &[(&str, &str)]) {
    for (directives, expected) in cases {
        let said = of_application(directives);
        assert!(said.contains(expected), "{directives}: {said}");
        assert!(said.contains("test is successful") || said.contains("test successful"), "{said}");
    }
}

#[test]
fn programs_that_are_not_there_and_variables_that_do_not_exist_are_warned_of() {
    assert_said(&[
        ("exec_push nosuch;", "warning: nosuch is not there, or must not be run (PATH is /"),
        ("exec_push /nosuch/x;", "warning: /nosuch/x: No such file or directory"),
        ("exec_push /etc/passwd;", "warning: /etc/passwd: this user may not run it"),
        (
            "exec_push echo $nam;",
            "warning: there is no variable $nam, which is left out; did you mean $name?",
        ),
        (
            "exec_push sh -c \"echo $HOME\";",
            "there is no variable $HOME, which is left out; write \"\\$HOME\" for a variable of the shell",
        ),
        ("exec_push echo $path;", "warning: \"exec_push\" has no $path, which is left out"),
        ("exec_pull echo $args;", "warning: \"exec_pull\" has no $args, which is left out"),
        ("exec_push awk \"{print $1}\";", "warning: a \"$\" without a name behind it is left out"),
        ("exec_static echo $name;", "warning: $name is taken as it is: \"exec_static\" has no variables"),
        ("exec_push /opt/$name;", "warning: $name in the program of \"exec_push\" is taken as it is"),
    ]);
}

#[test]
fn values_in_code_circles_and_signs_of_a_shell_are_warned_of() {
    assert_said(&[
        (
            "exec_push sh -c \"echo $args\";",
            "warning: where $args has a blank or another character that means something to sh, the command is not \
             run; write \"$MILLSTREAM_ARGS\" in its place",
        ),
        (
            "exec_publish bash -c \"echo $addr $flashver $name >> /tmp/x\";",
            "warning: where $flashver or $name has a blank or another character that means something to bash ($flashver nearly \
             always has some), the command is not run; write \"$MILLSTREAM_FLASHVER\" and \"$MILLSTREAM_NAME\" in their place",
        ),
        (
            "exec_push ffmpeg -i rtmp://localhost/$app/$name -f flv rtmp://127.0.0.1/nosuch/$name;",
            "warning: there is no application \"nosuch\", to which \"rtmp://127.0.0.1/nosuch\" leads",
        ),
        ("exec_publish echo x$path;", "warning: $path is empty: only \"exec_record_done\" has it"),
        (
            "exec_play_done echo -${recorder};",
            "warning: $recorder is empty: only \"exec_record_done\" has it",
        ),
        (
            "exec_push python3 -c \"print('$args')\";",
            "means something to python3, the command is not run; have the code read MILLSTREAM_ARGS from its environment",
        ),
        (
            "exec_push ffmpeg -i rtmp://localhost/live/$name -f flv rtmp://localhost:1935/$app/${name}_low;",
            "warning: the command publishes to the application \"live\", for which it runs: each of its streams starts it again",
        ),
        (
            "exec_publish_done sh -c \"ffmpeg -i x -f flv 'rtmp://127.0.0.2/live/$MILLSTREAM_NAME'\";",
            "warning: the command publishes to the application \"live\", for which it runs",
        ),
        (
            "exec_push ffmpeg -f tee \"[f=flv]rtmp://[::1]:1935/${app}/$name\";",
            "warning: the command publishes to the application \"live\", for which it runs",
        ),
        (
            "exec_push echo $MILLSTREAM_NAME;",
            "warning: $MILLSTREAM_NAME stays as it is written, as no shell reads this word; write $name",
        ),
        (
            "exec_push sh -c \"echo ${MILLSTREAM_NMAE}\";",
            "warning: there is no variable $MILLSTREAM_NMAE; did you mean $MILLSTREAM_NAME?",
        ),
        ("exec_push sh -c \"echo $MILLSTREAM_PATH\";", "warning: \"exec_push\" has no $MILLSTREAM_PATH"),
        ("exec_static sh -c \"echo $MILLSTREAM_NAME\";", "warning: \"exec_static\" has no $MILLSTREAM_NAME"),
        (
            "exec_push python3 -c \"print('$MILLSTREAM_NAME')\";",
            "warning: $MILLSTREAM_NAME stays as it is written; python3 reads its environment in another way",
        ),
        (
            "exec_push curl $args;",
            "warning: a client that sends \"-...\" as $args gives the program an option; a script that reads MILLSTREAM_ARGS",
        ),
        (
            "exec_push echo a | cat;",
            "warning: no shell is involved, so \"|\" is an argument of echo; sh -c \"...\" starts a shell",
        ),
        ("exec_push echo a && echo b;", "no shell is involved, so \"&&\" is an argument of echo"),
        ("exec_push echo a &>/tmp/x;", "no shell is involved, so \"&>\" is an argument of echo"),
        ("exec_push echo >/nosuch/f;", "warning: /nosuch: there is no such folder"),
    ]);
}

#[test]
fn lines_that_are_right_are_not_warned_of() {
    for directives in [
        "exec_push ffmpeg -i rtmp://localhost/$app/$name -c copy -f flv rtmp://localhost/x/${name}_x 2>>/tmp/x.log;",
        "exec_publish sh -c \"echo \\\"$MILLSTREAM_NAME ${MILLSTREAM_ARGS}\\\" \\$HOME\";",
        "exec_record_done echo $path $filename $basename $dirname $recorder $name;",
        "exec_options on; exec_push echo name=cam; respawn off; respawn_timeout 1s; exec_kill_signal kill;",
        "exec_static sleep 1000;",
        "exec_publish sh -c \"echo a | cat && echo $MILLSTREAM_NAME; echo b &\";",
        "exec_publish find /tmp -name x -exec echo {} \";\";",
        "exec_options on; exec_push ffmpeg -i rtmp://localhost/live/$name rtmp://localhost/live/x name=cam;",
        "exec_pull ffmpeg -i rtsp://192.0.2.1/$name -f flv rtmp://localhost/$app/$name;",
        "exec_publish sh -c \"echo $addr\";",
        "exec_push ffmpeg -i rtmp://localhost:1935/x -f flv rtmp://localhost:1936/elsewhere/$name;",
    ] {
        let said = of_application(directives);
        assert!(!said.contains("warning") && !said.contains("differs"), "{directives}: {said}");
    }
}

#[test]
fn lines_that_are_wrong_are_errors() {
    for (text, expected) in [
        ("exec_push;", "\"exec_push\" takes program [argument ...], not nothing"),
        ("exec_push >f;", "the program comes first"),
        ("exec_push echo 2>;", "\"2>\" names no file"),
        ("exec_push echo >&x;", "a descriptor is a number from 0 to 9"),
        ("exec_kill_signal nosuch;", "there is no signal \"nosuch\""),
        ("exec_options on; exec_push name=cam;", "\"exec_push\": the program is missing"),
        ("exec_push echo >&7;", "descriptor 7 is not open"),
        ("exec_max 3;", "\"exec_max\" is not allowed in application; it belongs in rtmp"),
        ("env A;", "\"env\" is not allowed in application"),
    ] {
        let said = of_application(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn a_fifo_is_warned_of_as_its_other_end_is_waited_for() {
    let folder = Folder::new();
    let fifo = folder.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO can be made");
    let said = of_application(&format!("exec_push cat <{};", fifo.display()));
    assert!(said.contains("fifo: is a FIFO: the command waits until its other end is open"), "{said}");
}

#[test]
fn a_url_without_a_port_is_warned_of_if_the_server_has_another_one() {
    let said_with = |listen: &str, url: &str| {
        said(&format!(
            "rtmp {{ access_log off; server {{ listen {listen}; application live {{ live on; exec_push cat {url}; }} }} }}"
        ))
    };
    let expected = "no RTMP server listens at port 1935: write \"rtmp://localhost:1940/...\"";
    assert!(said_with("1940", "rtmp://localhost/live/$name").contains(expected));
    for url in [
        "rtmp://localhost:1940/live",
        "rtmp://[::1]:1940/live",
        "rtmp://192.0.2.1/live/x",
        "rtmp://localhost:1/x",
    ] {
        let said = said_with("1940", url);
        assert!(!said.contains("listens at") && !said.contains("no application"), "{url}: {said}");
    }
    assert!(!said_with("127.0.0.1:0", "rtmp://localhost/live").contains("listens at"));
}
