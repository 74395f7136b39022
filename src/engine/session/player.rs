//! The state of a player in its stream, with every change that it can make.
//!
//! The fan-out runs through three places, and this one holds the state for all of them: RTMP commands make and
//! control a player (`rtmp/play.rs`), the live module decides which frame a player is sent or loses
//! (`modules/live/`), and the engine counts and ends what has got all that it asked for (`session/sending.rs`). They
//! change a player only by the methods below. No method sends anything, and none decides about a frame.

use std::rc::Rc;
use std::time::Instant;

use crate::engine::ids::StreamId;
use crate::engine::relay::times::Times;
use crate::engine::session::out_queue::{Allowance, OutQueue};
use crate::media::amf::amf0;
use crate::media::flv::form::{Compat, FlvForm, FlvTimes, FlvTracks};
use crate::media::{Frame, Kind, Role, flv};
use crate::rtmp::Control;
use crate::rtmp::chunk::{Mux, stamp};

/// The state of one of a player's tracks: its video, its audio or its data messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackState {
    /// Nothing has been sent since the player joined or since it lost frames. The headers must come first, and for
    /// video a key frame.
    Waiting,
    /// Every frame is sent.
    Running,
    /// The player has switched the track off with `receiveAudio` or `receiveVideo`.
    Off,
}

impl TrackState {
    /// The state after frames of the track have been left out.
    fn restarted(self) -> Self {
        if self == Self::Running { Self::Waiting } else { self }
    }

    /// The state after the player has switched the track on or off.
    fn switched(self, on: bool) -> Self {
        match (on, self) {
            (false, _) => Self::Off,
            (true, Self::Off) => Self::Waiting,
            (true, state) => state,
        }
    }
}

/// The end of what a player has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlayLimit {
    /// None: it plays until its stream ends.
    StreamEnd,
    /// Milliseconds of media, counted from its first frame.
    Duration(u32),
    /// A timestamp of its stream, in milliseconds; frames from there on are not sent.
    Timestamp(u64),
    /// Reached: the player leaves its stream in a later step, or the next file of its list begins.
    Reached,
    /// Reached by a player of a file, which has been told that nothing follows.
    Ended,
}

/// How a player is sent its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Over RTMP.
    Rtmp,
    /// Over RTMP to another server.
    Push,
    /// As FLV over HTTP or WebSocket, once its tracks are known.
    AwaitedFlv(FlvForm),
    /// The same; the FLV header has been sent.
    Flv(FlvForm),
    /// Over RTMP, from a file: a module reads it and sends its messages in pieces.
    File,
}

/// A player in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Player {
    stream: StreamId,
    msid: u32,
    video: TrackState,
    audio: TrackState,
    data: TrackState,
    has_metadata: bool,
    is_paused: bool,
    limit: PlayLimit,
    joined_at: Instant,
    dropped: u64,
    times: Times,
    delivery: Delivery,
}

impl Player {
    /// A player that joins a stream on the message stream `msid` and wants `duration` milliseconds of media, or all
    /// of it.
    pub(in crate::engine) fn new(
        (stream, msid): (StreamId, u32),
        duration: Option<u32>,
        joined_at: Instant,
    ) -> Self {
        Self {
            stream,
            msid,
            video: TrackState::Waiting,
            audio: TrackState::Waiting,
            data: TrackState::Waiting,
            has_metadata: false,
            is_paused: false,
            limit: duration.map_or(PlayLimit::StreamEnd, PlayLimit::Duration),
            joined_at,
            dropped: 0,
            times: Times::OfStream,
            delivery: Delivery::Rtmp,
        }
    }

    /// The player that is a push: its times are its own.
    pub(in crate::engine) fn push(stream: (StreamId, u32), joined_at: Instant) -> Self {
        Self { times: Times::FROM_ZERO, delivery: Delivery::Push, ..Self::new(stream, None, joined_at) }
    }

    /// A player over HTTP.
    pub(in crate::engine) fn http(stream: (StreamId, u32), form: FlvForm, joined_at: Instant) -> Self {
        let times = if form.times == FlvTimes::Player { Times::FROM_ZERO } else { Times::OfStream };
        Self { times, delivery: Delivery::AwaitedFlv(form), ..Self::new(stream, None, joined_at) }
    }

    /// A player of a file.
    pub(in crate::engine) fn file(stream: (StreamId, u32), joined_at: Instant) -> Self {
        let times = Times::OfFile { sent: 0 };
        Self { times, delivery: Delivery::File, ..Self::new(stream, None, joined_at) }
    }

    /// Whether it plays a file.
    #[inline]
    pub fn is_of_file(&self) -> bool {
        self.delivery == Delivery::File
    }

    /// The time of the last message of a file that it has been sent, milliseconds; none if it plays none.
    pub fn file_time(&self) -> Option<u64> {
        if let Times::OfFile { sent } = self.times { Some(sent) } else { None }
    }

    /// A player of a file has been sent messages up to this time.
    pub(in crate::engine) fn note_sent(&mut self, time: u64) {
        self.times = Times::OfFile { sent: time };
    }

    /// Whether it is a push.
    #[inline]
    fn is_push(&self) -> bool {
        self.delivery == Delivery::Push
    }

    /// The form in which an HTTP player gets FLV.
    #[inline]
    pub fn flv(&self) -> Option<FlvForm> {
        match self.delivery {
            Delivery::AwaitedFlv(form) | Delivery::Flv(form) => Some(form),
            Delivery::Rtmp | Delivery::Push | Delivery::File => None,
        }
    }

    /// Whether it is an HTTP player that waits for its FLV header, and gets nothing before that.
    #[inline]
    pub fn awaits_flv_header(&self) -> bool {
        matches!(self.delivery, Delivery::AwaitedFlv(_))
    }

    /// Takes over what the client has asked for since it played another stream, which it has left at this time.
    pub(in crate::engine) fn continue_from(&mut self, before: &Self, left_at: u64) {
        for (track, before) in
            [(&mut self.video, before.video), (&mut self.audio, before.audio), (&mut self.data, before.data)]
        {
            if before == TrackState::Off {
                *track = before;
            }
        }
        self.is_paused = before.is_paused;
        self.limit = match before.limit {
            PlayLimit::Timestamp(end) => {
                PlayLimit::Duration(u32::try_from(end.saturating_sub(left_at)).unwrap_or(u32::MAX))
            }
            limit => limit,
        };
    }

    /// Applies the player's own command.
    pub(in crate::engine) fn apply(&mut self, control: &Control) {
        match *control {
            Control::Pause => self.is_paused = true,
            Control::Unpause => {
                self.is_paused = false;
                self.restart();
            }
            // A live stream can only be joined again where it is now.
            Control::Seek { .. } => self.restart(),
            Control::Receive { kind, wanted } => {
                let track = self.track_mut(kind);
                *track = track.switched(wanted);
            }
        }
    }

    /// Makes the player start again with metadata, headers and a key frame, at the next frame that allows it.
    pub(in crate::engine) fn restart(&mut self) {
        self.video = self.video.restarted();
        self.audio = self.audio.restarted();
        self.data = self.data.restarted();
        self.has_metadata = false;
    }

    /// Counts frames that were taken out of the player's queue. It has to start again.
    pub(in crate::engine) fn lose_queued(&mut self, frames: u64) {
        self.dropped += frames;
        self.restart();
    }

    /// Begins to send: the metadata comes first, and a limited duration counts from this timestamp, in milliseconds,
    /// unless it has begun to count before.
    #[inline]
    pub fn begin(&mut self, timestamp: u64) {
        self.has_metadata = true;
        self.times.begin(timestamp);
        if let PlayLimit::Duration(length) = self.limit {
            self.limit = PlayLimit::Timestamp(timestamp.saturating_add(length.into()));
        }
    }

    /// Notes that a frame of this kind and timestamp is sent: its track runs from here on.
    #[inline]
    pub fn take(&mut self, kind: Kind, timestamp: u64) {
        *self.track_mut(kind) = TrackState::Running;
        self.begin(timestamp);
    }

    /// Notes that a frame is left out because the queue is full. Without any but a disposable one the track has to
    /// start again.
    #[inline]
    pub fn lose(&mut self, kind: Kind, role: Role) {
        if role != Role::Disposable {
            *self.track_mut(kind) = TrackState::Waiting;
        }
        self.dropped += 1;
    }

    /// Notes that the player has got all that it asked for; false if that has been noted before.
    #[inline]
    pub(in crate::engine) fn finish(&mut self) -> bool {
        std::mem::replace(&mut self.limit, PlayLimit::Reached) != PlayLimit::Reached
    }

    /// A player of a file that had got all of it gets more, as it has been sought.
    pub(in crate::engine) fn unfinish(&mut self) {
        self.limit = PlayLimit::StreamEnd;
    }

    /// Whether the player wants nothing from this timestamp of its stream on, in milliseconds.
    #[inline]
    pub fn has_reached_limit(&self, timestamp: u64) -> bool {
        match self.limit {
            PlayLimit::Timestamp(end) => timestamp >= end,
            PlayLimit::Reached | PlayLimit::Ended => true,
            PlayLimit::StreamEnd | PlayLimit::Duration(_) => false,
        }
    }

    /// Whether the player has got all that it asked for, or may not get more, and is about to leave its stream.
    #[inline]
    pub(in crate::engine) fn is_finished(&self) -> bool {
        matches!(self.limit, PlayLimit::Reached | PlayLimit::Ended)
    }

    /// Whether it has got all of a file and waits for the next one.
    pub(in crate::engine) fn awaits_next(&self) -> bool {
        self.limit == PlayLimit::Reached
    }

    /// A player of a file has been told that nothing follows.
    pub(in crate::engine) fn end(&mut self) {
        self.limit = PlayLimit::Ended;
    }

    /// Whether the player has paused: it is sent nothing.
    #[inline]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether the metadata has been sent since the player joined or started again.
    #[inline]
    pub fn has_metadata(&self) -> bool {
        self.has_metadata
    }

    /// The state of the track to which frames of this kind belong.
    #[inline]
    pub fn track(&self, kind: Kind) -> TrackState {
        match kind {
            Kind::Video => self.video,
            Kind::Audio => self.audio,
            Kind::Data | Kind::DataAmf3 => self.data,
        }
    }

    /// The stream that it plays.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The message stream that it plays on.
    #[inline]
    pub fn msid(&self) -> u32 {
        self.msid
    }

    /// Frames that were left out because it was too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The time at which it joined its stream.
    pub fn joined_at(&self) -> Instant {
        self.joined_at
    }

    #[inline]
    fn track_mut(&mut self, kind: Kind) -> &mut TrackState {
        match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
            Kind::Data | Kind::DataAmf3 => &mut self.data,
        }
    }
}

/// `onMetaData` as a publisher sends it: behind `@setDataFrame`.
fn set_data_frame(frame: &Frame) -> Option<Rc<Frame>> {
    if !frame.is_metadata() {
        return None;
    }
    // The byte in front of values in AMF3 stays there.
    let format = frame.payload().len() - frame.amf0().len();
    let name = amf0::encode_all(&["@setDataFrame".into()]);
    let payload = [frame.payload().get(..format)?, &name, frame.amf0()].concat();
    let mut instruction = Frame::from_payload(frame.kind, frame.timestamp, &payload);
    stamp(&mut instruction, Mux::Separate);
    Some(Rc::new(instruction))
}

/// A player and the queue of its session, while frames are offered to it.
#[derive(Debug)]
pub struct PlayerQueue<'a> {
    /// The player.
    pub player: &'a mut Player,
    pub(in crate::engine) out: &'a mut OutQueue,
    /// Frames that were queued.
    pub(in crate::engine) sent: u64,
    /// Frames that were left out.
    pub(in crate::engine) lost: u64,
    /// Whether bytes were queued that are no frames, and are counted by the budget of replies.
    pub(in crate::engine) has_replied: bool,
    /// Bytes of frames that were queued beside the one that is offered.
    pub(in crate::engine) more_bytes: u64,
}

impl<'a> PlayerQueue<'a> {
    pub(in crate::engine) fn new(player: &'a mut Player, out: &'a mut OutQueue) -> Self {
        Self { player, out, sent: 0, lost: 0, has_replied: false, more_bytes: 0 }
    }

    /// Notes that a frame is left out, see [`Player::lose`].
    #[inline]
    pub fn lose(&mut self, kind: Kind, role: Role) {
        self.player.lose(kind, role);
        self.lost += 1;
    }

    /// Queues a frame.
    pub fn send(&mut self, frame: &Rc<Frame>) {
        self.sent += 1;
        match self.player.delivery {
            Delivery::Rtmp | Delivery::File => self.out.push_frame_on(self.player.msid, frame),
            Delivery::Push => self.push(frame),
            Delivery::AwaitedFlv(form) | Delivery::Flv(form) => self.send_tag(frame, form.times),
        }
    }

    /// Queues the FLV header of an HTTP player that waits for it. A track that is not in it is never sent to a browser, which
    /// does not expect it; other players take it when it comes.
    pub fn send_flv_header(&mut self, audio: bool, video: bool) {
        let Delivery::AwaitedFlv(form) = self.player.delivery else { return };
        self.player.delivery = Delivery::Flv(form);
        let is_on = |is_there, unwanted| match form.compat {
            Compat::Browser => is_there,
            Compat::Raw => form.tracks != unwanted,
        };
        self.player.audio = self.player.audio.switched(is_on(audio, FlvTracks::Video));
        self.player.video = self.player.video.switched(is_on(video, FlvTracks::Audio));
        self.out.push_flv(&flv::file_header(audio, video));
        self.has_replied = true;
    }

    /// Counts bytes of frames that were queued beside the one that is offered.
    pub fn count_more(&mut self, bytes: u64) {
        self.more_bytes += bytes;
    }

    /// Queues a frame as a tag.
    fn send_tag(&mut self, frame: &Rc<Frame>, times: FlvTimes) {
        let time = match times {
            FlvTimes::Stream => return self.out.push_frame(Rc::clone(frame)),
            // It is 0 in all forms.
            _ if frame.is_metadata() => return self.out.push_frame(Rc::clone(frame)),
            FlvTimes::Player => self.player.times.place(frame.timestamp).unwrap_or(frame.timestamp),
            FlvTimes::Raw => frame.timestamp,
        };
        self.out.push_frame_at(self.player.msid, frame, time);
    }

    /// Queues a frame for another server: metadata as an instruction to it, and all at the times of the push.
    fn push(&mut self, frame: &Rc<Frame>) {
        let msid = self.player.msid;
        let instruction = set_data_frame(frame);
        let frame = instruction.as_ref().unwrap_or(frame);
        match self.player.times.place(frame.timestamp) {
            Some(time) => self.out.push_frame_at(msid, frame, time),
            None => self.out.push_frame_on(msid, frame),
        }
    }

    /// Queues frames as one list, which other players share.
    pub fn send_group(&mut self, frames: &Rc<[Rc<Frame>]>) {
        let has_own_times = self.player.flv().is_some_and(|form| form.times != FlvTimes::Stream);
        if self.player.is_push() || has_own_times {
            return frames.iter().for_each(|frame| self.send(frame));
        }
        self.sent += frames.len() as u64;
        self.out.push_group_on(self.player.msid, frames);
    }

    /// The number of waiting messages at which frames are left out (`out_queue`).
    pub fn most_messages(&self) -> usize {
        self.out.limits().messages as usize
    }

    /// Messages that wait for the player's session.
    pub fn messages(&self) -> usize {
        self.out.len()
    }

    /// Bytes that wait for the player's session.
    pub fn bytes(&self) -> usize {
        self.out.bytes()
    }

    /// Lets what has just been queued wait beyond the usual limits.
    pub fn allow(&mut self, more: Allowance) {
        self.out.allow(more);
    }

    /// The allowance that is left beyond the usual limits.
    pub fn allowance(&self) -> Allowance {
        self.out.allowance()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::Video, Kind::Audio, Kind::Data];

    fn player(duration: Option<u32>) -> Player {
        Player::new((StreamId::of_nothing(0), 1), duration, Instant::now())
    }

    fn states(player: &Player) -> [TrackState; 3] {
        KINDS.map(|kind| player.track(kind))
    }

    /// A player whose three tracks run.
    fn running() -> Player {
        let mut player = player(None);
        KINDS.iter().for_each(|kind| player.take(*kind, 0));
        player
    }

    #[test]
    fn a_track_runs_from_the_first_frame_that_is_sent() {
        use TrackState::{Running, Waiting};
        let mut player = player(None);
        assert_eq!((states(&player), player.has_metadata()), ([Waiting; 3], false));
        player.take(Kind::Audio, 0);
        assert_eq!((states(&player), player.has_metadata()), ([Waiting, Running, Waiting], true));
        player.take(Kind::DataAmf3, 0);
        assert_eq!(states(&player), [Waiting, Running, Running]);
    }

    #[test]
    fn a_duration_counts_from_the_first_frame() {
        let mut player = player(Some(100));
        assert!(!player.has_reached_limit(5_000), "nothing has been sent yet");
        player.take(Kind::Audio, 5_000);
        player.take(Kind::Video, 5_050);
        assert!(!player.has_reached_limit(5_099));
        assert!(player.has_reached_limit(5_100));
    }

    #[test]
    fn a_player_without_a_duration_has_no_limit() {
        let mut player = player(None);
        player.begin(0);
        assert!(!player.has_reached_limit(u64::MAX));
    }

    #[test]
    fn a_duration_at_the_end_of_all_timestamps_does_not_overflow() {
        let mut player = player(Some(u32::MAX));
        player.begin(u64::MAX - 1);
        assert!(player.has_reached_limit(u64::MAX));
    }

    #[test]
    fn the_end_of_a_play_is_noted_once() {
        let mut player = player(Some(100));
        assert!(player.finish());
        assert!(!player.finish());
        assert!(player.is_finished() && player.has_reached_limit(0));
        player.take(Kind::Video, 0);
        assert!(player.is_finished(), "no frame takes that back");
    }

    #[test]
    fn without_a_disposable_frame_a_track_runs_on() {
        use TrackState::{Running, Waiting};
        let mut player = running();
        player.lose(Kind::Video, Role::Disposable);
        assert_eq!((states(&player), player.dropped()), ([Running; 3], 1));
        player.lose(Kind::Video, Role::Inter);
        assert_eq!((states(&player), player.dropped()), ([Waiting, Running, Running], 2));
        assert!(player.has_metadata());
    }

    #[test]
    fn frames_taken_out_of_the_queue_are_counted_and_make_it_start_again() {
        let mut player = running();
        player.lose_queued(7);
        assert_eq!((states(&player), player.dropped()), ([TrackState::Waiting; 3], 7));
        assert!(!player.has_metadata());
    }

    #[test]
    fn a_pause_keeps_the_tracks_and_its_end_starts_them_again() {
        let mut player = running();
        player.apply(&Control::Pause);
        assert_eq!((player.is_paused(), states(&player)), (true, [TrackState::Running; 3]));
        player.apply(&Control::Unpause);
        assert_eq!((player.is_paused(), states(&player)), (false, [TrackState::Waiting; 3]));
    }

    #[test]
    fn a_seek_starts_the_tracks_again_and_ends_no_pause() {
        let mut player = running();
        player.apply(&Control::Pause);
        player.apply(&Control::Seek { to: 0 });
        assert_eq!((player.is_paused(), states(&player)), (true, [TrackState::Waiting; 3]));
    }

    #[test]
    fn a_track_that_is_switched_off_stays_off_until_it_is_switched_on() {
        use TrackState::{Off, Running, Waiting};
        let mut player = running();
        let receive = |kind, wanted| Control::Receive { kind, wanted };
        player.apply(&receive(Kind::Video, false));
        player.restart();
        assert_eq!(states(&player), [Off, Waiting, Waiting]);
        player.apply(&receive(Kind::Video, true));
        player.take(Kind::Audio, 0);
        player.apply(&receive(Kind::Audio, true));
        assert_eq!(states(&player), [Waiting, Running, Waiting], "one that runs is not started again");
    }
}
