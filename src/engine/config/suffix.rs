//! The ends of the names of recordings (`record_suffix`), by which they are known again.

/// `record_suffix`: the texts between the parts that strftime fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuffixPattern(Vec<String>);

impl SuffixPattern {
    /// That of a suffix.
    pub fn of(suffix: &str) -> Self {
        let mut texts = vec![String::new()];
        let mut rest = suffix.chars();
        while let Some(next) = rest.next() {
            // Flags, width and precision stand before the letter.
            let letter = match next {
                '%' => rest.find(|c| !"-_0^#.:".contains(*c) && !c.is_ascii_digit()),
                _ => None,
            };
            match (letter, texts.last_mut()) {
                (Some('%'), Some(text)) => text.push('%'),
                (Some(_), _) => texts.push(String::new()),
                (None, Some(text)) => text.push(next),
                (None, None) => {}
            }
        }
        Self(texts)
    }

    /// True if this text matches.
    pub fn is(&self, text: &str) -> bool {
        self.fits(text, None)
    }

    /// True if a text may end with it.
    pub fn ends(&self, text: &str) -> bool {
        self.fits(text, Some(""))
    }

    /// True if a text is made of these texts, with anything between them; and in front, behind `begin`.
    fn fits(&self, text: &str, begin: Option<&str>) -> bool {
        let mut texts = begin.into_iter().chain(self.0.iter().map(String::as_str));
        let Some(mut rest) = texts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let Some(last) = texts.next_back() else { return rest.is_empty() };
        for middle in texts {
            match rest.split_once(middle) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}
