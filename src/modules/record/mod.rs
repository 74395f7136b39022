//! Recording: each stream of an application into FLV files.

mod names;
mod recording;
mod script;

use std::path::PathBuf;
use std::time::SystemTime;

use crate::conf::{self, Context, Directive, Repeat, Takes};
use crate::engine::{Config, Ctx, Module, PublishType, StreamId};
use names::Names;
use recording::{Recording, Selection};

const EVERYWHERE: &[Context] = &[Context::Rtmp, Context::RtmpServer, Context::Application];

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "record",
        contexts: EVERYWHERE,
        takes: Takes::AnyOf(&["off", "all", "audio", "video", "keyframes", "manual"]),
        default: "off",
        repeat: Repeat::Once,
        doc: "What is recorded of each stream; keyframes are video key frames only. With manual, only streams are \
              recorded whose publisher asks for it, by the type record or append.",
    },
    Directive {
        name: "record_path",
        contexts: EVERYWHERE,
        takes: Takes::Text,
        default: "",
        repeat: Repeat::Once,
        doc: "The folder for recordings; made when missing.",
    },
    Directive {
        name: "record_suffix",
        contexts: EVERYWHERE,
        takes: Takes::Text,
        default: ".flv",
        repeat: Repeat::Once,
        doc: "What follows the stream's name in a file's name; with % signs, a strftime pattern in local time.",
    },
    Directive {
        name: "record_unique",
        contexts: EVERYWHERE,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Whether the time, in seconds since 1970, goes between name and suffix.",
    },
];

/// The module.
#[derive(Debug, Default)]
pub struct Record {
    apps: Vec<Option<Settings>>,
}

/// What an application records, and where.
#[derive(Debug, Clone)]
struct Settings {
    selection: Selection,
    path: PathBuf,
    suffix: String,
    unique: bool,
    /// Whether it waits to be asked for.
    manual: bool,
}

impl Module for Record {
    fn name(&self) -> &'static str {
        "record"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Error> {
        for application in &config.applications {
            let scope = &application.scope;
            let words = scope.words("record");
            let has = |word: &str| words.iter().any(|given| given == word);
            if has("off") && words.len() > 1 {
                let node = scope.find("record").unwrap_or(scope.node());
                return Err(conf::Error::at(node, "\"record\" is off or something, not both"));
            }
            let selection = Selection {
                audio: has("all") || has("audio"),
                video: has("all") || has("video"),
                keyframes: has("keyframes"),
            };
            let settings = Settings {
                selection,
                path: scope.text("record_path").into(),
                suffix: scope.text("record_suffix"),
                unique: scope.flag("record_unique"),
                manual: has("manual"),
            };
            if settings.suffix.contains('/') {
                let node = scope.find("record_suffix").unwrap_or(scope.node());
                return Err(conf::Error::at(
                    node,
                    "\"record_suffix\" is part of a file's name, without \"/\"",
                ));
            }
            self.apps.push((!has("off")).then_some(settings));
        }
        Ok(())
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, stream_id: StreamId) {
        let Some(stream) = cx.streams.get_mut(stream_id) else { return };
        let Some(Some(settings)) = self.apps.get(stream.app.0) else { return };
        if settings.manual && stream.publish_type == PublishType::Live {
            return;
        }
        let names = Names {
            folder: settings.path.clone(),
            stem: stream.name.to_string(),
            time: cx.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
            suffix: suffix(settings, cx.now.wall),
            unique: settings.unique,
        };
        stream.add_sink("record", Box::new(Recording::new(names, settings.selection)));
    }
}

/// The suffix, with the local time in it if it asks for that. A pattern that cannot be filled in
/// stands as it is.
fn suffix(settings: &Settings, wall: SystemTime) -> String {
    if !settings.suffix.contains('%') {
        return settings.suffix.clone();
    }
    let timestamp = jiff::Timestamp::try_from(wall).unwrap_or_default();
    let local = timestamp.to_zoned(jiff::tz::TimeZone::system());
    let text = jiff::fmt::strtime::format(&settings.suffix, &local).unwrap_or(settings.suffix.clone());
    text.replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn settings(suffix: &str) -> Settings {
        let selection = Selection { audio: true, video: true, keyframes: false };
        Settings { selection, path: "rec".into(), suffix: suffix.into(), unique: false, manual: false }
    }

    #[test]
    fn a_suffix_carries_the_local_time_where_it_is_asked_to() {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(suffix(&settings(".flv"), wall), ".flv");
        let dated = suffix(&settings("-%Y-%m-%d.flv"), wall);
        assert!(dated.starts_with("-2023-11-1") && dated.ends_with(".flv"), "{dated}");
        assert!(!suffix(&settings("%D.flv"), wall).contains('/'));
    }
}
