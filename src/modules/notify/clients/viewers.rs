//! What is kept of the viewers of HLS whose end a backend is told of. It is packed and bounded, as there may be many, and
//! what they say of themselves may be long.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::engine::{AppId, Peer, ViewerId};

/// The most bytes of texts that are kept of a viewer.
const MAX_OF_VIEWER: usize = 512;
/// The most of them for the URL, by whose beginning a backend knows viewers.
const MAX_URL: usize = 128;
/// The most bytes of texts that are kept of all viewers. Beyond that only the names of their streams are.
const MAX_OF_ALL: usize = 16 << 20;
/// The shortest time between two log lines about viewers of whom too little is kept.
const LINE_PAUSE: Duration = Duration::from_secs(60);

/// The viewers whose end is told. Bounded by the engine's table of viewers.
#[derive(Default)]
pub struct Viewers {
    known: HashMap<ViewerId, Viewer>,
    /// Bytes of all their texts.
    bytes: usize,
    /// When it was logged last that too little is kept.
    logged_at: Option<Instant>,
}

/// A viewer whose end is told.
pub struct Viewer {
    pub app: AppId,
    pub peer: Peer,
    /// The texts, one behind the other.
    texts: Box<str>,
    /// The place in `texts` where each text but the last ends.
    ends: [u16; 4],
}

/// The texts of a viewer: the name of the stream, its arguments, and what the viewer has said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts<'t> {
    pub name: &'t str,
    pub args: &'t str,
    pub user_agent: &'t str,
    pub url: &'t str,
    pub referer: &'t str,
}

impl Viewers {
    /// A viewer begins.
    pub fn begin(&mut self, id: ViewerId, (app, peer): (AppId, Peer), texts: Texts<'_>, now: Instant) {
        self.end(id);
        let viewer = Viewer::new(app, peer, self.fitting(texts, now));
        self.bytes += viewer.texts.len();
        self.known.insert(id, viewer);
    }

    /// A viewer ends.
    pub fn end(&mut self, id: ViewerId) -> Option<Viewer> {
        let viewer = self.known.remove(&id)?;
        self.bytes -= viewer.texts.len();
        Some(viewer)
    }

    /// As much of the texts of another viewer as there is room for.
    fn fitting<'t>(&mut self, texts: Texts<'t>, now: Instant) -> Texts<'t> {
        let cut = texts.cut(MAX_OF_VIEWER);
        if self.bytes + cut.len() <= MAX_OF_ALL {
            return cut;
        }
        if self.may_log(now) {
            log::warn!(
                "notify: viewers have more than {} MiB of arguments and the like: backends are told of the ends of some by \
                 the names of their streams alone",
                MAX_OF_ALL >> 20
            );
        }
        texts.cut(0)
    }

    fn may_log(&mut self, now: Instant) -> bool {
        let may = self.logged_at.is_none_or(|at| now.saturating_duration_since(at) >= LINE_PAUSE);
        if may {
            self.logged_at = Some(now);
        }
        may
    }
}

impl Viewer {
    /// A viewer with these texts, which have been cut.
    fn new(app: AppId, peer: Peer, texts: Texts<'_>) -> Self {
        let (texts, ends) = texts.pack();
        Self { app, peer, texts, ends }
    }

    /// Its texts.
    pub fn texts(&self) -> Texts<'_> {
        let at = |index: usize| self.ends.get(index).map_or(self.texts.len(), |end| usize::from(*end));
        let text = |index: usize| {
            let begin = index.checked_sub(1).map_or(0, at);
            self.texts.get(begin..at(index)).unwrap_or_default()
        };
        Texts { name: text(0), args: text(1), user_agent: text(2), url: text(3), referer: text(4) }
    }
}

impl<'t> Texts<'t> {
    /// As much of the texts as these bytes have room for: always the name, which is short, then the URL, whole arguments,
    /// and the beginning of the rest.
    fn cut(self, most: usize) -> Self {
        let mut left = most.saturating_sub(self.name.len());
        let url = start_of(self.url, left.min(MAX_URL));
        left -= url.len();
        let args = whole_arguments(self.args, left);
        left -= args.len();
        let user_agent = start_of(self.user_agent, left);
        left -= user_agent.len();
        Self { name: self.name, args, user_agent, url, referer: start_of(self.referer, left) }
    }

    /// Bytes of all of them.
    fn len(self) -> usize {
        let Texts { name, args, user_agent, url, referer } = self;
        [name, args, user_agent, url, referer].map(str::len).iter().sum()
    }

    /// The texts one behind the other, and where each but the last ends.
    fn pack(self) -> (Box<str>, [u16; 4]) {
        let Texts { name, args, user_agent, url, referer } = self;
        let (mut all, mut ends) = (String::new(), [0; 4]);
        for (text, end) in [name, args, user_agent, url].into_iter().zip(&mut ends) {
            all.push_str(text);
            *end = u16::try_from(all.len()).unwrap_or(u16::MAX);
        }
        all.push_str(referer);
        (all.into(), ends)
    }
}

/// The beginning of a text, at most so many bytes.
fn start_of(text: &str, most: usize) -> &str {
    (0..=most.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// As many of the first arguments of a query as these bytes have room for. Half an argument would be a wrong one.
fn whole_arguments(args: &str, most: usize) -> &str {
    if args.len() <= most {
        return args;
    }
    let start = start_of(args, most + 1);
    start.rfind('&').and_then(|end| start.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(texts: Texts<'_>) -> Viewer {
        Viewer::new(AppId(0), peer(), texts)
    }

    fn peer() -> Peer {
        "192.0.2.9:50000".parse::<std::net::SocketAddr>().unwrap().into()
    }

    fn texts([name, args, user_agent, url, referer]: [&str; 5]) -> Texts<'_> {
        Texts { name, args, user_agent, url, referer }
    }

    #[test]
    fn texts_are_unpacked_as_they_were_packed() {
        for all in [
            ["cam", "key=1&x=y", "Mozilla/5.0", "http://h/hls/cam.m3u8", "http://h/watch"],
            ["café", "", "", "", ""],
            ["", "", "", "", "é"],
            [""; 5],
        ] {
            let texts = texts(all);
            assert_eq!(texts.cut(MAX_OF_VIEWER), texts);
            assert_eq!(viewer(texts).texts(), texts);
        }
    }

    #[test]
    fn long_texts_are_cut_and_no_argument_in_its_middle() {
        let (name, long) = ("n".repeat(128), "é".repeat(500));
        let args = ["a=1", &format!("b={long}"), "c=3"].join("&");
        let all = texts([&name, &args, &long, &long, &long]);
        let cut = all.cut(MAX_OF_VIEWER);
        assert_eq!((cut.name, cut.args, cut.url.len()), (&*name, "a=1", MAX_URL));
        assert_eq!(cut.user_agent.len(), MAX_OF_VIEWER - 128 - MAX_URL - 4, "no character in its middle");
        assert_eq!(cut.referer.len(), 0);
        assert!(viewer(cut).texts.len() <= MAX_OF_VIEWER);
        assert_eq!(all.cut(0), texts([&name, "", "", "", ""]));
        let kept: Vec<_> = (0..8).map(|most| whole_arguments("a=1&b=2", most)).collect();
        assert_eq!(kept, ["", "", "", "a=1", "a=1", "a=1", "a=1", "a=1&b=2"]);
    }

    #[test]
    fn beyond_a_total_only_the_name_is_kept_and_that_is_logged_once_a_minute() {
        let (mut viewers, now) = (Viewers::default(), Instant::now());
        let all = texts(["cam", "key=1", "Mozilla/5.0", "http://h/", ""]);
        viewers.bytes = MAX_OF_ALL - all.len();
        assert_eq!((viewers.fitting(all, now), viewers.logged_at), (all, None));
        viewers.bytes += 1;
        assert_eq!(viewers.fitting(all, now), texts(["cam", "", "", "", ""]));
        assert_eq!(viewers.logged_at, Some(now));
        assert!(!viewers.may_log(now + LINE_PAUSE - Duration::from_millis(1)));
        assert!(viewers.may_log(now + LINE_PAUSE));
    }

    #[test]
    fn a_viewer_takes_less_than_a_hundred_bytes_beside_its_texts() {
        assert!(size_of::<(ViewerId, Viewer)>() < 100, "{}", size_of::<(ViewerId, Viewer)>());
    }
}
