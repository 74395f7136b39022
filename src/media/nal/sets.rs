//! Parameter sets that come among the pictures, in the place of those of the configuration.

use super::super::bits::Bits;
use super::super::flv::MAX_CONFIGURATION;
use super::{Unit, unescape};

/// How a codec tells its parameter sets apart.
pub struct Syntax {
    /// Tells what a NAL unit is.
    pub unit: fn(&[u8]) -> Unit,
    /// Bytes of a NAL unit's header.
    pub header: usize,
    /// The most sets of each list of a configuration.
    pub most: &'static [usize],
}

/// The lists of a configuration with the parameter sets that came with a picture. The last list has the sets of pictures,
/// those before it have the sets of sequences. A new set of a sequence (VPS, SPS) replaces its list, and all other lists of
/// which the picture brings sets. A new set of pictures (PPS) replaces the one with its number. None if nothing changes, or
/// the sets are longer together than a configuration may be.
pub fn merge(lists: &[&[Vec<u8>]], sets: &[&[u8]], syntax: &Syntax) -> Option<Vec<Vec<Vec<u8>>>> {
    let pictures = lists.len().checked_sub(1)?;
    let list_of = |set: &[u8]| match (syntax.unit)(set) {
        Unit::Parameters(list) if list <= pictures => Some(list),
        _ => None,
    };
    let is_new = |set: &&&[u8]| {
        let held = list_of(set).and_then(|list| lists.get(list));
        held.is_some_and(|held| !held.iter().any(|held| held == **set))
    };
    let new: Vec<_> = sets.iter().filter(is_new).map(|set| list_of(set)).collect();
    if new.is_empty() {
        return None;
    }
    let begins_sequence = new.iter().any(|list| *list != Some(pictures));
    let merged: Vec<Vec<Vec<u8>>> = lists
        .iter()
        .zip(syntax.most)
        .enumerate()
        .map(|(index, (held, most))| {
            let brought = sets.iter().copied().filter(|set| list_of(set) == Some(index));
            if begins_sequence {
                replace_all(held, brought, *most)
            } else {
                replace_each(held, brought, *most, syntax.header)
            }
        })
        .collect();
    let bytes: usize = merged.iter().flatten().map(Vec::len).sum();
    let is_other = merged.iter().zip(lists).any(|(merged, held)| merged != held);
    (is_other && bytes <= MAX_CONFIGURATION).then_some(merged)
}

/// The sets that a picture brings, in the place of those that are held, if it brings any.
fn replace_all<'a>(held: &[Vec<u8>], brought: impl Iterator<Item = &'a [u8]>, most: usize) -> Vec<Vec<u8>> {
    let mut new: Vec<Vec<u8>> = Vec::new();
    for set in brought {
        if new.len() < most && !new.iter().any(|other| other == set) {
            new.push(set.to_vec());
        }
    }
    if new.is_empty() { held.to_vec() } else { new }
}

/// The sets that are held, each replaced by that with its number which a picture brings.
fn replace_each<'a>(
    held: &[Vec<u8>],
    brought: impl Iterator<Item = &'a [u8]>,
    most: usize,
    header: usize,
) -> Vec<Vec<u8>> {
    let mut list = held.to_vec();
    for set in brought.filter(|set| !held.iter().any(|held| held == set)) {
        let number = number_of(set, header);
        list.retain(|held| number_of(held, header) != number);
        if list.len() < most {
            list.push(set.to_vec());
        }
    }
    list
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
    const SYNTAX: Syntax = Syntax { unit, header: 1, most: &[3, 3] };

    fn unit(nal: &[u8]) -> Unit {
        match nal[0] {
            0x10 => Unit::Parameters(0),
            0x20 => Unit::Parameters(1),
            _ => Unit::Other,
        }
    }

    fn merged(sets: &[&[u8]]) -> Option<[Vec<Vec<u8>>; 2]> {
        // Picture sets 0 and 1.
        let (sequences, pictures) = (vec![vec![0x10, 1]], vec![vec![0x20, 0x80, 1], vec![0x20, 0x40, 1]]);
        merge(&[&sequences, &pictures], sets, &SYNTAX)?.try_into().ok()
    }

    #[test]
    fn sets_that_are_held_change_nothing() {
        assert_eq!(merged(&[&[0x10, 1], &[0x20, 0x40, 1], &[9, 9]]), None);
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
        let full: Vec<_> = (1..4).map(|number| vec![0x20, number]).collect();
        assert_eq!(
            merge(&[&[], &full], &[&[0x20, 0x80]], &SYNTAX),
            None,
            "and none for which there is no room"
        );
    }

    #[test]
    fn sets_longer_than_a_configuration_are_not_taken() {
        let long = [vec![0x10], vec![7; MAX_CONFIGURATION]].concat();
        assert_eq!(merged(&[&long]), None);
        assert!(merged(&[&long[..MAX_CONFIGURATION - 100]]).is_some());
    }
}
