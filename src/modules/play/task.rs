//! What a reader does for a player: what may have to wait for the disk.

use crate::media::file::{Demuxer, FileError, Window};

use super::reading::{self, Order, Read};
use super::source::PlayedFile;

/// What a reader does for a player.
#[derive(Debug)]
pub enum Task {
    Seek(u64),
    Read(Order),
}

/// What a reader has done for a player.
#[derive(Debug)]
pub struct Done {
    pub demuxer: Demuxer,
    pub result: TaskResult,
}

/// The result of a task.
#[derive(Debug)]
pub enum TaskResult {
    Sought(u64, Result<Option<u64>, FileError>),
    Read(Box<Read>),
}

/// What a reader does.
pub fn work(mut demuxer: Demuxer, file: &PlayedFile, task: &Task) -> Done {
    let (mut source, mut window) = (file.on_disk(), Window::default());
    let result = match *task {
        Task::Seek(to) => TaskResult::Sought(to, reading::seek(&mut demuxer, &mut source, &mut window, to)),
        Task::Read(order) => {
            let source = (&mut source as _, &(|| file.modified()) as _);
            TaskResult::Read(Box::new(reading::read(&mut demuxer, source, &mut window, order)))
        }
    };
    Done { demuxer, result }
}
