//! What commands are told, and what stops them.

use super::*;

#[test]
fn every_variable_has_its_value_in_the_words_and_in_the_environment() {
    let mut machine = Machine::new("exec_push a $app $name $args $flashver $swfurl $tcurl $pageurl $addr;");
    let mut client = Client::open(&mut machine.world);
    let texts = [
        ("app", "live"),
        ("flashVer", "OBS"),
        ("swfUrl", "http://s/x.swf"),
        ("tcUrl", "rtmp://h/live"),
        ("pageUrl", "http://p/"),
    ];
    client.connect_with(&mut machine.world, &texts);
    client.command(&mut machine.world, &["publish".into(), 2.0.into(), Value::Null, "cam?a=1&b=2".into()]);
    machine.turn();
    let expected =
        ["a", "live", "cam", "a=1&b=2", "OBS", "http://s/x.swf", "rtmp://h/live", "http://p/", "192.0.2.1"];
    assert_eq!(machine.started[0].words, expected);
    let environment = environment(&machine.started[0]);
    for (name, value) in
        ["APP", "NAME", "ARGS", "FLASHVER", "SWFURL", "TCURL", "PAGEURL", "ADDR"].iter().zip(&expected[1..])
    {
        assert_eq!(environment.get(&*format!("MILLSTREAM_{name}")), Some(value));
    }
    assert!(environment.contains_key("PATH") && !environment.contains_key("MILLSTREAM_PATH"));
}

#[test]
fn code_with_a_value_that_a_shell_would_act_on_is_not_run() {
    let mut machine = Machine::new(
        r#"exec_push bash -c "echo $args"; exec_publish b $args; exec_publish bash -c "echo \"$MILLSTREAM_ARGS\"";
           exec_publish c >/tmp/$args;"#,
    );
    let client = machine.publish("cam?$(touch /tmp/x)");
    machine.pass(120_000);
    assert_eq!(machine.lines(), ["b $(touch /tmp/x)", "bash -c echo \"$MILLSTREAM_ARGS\""]);
    assert_eq!(environment(&machine.started[1])["MILLSTREAM_ARGS"], "$(touch /tmp/x)");
    machine.lose(&client);
    let _client = machine.publish("cam?key=1");
    assert_eq!(machine.starts("bash"), 3);
    assert_eq!(machine.starts("c"), 1);
}

#[test]
fn a_command_with_names_is_run_for_these_only() {
    let mut machine = Machine::of_server(
        "exec_push outer name=cam;",
        "exec_push a name=cam; exec_options on; exec_push b name=cam name=pc -y; exec_push c;",
    );
    let _client = machine.publish("pc");
    assert_eq!(
        machine.lines(),
        ["a name=cam", "b -y", "c", "outer name=cam"],
        "own ones first, as nginx-rtmp has them"
    );
    let _client = machine.publish("door");
    assert_eq!(machine.starts("b"), 1);
}

#[test]
fn a_recording_is_told_to_the_commands_of_the_application_and_of_the_recorder() {
    let folder = crate::test_folder::Folder::new();
    let path = folder.display().to_string();
    let mut machine = Machine::new(&format!(
        "record all; record_path {path}; exec_record_done a $name $args $recorder $basename $dirname;
         recorder second {{ record all; record_path {path}; record_suffix .2.flv; exec_record_done b $filename; }}"
    ));
    let mut client = machine.publish("cam?key=1");
    client.frame(&mut machine.world, Kind::Video, 0, HEADER);
    client.frame(&mut machine.world, Kind::Video, 0, KEY);
    machine.turn();
    assert_eq!(machine.runs(), [""; 0]);
    machine.lose(&client);
    machine.pass(1000);
    let mut lines = machine.lines();
    lines.sort();
    let expected = [
        format!("a cam key=1  cam {path}"),
        format!("a cam key=1 second cam.2 {path}"),
        "b cam.2.flv".to_owned(),
    ];
    assert_eq!(lines, expected);
    let of_second = machine.started.iter().find(|command| program(command) == "b").unwrap();
    assert_eq!(environment(of_second)["MILLSTREAM_RECORDER"], "second");
    assert_eq!(environment(of_second)["MILLSTREAM_ADDR"], "192.0.2.1", "of the publisher, who has gone");
}

#[test]
fn env_lines_are_in_the_environment_of_all_commands() {
    let config = format!("env A=b; env MISSING_HERE; {}", config("", "exec_static a;"));
    let mut machine = Machine::new("");
    machine.world.reload(&config);
    machine.turn();
    let environment = environment(&machine.started[0]);
    assert_eq!((environment.get("A"), environment.get("MISSING_HERE")), (Some(&"b"), None));
    assert!(!environment.contains_key("MILLSTREAM_NAME"));
}

#[test]
fn a_request_that_is_refused_leaves_the_arguments_of_what_runs_alone() {
    let mut machine = Machine::new(
        "exec_publish_done a $args; exec_play b $args; exec_play_done c $args; idle_streams off;",
    );
    let _other = machine.publish("door");
    let mut publisher = machine.publish("cam?n=1");
    publisher.command(&mut machine.world, &["publish".into(), 9.0.into(), Value::Null, "door?n=2".into()]);
    machine.turn();
    let mut player = machine.play("cam?n=3");
    player.command(&mut machine.world, &["play".into(), 9.0.into(), Value::Null, "nobody?n=4".into()]);
    machine.turn();
    machine.lose(&player);
    machine.lose(&publisher);
    assert_eq!(machine.lines(), ["b n=3", "c n=3", "a n=1"]);
}

#[test]
fn the_next_request_of_a_message_stream_has_its_own_arguments() {
    let mut machine = Machine::new(
        "exec_publish d $args; exec_publish_done a $args; exec_play b $args; exec_play_done c $args;",
    );
    let mut publisher = machine.publish("cam?n=1");
    publisher.command(&mut machine.world, &["publish".into(), 9.0.into(), Value::Null, "door?n=2".into()]);
    machine.turn();
    machine.lose(&publisher);
    assert_eq!(machine.lines(), ["d n=1", "a n=1", "d n=2", "a n=2"]);
    let mut player = machine.play("cam?n=3");
    player.command(&mut machine.world, &["play".into(), 9.0.into(), Value::Null, "door?n=4".into()]);
    machine.turn();
    player.command(&mut machine.world, &["play".into(), 10.0.into(), Value::Null, "gate".into()]);
    machine.turn();
    machine.lose(&player);
    assert_eq!(machine.lines()[4..], ["b n=3", "c n=3", "b n=4", "c n=4", "b ", "c "]);
}
