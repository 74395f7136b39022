//! Warnings of a stream: sentences for the operator that say what is wrong with it and what to do.
//!
//! A module sets one and removes it when it no longer holds. Whether the change is logged is decided by that module.

/// The kinds of warnings; a stream has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// Its HLS is served by no location.
    HlsUnserved,
    /// Its HLS has no picture.
    HlsPicture,
    /// Its HLS has no sound.
    HlsSound,
    /// Its key frames are far apart.
    KeyFrames,
}

/// The warnings of one stream.
#[derive(Debug, Default)]
pub struct Warnings(Vec<(Warning, String)>);

impl Warnings {
    /// Sets the warning of a kind, or removes it.
    pub fn set(&mut self, warning: Warning, text: Option<String>) {
        self.0.retain(|(kind, _)| *kind != warning);
        if let Some(text) = text {
            let at = self.0.partition_point(|(kind, _)| *kind < warning);
            self.0.insert(at, (warning, text));
        }
    }

    /// Whether there is a warning of this kind.
    pub fn has(&self, warning: Warning) -> bool {
        self.0.iter().any(|(kind, _)| *kind == warning)
    }

    /// The sentences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, text)| text.as_str())
    }

    /// Removes all.
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
