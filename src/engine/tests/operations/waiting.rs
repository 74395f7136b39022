//! Requests that wait for recorders and reloads.

use std::cell::RefCell;
use std::path::PathBuf;

use crate::engine::tests::operations::config;
use crate::engine::tests::*;

/// Answers each request by an operation, and tells what has come of it.
#[derive(Default)]
struct Operator {
    record: Option<RecordResult>,
    asked: Rc<RefCell<Vec<String>>>,
}

impl Module for Operator {
    fn name(&self) -> &'static str {
        "operator"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        if let Some(result) = request.findings.find(|_: &OperationResult| true) {
            let (head, _) = crate::http::response::error_page(200);
            let body = Body::Bytes(format!("{result:?}").into_bytes().into());
            return Some(Answer::Reply(HttpReply { head, body }));
        }
        let streams = cx.streams.iter().map(|stream| stream.id).collect();
        let start = request.head.path == "/start";
        Some(Answer::Operate(match &*request.head.path {
            "/reload" => Operation::Reload,
            _ => Operation::Record { streams, recorder: "all".into(), start },
        }))
    }

    fn on_record(
        &mut self,
        cx: &mut Ctx,
        stream: StreamId,
        recorder: &str,
        start: bool,
    ) -> Option<RecordResult> {
        let name = &cx.streams.get(stream).unwrap().name;
        self.asked.borrow_mut().push(format!("{name} {recorder} {start}"));
        self.record.clone()
    }
}

fn operated(record: Option<RecordResult>) -> (World, Rc<RefCell<Vec<String>>>) {
    let operator = Operator { record, ..Operator::default() };
    let asked = Rc::clone(&operator.asked);
    let config = format!("{} http {{ server {{ listen 127.0.0.1:0; }} }}", config(""));
    let mut modules = table();
    modules.insert(0, Box::new(operator));
    (World::configured(modules, &config), asked)
}

fn ask(world: &mut World, path: &str) -> SessionId {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    world.engine.input(id, head.as_bytes(), world.now);
    world.end_turn();
    id
}

/// The body of the answer that a client has got; empty if there is none yet.
fn body(world: &mut World, id: SessionId) -> String {
    let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
}

#[test]
fn recorders_of_many_streams_are_asked_in_steps_and_the_request_waits_for_all() {
    let path = PathBuf::from("/rec/a.flv");
    let (mut world, asked) = operated(Some(RecordResult::Done(path)));
    let clients: Vec<_> = (0..40).map(|n| Client::publish(&mut world, &format!("s{n}"))).collect();
    let id = ask(&mut world, "/start");
    assert_eq!(asked.borrow().len(), clients.len());
    assert_eq!(asked.borrow()[0], "s0 all true");
    assert_eq!(body(&mut world, id).matches("Done(\"/rec/a.flv\")").count(), clients.len());
    let id = ask(&mut world, "/stop");
    assert!(body(&mut world, id).contains("Done") && asked.borrow()[79] == "s39 all false");
}

#[test]
fn a_file_that_begins_is_waited_for_but_not_for_ever() {
    for (outcome, expected) in [
        (Some(RecordResult::Done("/rec/a.1.flv".into())), "Done(\"/rec/a.1.flv\")"),
        (Some(RecordResult::Failed("the disk is full".into())), "Failed(\"the disk is full\")"),
        (None, "Done(\"/rec/a.flv\")"),
    ] {
        let (mut world, _) = operated(Some(RecordResult::Begins("/rec/a.flv".into())));
        let _publisher = Client::publish(&mut world, "a");
        let stream = world.engine.cx.streams.iter().next().unwrap().id;
        let id = ask(&mut world, "/start");
        world.pass(4);
        assert_eq!(body(&mut world, id), "");
        world.engine.cx.recording_began(stream, "other", RecordResult::Unchanged);
        match outcome {
            Some(outcome) => world.engine.cx.recording_began(stream, "all", outcome),
            None => world.pass(2),
        }
        world.end_turn();
        assert!(body(&mut world, id).contains(expected), "{expected}");
        assert!(world.engine.pending.is_empty());
    }
}

#[test]
fn without_a_module_that_records_there_is_no_recorder() {
    let (mut world, _) = operated(None);
    let _publisher = Client::publish(&mut world, "a");
    let id = ask(&mut world, "/start");
    assert!(body(&mut world, id).contains("NoRecorder"));
    let id = ask(&mut world, "/stop");
    assert!(body(&mut world, id).contains("NoRecorder"));
}

#[test]
fn a_request_for_a_reload_waits_for_the_one_that_begins_after_it() {
    let (mut world, _) = operated(None);
    let first = ask(&mut world, "/reload");
    world.engine.reload_begins();
    let second = ask(&mut world, "/reload");
    world.engine.reloaded(&Ok("reloaded x".into()), world.now);
    world.end_turn();
    assert!(body(&mut world, first).contains("Ok(\"reloaded x\")"));
    assert_eq!(body(&mut world, second), "");
    world.engine.reload_begins();
    world.engine.reloaded(&Err("x:3: no".into()), world.now);
    world.end_turn();
    assert!(body(&mut world, second).contains("Err(\"x:3: no\")"));
}

#[test]
fn a_reload_that_nobody_ends_is_not_waited_for_and_clients_may_leave() {
    let (mut world, _) = operated(None);
    let (stays, leaves) = (ask(&mut world, "/reload"), ask(&mut world, "/reload"));
    world.engine.lost(leaves, world.now);
    world.pass(29);
    assert_eq!(body(&mut world, stays), "");
    world.pass(2);
    assert!(body(&mut world, stays).contains("the reload is not over after 30 s"));
    assert!(world.engine.pending.is_empty() && world.engine.running.is_empty());
    let refused = ask(&mut world, "/reload");
    world.engine.refuse_reloads("the server is about to end");
    world.end_turn();
    assert!(body(&mut world, refused).contains("about to end"));
}

#[test]
fn operations_are_bounded() {
    let (mut world, _) = operated(None);
    let waiting: Vec<_> = (0..64).map(|_| ask(&mut world, "/reload")).collect();
    let more = ask(&mut world, "/reload");
    assert!(body(&mut world, more).contains("Busy"));
    world.engine.reload_begins();
    world.engine.reloaded(&Ok("reloaded".into()), world.now);
    world.end_turn();
    assert!(waiting.into_iter().all(|id| body(&mut world, id).contains("reloaded")));
}
