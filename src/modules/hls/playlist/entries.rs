//! The text of the listed fragments, kept from one playlist to the next: an entry does not change while it is listed,
//! so that a list of thousands costs no more at each cut than its newest entry.

use std::collections::VecDeque;
use std::fmt::Write;

use jiff::Timestamp;

use super::listed::{Encryption, Fragment};
use crate::modules::hls::files::naming::Naming;

/// The entries of a playlist. A new one is rendered when the text is next written.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    text: String,
    /// The length of each entry in `text`, also of those that have left the list.
    lengths: VecDeque<usize>,
    /// The number of entries at the front that have left the list, and their bytes.
    out: usize,
    out_bytes: usize,
}

impl Entries {
    pub fn slide(&mut self) {
        match self.lengths.get(self.out) {
            Some(length) => (self.out, self.out_bytes) = (self.out + 1, self.out_bytes + length),
            None => *self = Self::default(),
        }
    }

    /// Lists the last `out` of the entries again that have left, and removes those behind the first `listed`.
    pub fn undo(&mut self, out: usize, listed: usize) {
        if self.out < out {
            *self = Self::default();
        }
        for _ in 0..out.min(self.out) {
            self.out -= 1;
            self.out_bytes = self.out_bytes.saturating_sub(self.lengths.get(self.out).copied().unwrap_or(0));
        }
        while self.lengths.len() > self.out.saturating_add(listed) {
            let length = self.lengths.pop_back().unwrap_or(0);
            self.text.truncate(self.text.len().saturating_sub(length));
        }
    }

    /// Frees the text of entries that have left, once that is half of all. They cannot be listed again.
    pub fn forget_out(&mut self) {
        if self.out_bytes > self.text.len() / 2 {
            self.text.drain(..self.out_bytes);
            self.lengths.drain(..self.out);
            (self.out, self.out_bytes) = (0, 0);
        }
    }

    /// Appends the text of all fragments. The first is rendered anew, as the entry with its key may have left.
    pub fn write(&mut self, naming: &Naming, fragments: &VecDeque<Fragment>, text: &mut String) {
        let Some(first) = fragments.front() else { return };
        self.render_new(naming, fragments);
        render(text, naming, first, None);
        let behind = self.out_bytes + self.lengths.get(self.out).copied().unwrap_or(0);
        text.push_str(self.text.get(behind..).unwrap_or_default());
    }

    fn render_new(&mut self, naming: &Naming, fragments: &VecDeque<Fragment>) {
        let rendered = self.lengths.len() - self.out;
        let mut encryption = rendered.checked_sub(1).and_then(|last| fragments.get(last)?.encryption);
        for fragment in fragments.iter().skip(rendered) {
            let before = self.text.len();
            render(&mut self.text, naming, fragment, encryption);
            encryption = fragment.encryption;
            self.lengths.push_back(self.text.len() - before);
        }
    }
}

/// All are equal: the text says nothing that the fragments do not.
impl PartialEq for Entries {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Entries {}

/// `encryption` is that of the fragment before: a key holds until the next.
fn render(text: &mut String, naming: &Naming, fragment: &Fragment, encryption: Option<Encryption>) {
    // Writing into a string cannot fail.
    let _ = try_render(text, naming, fragment, encryption);
}

fn try_render(
    text: &mut String,
    naming: &Naming,
    fragment: &Fragment,
    encryption: Option<Encryption>,
) -> std::fmt::Result {
    if fragment.discontinuity {
        text.push_str("#EXT-X-DISCONTINUITY\n");
    }
    match fragment.encryption {
        Some(Encryption { key, iv }) if fragment.encryption != encryption => {
            let (uri, iv) = (naming.key_uri(key), u128::from_be_bytes(iv));
            writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\",IV=0x{iv:032x}")?;
        }
        None if encryption.is_some() => text.push_str("#EXT-X-KEY:METHOD=NONE\n"),
        _ => {}
    }
    let date = fragment.date.and_then(|date| Timestamp::from_millisecond(i64::try_from(date).ok()?).ok());
    if let Some(date) = date {
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))?;
    }
    let (seconds, millis) = (fragment.duration / 1000, fragment.duration % 1000);
    writeln!(text, "#EXTINF:{seconds}.{millis:03},\n{}", naming.uri(fragment.id))
}
