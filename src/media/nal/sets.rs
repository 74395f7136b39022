//! Parameter sets that come among the pictures, in the place of those of the configuration.

use super::super::bits::Bits;
use super::{Unit, is_same, unescape};

/// How a codec tells its parameter sets apart.
pub struct Syntax {
    /// Tells what a NAL unit is.
    pub unit: fn(&[u8]) -> Unit,
    /// Bytes of a NAL unit's header.
    pub header: usize,
    /// The most sets of a list.
    pub most: usize,
}

/// Takes the parameter sets that came with a picture into the lists of a configuration: sets of pictures are in the last
/// one, those of sequences before it. A new set of a sequence makes what the lists had before out of date, as far as the
/// picture brings others; a new set of pictures takes the place of that with its number. False if nothing has changed.
pub fn merge(lists: &mut [&mut Vec<Vec<u8>>], sets: &[&[u8]], syntax: &Syntax) -> bool {
    let Some(pictures) = lists.len().checked_sub(1) else { return false };
    let list_of = |set: &[u8]| match (syntax.unit)(set) {
        Unit::Parameters(list) if list <= pictures => Some(list),
        _ => None,
    };
    let is_new = |set: &[u8]| {
        let list = list_of(set).and_then(|list| lists.get(list));
        list.is_some_and(|held| !held.iter().any(|held| is_same(held, set)))
    };
    let mut new = sets.iter().filter(|set| is_new(set)).peekable();
    if new.peek().is_none() {
        return false;
    }
    if new.any(|set| list_of(set) != Some(pictures)) {
        for (index, list) in lists.iter_mut().enumerate() {
            let brought = sets.iter().filter(|set| list_of(set) == Some(index));
            replace_all(list, brought, syntax.most);
        }
    } else if let Some(list) = lists.last_mut() {
        for set in sets.iter().filter(|set| list_of(set) == Some(pictures)) {
            let number = number_of(set, syntax.header);
            list.retain(|held| number_of(held, syntax.header) != number);
            if list.len() < syntax.most {
                list.push(set.to_vec());
            }
        }
    }
    true
}

fn replace_all<'a>(list: &mut Vec<Vec<u8>>, brought: impl Iterator<Item = &'a &'a [u8]>, most: usize) {
    let mut new: Vec<Vec<u8>> = Vec::new();
    for set in brought {
        if new.len() < most && !new.iter().any(|other| is_same(other, set)) {
            new.push(set.to_vec());
        }
    }
    if !new.is_empty() {
        *list = new;
    }
}

/// The number of a set of pictures (`pic_parameter_set_id`, `pps_pic_parameter_set_id`): its first field.
fn number_of(set: &[u8], header: usize) -> Option<u32> {
    const LONGEST: usize = 8;
    let start = unescape(set.get(header..set.len().min(header + LONGEST))?);
    Bits::new(&start).ue(u32::MAX).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of which the first byte is 0x10 for sequences and 0x20 for pictures, whose number follows as a code.
    const SYNTAX: Syntax = Syntax { unit, header: 1, most: 3 };

    fn unit(nal: &[u8]) -> Unit {
        match nal[0] {
            0x10 => Unit::Parameters(0),
            0x20 => Unit::Parameters(1),
            _ => Unit::Other,
        }
    }

    fn merged(sets: &[&[u8]]) -> Option<[Vec<Vec<u8>>; 2]> {
        // Picture sets 0 and 1.
        let (mut sequences, mut pictures) =
            (vec![vec![0x10, 1]], vec![vec![0x20, 0x80, 1], vec![0x20, 0x40, 1]]);
        merge(&mut [&mut sequences, &mut pictures], sets, &SYNTAX).then_some([sequences, pictures])
    }

    #[test]
    fn sets_that_are_held_change_nothing_whatever_zeros_follow() {
        assert_eq!(merged(&[&[0x10, 1, 0, 0], &[0x20, 0x40, 1], &[9, 9]]), None);
        assert_eq!(merged(&[]), None);
    }

    #[test]
    fn a_new_sequence_has_the_sets_that_come_with_it() {
        let [sequences, pictures] = merged(&[&[0x10, 2], &[0x20, 0x80, 1], &[0x20, 0x80, 1]]).unwrap();
        assert_eq!((sequences, pictures), (vec![vec![0x10, 2]], vec![vec![0x20, 0x80, 1]]));
        let [sequences, pictures] = merged(&[&[0x10, 2]]).unwrap();
        assert_eq!((sequences.len(), pictures.len()), (1, 2));
    }

    #[test]
    fn a_new_set_of_pictures_takes_the_place_of_its_number() {
        let [sequences, pictures] = merged(&[&[0x10, 1], &[0x20, 0x80, 7]]).unwrap();
        assert_eq!(sequences, [vec![0x10, 1]]);
        assert_eq!(pictures, [vec![0x20, 0x40, 1], vec![0x20, 0x80, 7]]);
        let [_, pictures] = merged(&[&[0x20, 0x60, 7], &[0x20, 0x30, 7]]).unwrap();
        assert_eq!(pictures.len(), 3, "no more than there can be");
    }
}
