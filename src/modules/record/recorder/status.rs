//! What a recorder tells of itself, for statistics.

use super::{Recorder, State};
use crate::engine::{Now, RecordingState, RecordingStatus};
use crate::modules::record::settings::{Settings, Trigger};

impl Recorder {
    /// The status of a recorder that has not recorded anything yet.
    pub fn first_status(settings: &Settings) -> RecordingStatus {
        RecordingStatus {
            recorder: settings.recorder.clone(),
            is_manual: settings.trigger == Trigger::Requested,
            path: None,
            since: None,
            size: 0,
            frames: 0,
            state: RecordingState::Stopped,
        }
    }

    /// Brings its status up to date. The file stays the last one while there is no other.
    pub fn note_status(&self, status: &mut RecordingStatus, now: Now) {
        status.state = self.reported_state();
        let State::Writing(writing) = &self.state else { return };
        let Some(path) = writing.output.path() else { return };
        if status.path.as_deref() != Some(path) {
            status.path = Some(path.to_owned());
            status.since = Some(now.wall);
        }
        (status.size, status.frames) = (writing.output.size(), writing.output.frames());
    }

    fn reported_state(&self) -> RecordingState {
        let has_file = matches!(&self.state, State::Writing(writing) if writing.output.path().is_some());
        match (&self.state, &self.last_error) {
            (State::Idle, _) => RecordingState::Stopped,
            (State::Writing(_), _) if has_file => RecordingState::Recording,
            (_, Some(error)) => RecordingState::Failing(error.text().to_owned()),
            (State::Waiting(_) | State::Searching(_) | State::Writing(_) | State::Full(_), None) => {
                RecordingState::Waiting
            }
        }
    }
}
