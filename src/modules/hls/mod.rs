//! HLS: a live stream as MPEG-TS fragments and a playlist in a directory, which any web server serves.
//!
//! The module keeps the settings of each application, which streams are being written (no two may
//! share files), and what is to be removed after a stream's end. The rest is a [`Segmenter`] a stream.
//! Names, units and defaults are those of nginx-rtmp.

mod audio;
mod clock;
mod files;
mod fragment;
mod naming;
mod playlist;
mod probe;
mod publication;
mod segmenter;
mod tracks;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use crate::conf::{self, Context, Directive, Repeat, Scope, Takes};
use crate::engine::Config;
use crate::engine::{Ctx, Module, StreamId};

use naming::{Layout, Naming};
use publication::{Cleanup, Continuation, Publication};
use segmenter::Segmenter;

const CONTEXTS: &[Context] = &[Context::Rtmp, Context::RtmpServer, Context::Application];

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "hls",
        contexts: CONTEXTS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Writes H.264 with AAC or MP3 as HLS into hls_path.",
    },
    Directive {
        name: "hls_path",
        contexts: CONTEXTS,
        takes: Takes::Text,
        default: "",
        repeat: Repeat::Once,
        doc: "The directory of playlists and fragments; made if it is missing.",
    },
    Directive {
        name: "hls_fragment",
        contexts: CONTEXTS,
        takes: Takes::Time,
        default: "5s",
        repeat: Repeat::Once,
        doc: "The shortest fragment: it ends at the first key frame from then on.",
    },
    Directive {
        name: "hls_max_fragment",
        contexts: CONTEXTS,
        takes: Takes::Time,
        default: "0",
        repeat: Repeat::Once,
        doc: "The longest fragment: it ends then without a key frame. A timestamp that jumps by more is a \
              discontinuity. 0 means ten times hls_fragment.",
    },
    Directive {
        name: "hls_playlist_length",
        contexts: CONTEXTS,
        takes: Takes::Time,
        default: "30s",
        repeat: Repeat::Once,
        doc: "How much the playlist lists: as many of the newest fragments as cover it, at least three.",
    },
    Directive {
        name: "hls_nested",
        contexts: CONTEXTS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Gives each stream a directory, NAME/index.m3u8 and NAME/ID.ts, in place of NAME.m3u8 and \
              NAME-ID.ts.",
    },
    Directive {
        name: "hls_cleanup",
        contexts: CONTEXTS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Deletes fragments some time after they have left the playlist, and all of a stream's after \
              it has ended for twice hls_playlist_length.",
    },
    Directive {
        name: "hls_continuous",
        contexts: CONTEXTS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Keeps the old fragments listed when a stream starts again. When off the list starts anew; \
              the numbers go on in both cases.",
    },
    Directive {
        name: "hls_max_audio_delay",
        contexts: CONTEXTS,
        takes: Takes::Time,
        default: "300ms",
        repeat: Repeat::Once,
        doc: "How much audio is gathered into one packet at most.",
    },
    Directive {
        name: "hls_sync",
        contexts: CONTEXTS,
        takes: Takes::Time,
        default: "2ms",
        repeat: Repeat::Once,
        doc: "Audio timestamps this close to where the sample count puts them are put there. 0 leaves all \
              as they are.",
    },
];

/// Streams that have ended and whose files wait for removal; beyond this the oldest go at once.
const MAX_ENDED: usize = 4096;

/// One stream's settings. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `hls_fragment`.
    pub fragment: u64,
    /// `hls_max_fragment`, never below `fragment`.
    pub max_fragment: u64,
    /// `hls_playlist_length`.
    pub playlist_length: u64,
    /// `hls_max_audio_delay`.
    pub max_audio_delay: u64,
    /// `hls_sync`.
    pub sync: u64,
    /// `hls_nested`.
    pub layout: Layout,
    /// `hls_cleanup`.
    pub cleanup: Cleanup,
    /// `hls_continuous`.
    pub continuation: Continuation,
}

/// An application with `hls on`.
#[derive(Debug)]
struct App {
    path: PathBuf,
    settings: Settings,
}

/// A stream that has ended.
#[derive(Debug)]
struct Ended {
    token: u64,
    naming: Naming,
}

/// The HLS module.
#[derive(Debug, Default)]
pub struct Hls {
    /// By application; `None` where HLS is off.
    apps: Vec<Option<App>>,
    /// The playlists being written.
    writing: HashMap<PathBuf, Writing>,
    /// Oldest first.
    ended: VecDeque<Ended>,
    next_token: u64,
}

/// A stream being written, and what its end needs.
#[derive(Debug)]
struct Writing {
    stream: StreamId,
    naming: Naming,
    settings: Settings,
}

impl Module for Hls {
    fn name(&self) -> &'static str {
        "hls"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Error> {
        let apps = config.applications.iter().map(|application| App::new(&application.scope));
        self.apps = apps.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        let Some(stream) = cx.streams.get_mut(id) else { return };
        let Some(Some(app)) = self.apps.get(stream.app.0) else { return };
        let settings = app.settings;
        let naming = Naming::new(&app.path, stream.name.as_str(), settings.layout);
        match self.begin(id, &naming, settings) {
            Ok(segmenter) => stream.add_sink("hls", Box::new(segmenter)),
            Err(why) => log::error!("{}: no hls: {why}", stream.name.as_str()),
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, id: StreamId) {
        if let Some((token, wait)) = self.finish(id)
            && let Some(at) = cx.now.instant.checked_add(wait)
        {
            cx.set_module_timer(self.name(), at, token);
        }
    }

    fn on_timer(&mut self, _cx: &mut Ctx, token: u64) {
        self.remove(token);
    }
}

impl App {
    fn new(scope: &Scope<'_>) -> Result<Option<Self>, conf::Error> {
        if !scope.flag("hls") {
            return Ok(None);
        }
        let path = scope.text("hls_path");
        if path.is_empty() {
            return Err(conf::Error::at(scope.node(), "\"hls on\" needs \"hls_path\""));
        }
        let fragment = milliseconds(scope.time("hls_fragment"));
        if fragment == 0 {
            return Err(conf::Error::at(scope.node(), "\"hls_fragment\" must not be 0"));
        }
        let max_fragment = match milliseconds(scope.time("hls_max_fragment")) {
            0 => fragment.saturating_mul(10),
            max => max.max(fragment),
        };
        let settings = Settings {
            fragment,
            max_fragment,
            playlist_length: milliseconds(scope.time("hls_playlist_length")),
            max_audio_delay: milliseconds(scope.time("hls_max_audio_delay")),
            sync: milliseconds(scope.time("hls_sync")),
            layout: if scope.flag("hls_nested") { Layout::Nested } else { Layout::Flat },
            cleanup: if scope.flag("hls_cleanup") { Cleanup::Delete } else { Cleanup::Keep },
            continuation: if scope.flag("hls_continuous") {
                Continuation::Continue
            } else {
                Continuation::Restart
            },
        };
        Ok(Some(Self { path: PathBuf::from(path), settings }))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Hls {
    /// Starts the fragments of a stream, unless another stream writes the same files. What an earlier
    /// stream of the name left is not removed any more: this one goes on from it.
    fn begin(&mut self, stream: StreamId, naming: &Naming, settings: Settings) -> Result<Segmenter, String> {
        // Two spellings of one directory are one directory.
        files::make_directory(naming.root(), files::Parents::Make).map_err(|error| error.to_string())?;
        let root = naming.root().canonicalize().map_err(|error| error.to_string())?;
        let naming = Naming::new(&root, naming.name(), settings.layout);
        let playlist = naming.playlist();
        if self.writing.contains_key(&playlist) {
            return Err(format!("another stream is writing {}", playlist.display()));
        }
        self.ended.retain(|ended| ended.naming != naming);
        let publication = Publication::open(naming.clone(), settings).map_err(|error| error.to_string())?;
        self.writing.insert(playlist, Writing { stream, naming, settings });
        Ok(Segmenter::new(settings, publication))
    }

    /// A stream ends; returns the timer after which its files go, and how long from now.
    fn finish(&mut self, stream: StreamId) -> Option<(u64, Duration)> {
        let playlist = self.writing.iter().find(|(_, writing)| writing.stream == stream)?.0.clone();
        let Writing { naming, settings, .. } = self.writing.remove(&playlist)?;
        if settings.cleanup == Cleanup::Keep {
            return None;
        }
        if self.ended.len() >= MAX_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            publication::remove_all(&oldest.naming);
        }
        let token = self.next_token;
        self.next_token = self.next_token.wrapping_add(1);
        self.ended.push_back(Ended { token, naming });
        Some((token, Duration::from_millis(settings.playlist_length.saturating_mul(2))))
    }

    /// Removes the files of the stream whose end has that token, unless it has come back.
    fn remove(&mut self, token: u64) {
        let place = self.ended.iter().position(|ended| ended.token == token);
        if let Some(ended) = place.and_then(|place| self.ended.remove(place)) {
            publication::remove_all(&ended.naming);
        }
    }
}

#[cfg(test)]
mod tests;
