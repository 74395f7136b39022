//! The variables of commands, and their values: who publishes or plays what, and what has been recorded.

use std::fmt;
use std::rc::Rc;

/// A variable: `$name` in a line of the configuration, and `MILLSTREAM_NAME` in the environment of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// The name of the stream.
    Name,
    /// The arguments behind "?" in the name.
    Args,
    /// The name of the application.
    App,
    /// Name and version of the client's software.
    FlashVer,
    /// The file that a Flash player was loaded from.
    SwfUrl,
    /// The URL that the client was told to connect to.
    TcUrl,
    /// The page that a Flash player stands in.
    PageUrl,
    /// The client's address.
    Addr,
    /// The path of a recording.
    Path,
    /// Its file name.
    FileName,
    /// Its file name without what stands behind the last dot.
    BaseName,
    /// Its folder.
    DirName,
    /// The name of its `recorder` block.
    Recorder,
}

impl Variable {
    /// All variables; those of recordings come last.
    pub const ALL: [Self; 13] = [
        Self::Name,
        Self::Args,
        Self::App,
        Self::FlashVer,
        Self::SwfUrl,
        Self::TcUrl,
        Self::PageUrl,
        Self::Addr,
        Self::Path,
        Self::FileName,
        Self::BaseName,
        Self::DirName,
        Self::Recorder,
    ];

    /// The variable of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name() == name)
    }

    /// Its name in the configuration, as in nginx-rtmp.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Args => "args",
            Self::App => "app",
            Self::FlashVer => "flashver",
            Self::SwfUrl => "swfurl",
            Self::TcUrl => "tcurl",
            Self::PageUrl => "pageurl",
            Self::Addr => "addr",
            Self::Path => "path",
            Self::FileName => "filename",
            Self::BaseName => "basename",
            Self::DirName => "dirname",
            Self::Recorder => "recorder",
        }
    }

    /// Its name in the environment.
    pub fn in_environment(self) -> String {
        format!("{ENVIRONMENT}{}", self.name().to_ascii_uppercase())
    }

    /// Whether the server has made the value, not a client.
    pub fn is_the_servers(self) -> bool {
        self == Self::App || self == Self::Recorder || self.is_of_recordings()
    }

    /// Whether its value is any text that a client likes to send, so that it may begin with a dash.
    pub fn is_free_text(self) -> bool {
        matches!(self, Self::Args | Self::FlashVer | Self::SwfUrl | Self::TcUrl | Self::PageUrl)
    }

    /// Whether only recordings have it.
    pub fn is_of_recordings(self) -> bool {
        use Variable::{BaseName, DirName, FileName, Path, Recorder};
        matches!(self, Path | FileName | BaseName | DirName | Recorder)
    }
}

/// The beginning of the names in the environment.
pub const ENVIRONMENT: &str = "MILLSTREAM_";

/// What is known of a client.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// The number of its session; none if no client is meant.
    pub session: Option<u32>,
    pub app: String,
    pub flash_ver: String,
    pub swf_url: String,
    pub tc_url: String,
    pub page_url: String,
    pub addr: String,
}

/// A recording that is finished.
#[derive(Clone, PartialEq, Eq)]
pub struct Recorded {
    pub path: String,
    /// The name of its `recorder` block; empty for the application's own recorder.
    pub recorder: String,
}

/// The values of all variables for one command.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values {
    pub client: Rc<ClientFacts>,
    pub name: String,
    pub args: String,
    pub recorded: Option<Recorded>,
}

/// Without what clients say, which may be a secret.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClientFacts { session, app, .. } = &*self.client;
        f.debug_struct("Values").field("session", session).field("app", app).finish_non_exhaustive()
    }
}

impl Values {
    /// The value of a variable; empty if there is none.
    pub fn get(&self, variable: Variable) -> &str {
        let client = &self.client;
        let recorded = |part: fn(&Recorded) -> &str| self.recorded.as_ref().map_or("", part);
        match variable {
            Variable::Name => &self.name,
            Variable::Args => &self.args,
            Variable::App => &client.app,
            Variable::FlashVer => &client.flash_ver,
            Variable::SwfUrl => &client.swf_url,
            Variable::TcUrl => &client.tc_url,
            Variable::PageUrl => &client.page_url,
            Variable::Addr => &client.addr,
            Variable::Path => recorded(|file| &file.path),
            Variable::FileName => recorded(Recorded::file_name),
            Variable::BaseName => recorded(Recorded::base_name),
            Variable::DirName => recorded(Recorded::dir_name),
            Variable::Recorder => recorded(|file| &file.recorder),
        }
    }

    /// The variables that a command finds in its environment: those of recordings only if it is about one. A NUL, which
    /// no environment can have, is left out.
    pub fn in_environment(&self) -> impl Iterator<Item = (String, String)> {
        let shown = |variable: &Variable| self.recorded.is_some() || !variable.is_of_recordings();
        let all = Variable::ALL.into_iter().filter(shown);
        all.map(|variable| (variable.in_environment(), self.get(variable).replace('\0', "")))
    }
}

impl Recorded {
    fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn base_name(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').map_or(name, |(base, _)| base)
    }

    fn dir_name(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What ffmpeg says of itself, as it publishes `rtmp://192.0.2.1/live/cam?key=1`.
    pub fn values(name: &str, args: &str) -> Values {
        let client = ClientFacts {
            session: Some(7),
            app: "live".into(),
            flash_ver: "FMLE/3.0 (compatible; Lavf59.27".into(),
            swf_url: String::new(),
            tc_url: "rtmp://192.0.2.1:1935/live".into(),
            page_url: String::new(),
            addr: "192.0.2.7".into(),
        };
        Values { client: Rc::new(client), name: name.into(), args: args.into(), recorded: None }
    }

    #[test]
    fn the_parts_of_a_path_are_those_of_nginx_rtmp() {
        for (path, parts) in [
            ("/tmp/rec/my.file-1.flv", ["my.file-1.flv", "my.file-1", "/tmp/rec"]),
            ("rec/cam", ["cam", "cam", "rec"]),
            ("cam.flv", ["cam.flv", "cam", ""]),
            ("/cam.flv", ["cam.flv", "cam", ""]),
        ] {
            let recorded = Some(Recorded { path: path.into(), recorder: "all".into() });
            let values = Values { recorded, ..values("cam", "") };
            let found =
                [Variable::FileName, Variable::BaseName, Variable::DirName].map(|part| values.get(part));
            assert_eq!((found, values.get(Variable::Path)), (parts, path));
        }
    }

    #[test]
    fn the_environment_has_every_variable_and_those_of_recordings_for_recordings() {
        let of_stream: Vec<_> = values("cam", "key=1").in_environment().collect();
        assert_eq!(of_stream.len(), 8);
        assert!(of_stream.contains(&("MILLSTREAM_ARGS".into(), "key=1".into())));
        let recorded = Some(Recorded { path: "/rec/cam.flv".into(), recorder: String::new() });
        let all: Vec<_> = Values { recorded, ..values("cam", "") }.in_environment().collect();
        assert!(all.contains(&("MILLSTREAM_BASENAME".into(), "cam".into())));
        assert_eq!(all.len(), Variable::ALL.len());
        let with_nul: Vec<_> = values("cam", "a\0b").in_environment().collect();
        assert!(with_nul.contains(&("MILLSTREAM_ARGS".into(), "ab".into())));
    }
}
