//! When an attack begins, who takes part, and how it ends.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The start signal, and what is counted from then on.
pub struct Start {
    limit: Duration,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    begun: OnceLock<Instant>,
    refused: AtomicUsize,
}

impl Start {
    /// An attack that is broken off after so long.
    pub fn new(limit: Duration) -> Self {
        Self { limit, tally: Arc::default() }
    }

    /// Says that all is ready; waits for a line.
    pub fn wait(&self) -> io::Result<()> {
        println!("ready");
        io::stdin().read_line(&mut String::new())?;
        let (limit, tally) = (self.limit, Arc::clone(&self.tally));
        let _ = tally.begun.set(Instant::now());
        thread::spawn(move || {
            thread::sleep(limit);
            println!("{}", tally.report());
            std::process::exit(0);
        });
        Ok(())
    }

    /// Lets all act at once, each in a thread; returns when all have.
    pub fn all<T: Send>(&self, peers: Vec<T>, act: impl Fn(T) -> io::Result<()> + Sync) -> io::Result<()> {
        let act = &act;
        thread::scope(|scope| {
            let threads: Vec<_> = peers.into_iter().map(|peer| scope.spawn(move || act(peer))).collect();
            threads.into_iter().try_for_each(|thread| self.judge(thread.join().unwrap_or(Ok(()))))
        })
    }

    /// Counts a peer that was hung up on.
    pub fn judge(&self, result: io::Result<()>) -> io::Result<()> {
        let Err(error) = result else { return Ok(()) };
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// What there is to say at the end, as JSON.
    pub fn report(&self) -> String {
        self.tally.report()
    }
}

impl Tally {
    fn report(&self) -> String {
        let seconds = self.begun.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        format!("{{\"seconds\":{seconds},\"refused\":{}}}", self.refused.load(Ordering::Relaxed))
    }
}
