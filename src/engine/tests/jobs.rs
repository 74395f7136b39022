//! Results of jobs: who gets them, and what they hold up.

use super::*;

/// A module and a sink that note the results that they get.
#[derive(Debug, Default)]
struct Noting {
    got: Rc<RefCell<Vec<String>>>,
}

const MODULE: JobOwner = JobOwner::Module { name: "noting", token: 3 };

impl Module for Noting {
    fn name(&self) -> &'static str {
        "noting"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let stream = cx.streams.get_mut(id).unwrap();
        stream.add_sink("noting", Box::new(NotingSink { stream: id, got: Rc::clone(&self.got) }));
    }

    fn on_job(&mut self, cx: &mut Ctx, token: u64, result: JobResult) {
        let number = result.take::<u32>().unwrap();
        self.got.borrow_mut().push(format!("module {token}: {number}"));
        if number > 1 {
            cx.jobs.write_always(MODULE, 0, move || Some(number - 1));
        }
    }
}

struct NotingSink {
    stream: StreamId,
    got: Rc<RefCell<Vec<String>>>,
}

impl Sink for NotingSink {
    fn frame(&mut self, frame: &Rc<Frame>, outlet: &mut Outlet<'_>) -> io::Result<()> {
        let (owner, length) = (JobOwner::Sink { stream: self.stream, name: "noting" }, frame.payload().len());
        outlet.jobs.write(owner, length, move || Some(length)).map_err(io::Error::from)
    }

    fn on_job(&mut self, result: JobResult, _outlet: &mut Outlet<'_>) {
        self.got.borrow_mut().push(format!("sink: {}", result.take::<usize>().unwrap()));
    }
}

fn world() -> (World, Rc<RefCell<Vec<String>>>) {
    let module = Noting::default();
    let got = Rc::clone(&module.got);
    let mut modules = table();
    modules.push(Box::new(module));
    (World::new(modules), got)
}

#[test]
fn a_module_gets_the_results_of_its_jobs_and_may_add_others() {
    let (mut world, got) = world();
    world.engine.cx.jobs.write_always(MODULE, 0, || Some(2_u32));
    world.engine.cx.jobs.write_always(JobOwner::Module { name: "nobody", token: 0 }, 0, || Some(9_u32));
    assert!(world.engine.has_writes() && !world.engine.has_ended());
    world.end_turn();
    assert_eq!(*got.borrow(), ["module 3: 2", "module 3: 1"]);
    assert!(!world.engine.has_writes() && world.engine.has_ended());
}

#[test]
fn a_result_counts_as_waiting_until_it_is_delivered() {
    let (mut world, _) = world();
    world.engine.cx.jobs.write_always(MODULE, 0, || Some(1_u32));
    let finished = world.engine.take_jobs().into_iter().filter_map(Job::run).collect::<Vec<_>>();
    assert!(world.engine.has_writes(), "as it may lead to another");
    finished.into_iter().for_each(|finished| world.engine.finish_job(finished));
    world.end_turn();
    assert!(!world.engine.has_writes());
}

#[test]
fn a_sink_gets_results_until_it_is_finished() {
    let (mut world, got) = world();
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    assert_eq!(*got.borrow(), [format!("sink: {}", AUDIO.len())]);
    // A result that comes when the stream has ended finds nobody.
    let stream = world.engine.cx.streams.iter().next().unwrap().id;
    world.engine.cx.jobs.write_always(JobOwner::Sink { stream, name: "noting" }, 0, || Some(1_usize));
    let late = world.engine.take_jobs();
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    late.into_iter().filter_map(Job::run).for_each(|finished| world.engine.finish_job(finished));
    world.end_turn();
    assert_eq!(got.borrow().len(), 1);
}

/// A publisher on a server whose disk is slow, with a job that waits.
fn publisher_with_a_slow_disk() -> (World, Client, Rc<RefCell<Vec<String>>>) {
    let (mut world, got) = world();
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.receive(&mut world);
    world.has_fast_disk = false;
    (world, publisher, got)
}

fn stop(world: &mut World, publisher: &mut Client) {
    publisher.command(world, &["closeStream".into(), 0.0.into(), Value::Null]);
}

#[test]
fn a_publisher_that_stops_is_answered_when_its_files_have_been_written() {
    let (mut world, mut publisher, got) = publisher_with_a_slow_disk();
    // Its result leads to another job, for which the answer waits as well.
    world.engine.cx.jobs.write_always(MODULE, 0, || Some(2_u32));
    stop(&mut world, &mut publisher);
    assert_eq!(publisher.codes(&mut world), [""; 0]);
    for results in [1, 2] {
        world.do_jobs();
        world.end_turn();
        assert_eq!(got.borrow().len(), results);
    }
    assert_eq!(publisher.codes(&mut world), ["NetStream.Unpublish.Success"]);
    assert!(!world.engine.has_writes());
}

#[test]
fn a_publisher_that_does_not_wait_for_the_answer_gets_none() {
    let (mut world, mut publisher, _) = publisher_with_a_slow_disk();
    world.engine.cx.jobs.write_always(MODULE, 0, || Some(1_u32));
    stop(&mut world, &mut publisher);
    publisher.command(&mut world, &["publish".into(), 3.0.into(), Value::Null, "next".into()]);
    world.do_jobs();
    world.end_turn();
    assert_eq!(publisher.codes(&mut world), ["NetStream.Publish.Start"]);
}

#[test]
fn a_publisher_that_stops_is_answered_before_it_is_closed_though_the_disk_hangs() {
    let (mut world, mut publisher, _) = publisher_with_a_slow_disk();
    world.engine.cx.jobs.write_always(MODULE, 0, || Some(1_u32));
    stop(&mut world, &mut publisher);
    world.pass(9);
    assert_eq!(publisher.codes(&mut world), [""; 0]);
    world.pass(2);
    assert_eq!(publisher.codes(&mut world), ["NetStream.Unpublish.Success"]);
    // The time for its next step begins with the answer.
    world.pass(8);
    assert!(world.is_open(publisher.id));
    world.do_jobs();
    world.end_turn();
    assert_eq!(publisher.codes(&mut world), [""; 0]);
    world.pass(3);
    assert!(!world.is_open(publisher.id) && world.engine.cx.unanswered.is_empty());
}

#[test]
fn a_publisher_that_stops_is_answered_at_once_while_the_writers_queue_is_full() {
    let (mut world, mut publisher, _) = publisher_with_a_slow_disk();
    while world.engine.cx.jobs.write(MODULE, 0, || None::<()>).is_ok() {}
    let waiting = world.engine.cx.jobs.writes();
    stop(&mut world, &mut publisher);
    assert_eq!(publisher.codes(&mut world), ["NetStream.Unpublish.Success"]);
    assert_eq!(world.engine.cx.jobs.writes(), waiting);
}

#[test]
fn other_jobs_without_end_delay_the_answer_only_for_a_while() {
    let (mut world, mut publisher, _) = publisher_with_a_slow_disk();
    stop(&mut world, &mut publisher);
    assert_eq!(publisher.codes(&mut world), ["NetStream.Unpublish.Success"], "nothing waits");
    let mut publisher = Client::publish(&mut world, "other");
    publisher.receive(&mut world);
    world.engine.cx.jobs.write_always(MODULE, 0, || Some(1_u32));
    stop(&mut world, &mut publisher);
    let turns = (0..10).take_while(|_| {
        world.do_jobs();
        world.engine.cx.jobs.write_always(MODULE, 0, || Some(1_u32));
        world.end_turn();
        publisher.codes(&mut world).is_empty()
    });
    assert_eq!(turns.count(), 2);
}
