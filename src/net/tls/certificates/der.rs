//! A reader of DER (X.690): items of a tag and a value, one behind the other. What is broken ends the reading; the
//! certificates that are read here have been parsed by webpki before.

/// The items of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct Der<'a>(pub &'a [u8]);

/// An item.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub tag: u8,
    pub value: &'a [u8],
    /// The item as it is, with its tag.
    pub whole: &'a [u8],
}

impl<'a> Der<'a> {
    /// The value of the next item if it has this tag; otherwise nothing is read.
    pub fn next_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let item = ahead.next().filter(|item| item.tag == tag)?;
        *self = ahead;
        Some(item.value)
    }

    /// The items inside of the next one, if it has this tag.
    pub fn enter(&mut self, tag: u8) -> Option<Self> {
        self.next_if(tag).map(Self)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            // A length that ends somewhere, or one beyond 4 GiB.
            _ => return None,
        };
        let (value, behind) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - behind.len())?;
        self.0 = behind;
        Some(Item { tag: *tag, value, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_one_behind_the_other_until_one_is_broken() {
        let bytes = [0x02, 1, 7, 0x30, 0x81, 2, 5, 0, 0x04, 3, 1];
        let mut der = Der(&bytes);
        assert!(der.next_if(0x30).is_none());
        assert_eq!(der.next_if(0x02), Some(&[7][..]));
        let item = der.next().unwrap();
        assert_eq!((item.tag, item.value, item.whole), (0x30, &[5, 0][..], &bytes[3..8]));
        assert!(der.next().is_none());
        for broken in
            [&[0x30, 0x80, 0, 0][..], &[0x30, 0x85, 0, 0, 0, 0, 1, 1], &[0x30, 0x82, 0], &[0x30], &[]]
        {
            assert!(Der(broken).next().is_none());
        }
    }
}
