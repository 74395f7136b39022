//! What whoever looks at a stream should know: sentences that say what is wrong with it and what to do about it.
//!
//! A module that knows sets one, and takes it back when it does not hold any more. Whether it is news, and belongs in
//! the log, is for that module to know.

/// What a warning is of; a stream has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// Nobody can get at its HLS.
    HlsUnserved,
    /// Its HLS has no picture.
    HlsPicture,
    /// Its HLS has no sound.
    HlsSound,
    /// Its key frames are far apart.
    KeyFrames,
}

/// What stands against a stream.
#[derive(Debug, Default)]
pub struct Warnings(Vec<(Warning, String)>);

impl Warnings {
    /// Sets a warning in place of one of its kind, or takes it back.
    pub fn set(&mut self, warning: Warning, text: Option<String>) {
        self.0.retain(|(kind, _)| *kind != warning);
        if let Some(text) = text {
            let at = self.0.partition_point(|(kind, _)| *kind < warning);
            self.0.insert(at, (warning, text));
        }
    }

    /// Whether one of this kind stands.
    pub fn has(&self, warning: Warning) -> bool {
        self.0.iter().any(|(kind, _)| *kind == warning)
    }

    /// Their sentences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, text)| text.as_str())
    }

    /// Takes all back.
    pub(in crate::engine) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_of_each_kind_until_it_is_taken_back() {
        let mut warnings = Warnings::default();
        warnings.set(Warning::KeyFrames, None);
        warnings.set(Warning::KeyFrames, Some("every 10 s".into()));
        warnings.set(Warning::HlsPicture, Some("no AV1".into()));
        warnings.set(Warning::KeyFrames, Some("every 12 s".into()));
        assert_eq!(warnings.iter().collect::<Vec<_>>(), ["no AV1", "every 12 s"]);
        warnings.set(Warning::HlsPicture, None);
        assert!(warnings.has(Warning::KeyFrames) && !warnings.has(Warning::HlsPicture));
        assert_eq!(warnings.iter().collect::<Vec<_>>(), ["every 12 s"]);
    }
}
