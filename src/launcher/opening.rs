//! Opens what a command is redirected to, within a time: a FIFO waits for its other end, perhaps for ever.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use millstream::net::LaunchRequest;

use super::control::Control;
use super::descriptors::Table;

/// The longest time for which it waits.
const TIME: Duration = Duration::from_secs(10);
/// The time between two looks whether the server is there.
const LOOK: Duration = Duration::from_millis(100);

/// What the thread tells that opens.
enum Step {
    Opens(PathBuf),
    Done(Result<Table, String>),
}

/// Opens the descriptors of a command. If the server goes meanwhile, a managed command is not started.
pub fn open(places: Vec<OwnedFd>, request: &LaunchRequest, control: &Control) -> Result<Table, String> {
    if request.redirections.is_empty() {
        return Table::open(places, &[], |_| ());
    }
    let (steps, received) = channel();
    let redirections = request.redirections.clone();
    let opens = move || {
        let opened = Table::open(places, &redirections, |path| {
            let _ = steps.send(Step::Opens(path.to_owned()));
        });
        let _ = steps.send(Step::Done(opened));
    };
    // If it waits for ever, it ends with this process.
    thread::Builder::new().spawn(opens).map_err(|error| format!("no thread opens its files: {error}"))?;
    let is_needless = || request.signal.is_some() && control.is_closed();
    receive(&received, is_needless)
}

fn receive(received: &Receiver<Step>, is_needless: impl Fn() -> bool) -> Result<Table, String> {
    let (deadline, mut opened) = (Instant::now() + TIME, PathBuf::new());
    loop {
        match received.recv_timeout(LOOK) {
            Ok(Step::Opens(path)) => opened = path,
            Ok(Step::Done(table)) => return table,
            Err(RecvTimeoutError::Disconnected) => return Err("its files cannot be opened".to_owned()),
            Err(RecvTimeoutError::Timeout) if is_needless() => return Err("the server has gone".to_owned()),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                let path = opened.display();
                return Err(format!("it has waited {} s for the other end of {path}", TIME.as_secs()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
