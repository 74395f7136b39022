//! Answers that many clients ask for at once are composed once.

use std::collections::BTreeMap;

use crate::engine::tests::*;
use crate::http::ResponseHead;

const WEB: &str = "http { server { listen 127.0.0.1:0; } }";

/// Answers each path with the number of compositions so far, in three steps; the path "/panic" panics.
struct Numbers(Rc<Cell<u32>>);

#[derive(Debug)]
struct Composer {
    what: String,
    count: Rc<Cell<u32>>,
    steps: u32,
}

impl Compose for Composer {
    fn step(&mut self, _cx: &mut Ctx) -> Composed {
        assert_ne!(self.what, "/panic");
        self.steps += 1;
        if self.steps < 3 {
            return Composed::Partly;
        }
        self.count.set(self.count.get() + 1);
        let body = format!("{} {}", self.what, self.count.get());
        Composed::Reply(HttpReply {
            head: ResponseHead::new(200),
            body: Body::Bytes(body.into_bytes().into()),
        })
    }
}

impl Module for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let what = request.head.path.clone();
        let composer = Composer { what: what.clone(), count: Rc::clone(&self.0), steps: 0 };
        let key = SharedKey { module: "numbers", location: request.location, what };
        Some(Answer::Shared(SharedAnswer { key, composer: Box::new(composer) }))
    }
}

fn world() -> (World, Rc<Cell<u32>>) {
    let mut modules = table();
    let count = Rc::default();
    modules.insert(0, Box::new(Numbers(Rc::clone(&count))));
    (World::configured(modules, WEB), count)
}

fn open(world: &mut World) -> SessionId {
    world.engine.accept(0, ENDS, world.now).unwrap()
}

/// Sends a request, without doing a step.
fn ask(world: &mut World, id: SessionId, method: &str, path: &str, fields: &str) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    world.engine.input(id, request.as_bytes(), world.now);
}

/// The status, the body and the entity tag that a client gets.
fn answer(world: &mut World, id: SessionId) -> (u16, String, String) {
    world.end_turn();
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let fields: BTreeMap<_, _> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let etag = fields.get("ETag").copied().unwrap_or_default().to_owned();
    (head[9..12].parse().unwrap(), body.to_owned(), etag)
}

fn get(world: &mut World, path: &str) -> String {
    let id = open(world);
    ask(world, id, "GET", path, "");
    answer(world, id).1
}

#[test]
fn all_who_ask_while_it_is_composed_and_for_half_a_second_after_it_get_one_answer() {
    let (mut world, count) = world();
    let ids = [(); 100].map(|()| open(&mut world));
    for id in ids {
        ask(&mut world, id, "GET", "/a", "");
    }
    // Nothing is composed yet; one of them leaves.
    world.engine.lost(ids[0], world.now);
    for id in &ids[1..] {
        assert_eq!(answer(&mut world, *id).1, "/a 1");
    }
    world.pass_time(Duration::from_millis(499));
    assert_eq!((get(&mut world, "/a").as_str(), count.get()), ("/a 1", 1));
    world.pass_time(Duration::from_millis(1));
    assert_eq!((get(&mut world, "/a").as_str(), count.get()), ("/a 2", 2));
    world.pass(1);
    assert_eq!(world.engine.shared.kept(), (0, 0), "it is freed without being asked for");
}

#[test]
fn another_question_has_another_answer_and_at_most_sixteen_are_kept() {
    let (mut world, count) = world();
    for round in [0, 1] {
        for path in 0..16 {
            assert!(get(&mut world, &format!("/{path}")).starts_with(&format!("/{path} ")), "{round}");
        }
    }
    assert_eq!(count.get(), 16);
    get(&mut world, "/16");
    assert_eq!((world.engine.shared.kept().0, count.get()), (16, 17));
    get(&mut world, "/1");
    assert_eq!(count.get(), 17);
    get(&mut world, "/0");
    assert_eq!(count.get(), 18, "the oldest has made room");
}

#[test]
fn more_questions_at_once_than_can_be_shared_are_answered_too() {
    let (mut world, count) = world();
    let ids: Vec<_> = (0..200).map(|_| open(&mut world)).collect();
    for (path, id) in ids.iter().enumerate() {
        ask(&mut world, *id, "GET", &format!("/{path}"), "");
    }
    for (path, id) in ids.iter().enumerate() {
        assert!(answer(&mut world, *id).1.starts_with(&format!("/{path} ")));
    }
    assert_eq!(count.get(), 200);
}

#[test]
fn heads_and_conditions_are_answered_from_the_same() {
    let (mut world, count) = world();
    let ids = [(); 4].map(|()| open(&mut world));
    ask(&mut world, ids[0], "GET", "/a", "");
    ask(&mut world, ids[1], "HEAD", "/a", "");
    let (status, body, etag) = answer(&mut world, ids[0]);
    assert_eq!((status, body.as_str()), (200, "/a 1"));
    assert_eq!(answer(&mut world, ids[1]), (200, String::new(), etag.clone()));
    ask(&mut world, ids[2], "GET", "/a", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!(answer(&mut world, ids[2]), (304, String::new(), etag.clone()));
    world.pass(1);
    ask(&mut world, ids[3], "GET", "/a", &format!("If-None-Match: {etag}\r\n"));
    let (status, body, next) = answer(&mut world, ids[3]);
    assert_eq!((status, body.as_str(), count.get()), (200, "/a 2", 2));
    assert_ne!(next, etag);
}

#[test]
fn an_answer_for_which_nobody_waits_is_not_composed() {
    let (mut world, count) = world();
    let ids = [(); 3].map(|()| open(&mut world));
    for id in ids {
        ask(&mut world, id, "GET", "/a", "");
        world.engine.lost(id, world.now);
    }
    world.end_turn();
    assert_eq!((count.get(), world.engine.shared.kept()), (0, (0, 0)));
    assert!(world.engine.shared.is_empty());
}

#[test]
fn a_composer_that_panics_costs_its_requests_an_error_and_nothing_else() {
    let (mut world, _) = world();
    world.engine.cx.panics = Panics::contained();
    let ids = [open(&mut world), open(&mut world)];
    for id in ids {
        ask(&mut world, id, "GET", "/panic", "");
    }
    for id in ids {
        assert_eq!(answer(&mut world, id).0, 500);
    }
    assert_eq!(get(&mut world, "/a"), "/a 1");
}
