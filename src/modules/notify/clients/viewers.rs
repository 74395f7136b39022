//! What is kept of a viewer of HLS whose end a backend is told of. It is packed, as there may be many.

use crate::engine::{AppId, Peer, Request, View};

/// A viewer whose end is told.
pub struct Viewer {
    pub app: AppId,
    pub peer: Peer,
    /// The name of the stream, its arguments, and what the viewer has said of itself, one behind the other.
    texts: Box<str>,
    /// The place in `texts` where each text but the last ends.
    ends: [u32; 4],
}

impl Viewer {
    /// A viewer who begins by this request.
    pub fn new(request: &Request, view: &View) -> Self {
        let Request { app, name, args, .. } = request;
        let texts = [name, args, &view.user_agent, &view.url, &view.referer].map(String::as_str);
        let (texts, ends) = pack(texts);
        Self { app: *app, peer: view.peer, texts, ends }
    }

    /// Its texts.
    pub fn texts(&self) -> Texts<'_> {
        let [name, args, user_agent, url, referer] = unpack(&self.texts, &self.ends);
        Texts { name, args, user_agent, url, referer }
    }
}

/// The texts of a viewer.
pub struct Texts<'t> {
    pub name: &'t str,
    pub args: &'t str,
    pub user_agent: &'t str,
    pub url: &'t str,
    pub referer: &'t str,
}

/// Texts one behind the other, and where each but the last ends. (They come from the head of a request, so they have less
/// than 4 GiB.)
fn pack(texts: [&str; 5]) -> (Box<str>, [u32; 4]) {
    let (mut all, mut ends) = (String::with_capacity(texts.iter().map(|text| text.len()).sum()), [0; 4]);
    for (index, text) in texts.iter().enumerate() {
        all.push_str(text);
        if let Some(end) = ends.get_mut(index) {
            *end = u32::try_from(all.len()).unwrap_or(u32::MAX);
        }
    }
    (all.into(), ends)
}

/// The texts that were packed.
fn unpack<'t>(texts: &'t str, ends: &[u32; 4]) -> [&'t str; 5] {
    let at = |index: usize| ends.get(index).map_or(texts.len(), |end| *end as usize);
    std::array::from_fn(|index| {
        let begin = index.checked_sub(1).map_or(0, at);
        texts.get(begin..at(index)).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ViewerId;

    #[test]
    fn texts_are_unpacked_as_they_were_packed() {
        for texts in [
            ["cam", "key=1&x=y", "Mozilla/5.0", "http://h/hls/cam.m3u8", "http://h/watch"],
            ["café", "", "", "", ""],
            ["", "", "", "", "é"],
            [""; 5],
        ] {
            let (all, ends) = pack(texts);
            assert_eq!(unpack(&all, &ends), texts);
        }
    }

    #[test]
    fn a_viewer_takes_less_than_a_hundred_bytes_beside_its_texts() {
        assert!(size_of::<(ViewerId, Viewer)>() < 100, "{}", size_of::<(ViewerId, Viewer)>());
    }
}
