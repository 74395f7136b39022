//! Parameter sets that come among the pictures, in the place of those of the configuration.

use super::framing::{Framing, Nals};
use super::unit::{Unit, unescape};
use crate::media::bits::Bits;
use crate::media::flv::MAX_CONFIGURATION;
use crate::media::parts::PartsError;

/// The keys by which a codec tells its parameter sets apart.
pub struct Syntax {
    /// Tells what a NAL unit is.
    pub unit: fn(&[u8]) -> Unit,
    /// The most sets of each list of a configuration.
    pub most: &'static [usize],
    /// The number of a set, which takes the place of one of its list with the same number.
    pub number: fn(&[u8]) -> Option<u32>,
    /// The number of the set of a sequence (SPS) that a set of pictures (PPS) is for.
    pub sequence: fn(&[u8]) -> Option<u32>,
}

/// The lists of a configuration with the parameter sets that came with a picture. The last list has the sets of
/// pictures (PPS), the one before it those of their sequences (SPS). A new set replaces the one with its number, and is
/// put first; with a set of a sequence go the sets of pictures that are for it, if the picture brings any. None if
/// nothing changes, or the sets are longer together than a configuration may be.
pub fn merge(lists: &[&[Vec<u8>]], sets: &[&[u8]], syntax: &Syntax) -> Option<Vec<Vec<Vec<u8>>>> {
    let pictures = lists.len().checked_sub(1)?;
    let brought = |list: usize| {
        let sets = sets.iter().copied();
        sets.filter(move |set| (syntax.unit)(set) == Unit::Parameters(list))
    };
    let is_held =
        |list: usize, set: &[u8]| lists.get(list).is_some_and(|held| held.iter().any(|held| held == set));
    let is_new = |list: usize| brought(list).any(|set| !is_held(list, set));
    if !(0..=pictures).any(is_new) {
        return None;
    }
    let sequences = pictures.saturating_sub(1);
    let brings_pictures = pictures > 0 && brought(pictures).next().is_some();
    let outdated: Vec<_> = brought(sequences)
        .filter(|set| brings_pictures && !is_held(sequences, set))
        .map(syntax.number)
        .collect();
    let merged: Vec<Vec<Vec<u8>>> = lists
        .iter()
        .zip(syntax.most)
        .enumerate()
        .map(|(list, (held, most))| {
            let is_outdated = |set: &[u8]| list == pictures && outdated.contains(&(syntax.sequence)(set));
            if is_new(list) || held.iter().any(|set| is_outdated(set)) {
                let kept = held.iter().filter(|set| !is_outdated(set)).map(Vec::as_slice);
                first_of_each_number(brought(list).chain(kept), *most, syntax.number)
            } else {
                held.to_vec()
            }
        })
        .collect();
    let bytes: usize = merged.iter().flatten().map(Vec::len).sum();
    let is_other = merged.iter().zip(lists).any(|(merged, held)| merged != held);
    (is_other && bytes <= MAX_CONFIGURATION).then_some(merged)
}

fn first_of_each_number<'a>(
    sets: impl Iterator<Item = &'a [u8]>,
    most: usize,
    number: fn(&[u8]) -> Option<u32>,
) -> Vec<Vec<u8>> {
    let mut list: Vec<Vec<u8>> = Vec::new();
    for set in sets {
        if list.len() < most && !list.iter().any(|other| number(other) == number(set)) {
            list.push(set.to_vec());
        }
    }
    list
}

/// The first Exp-Golomb codes from a byte of a NAL unit on: what begins a parameter set.
pub fn codes<const COUNT: usize>(nal: &[u8], from: usize) -> Option<[u32; COUNT]> {
    const LOOKED_AT: usize = 16;
    let start = unescape(nal.get(from..nal.len().min(from + LOOKED_AT))?);
    let mut bits = Bits::new(&start);
    let mut codes = [0; COUNT];
    for code in &mut codes {
        *code = bits.ue(u32::MAX).ok()?;
    }
    Some(codes)
}

/// The parameter sets in a message's body; None, as the last one, for what is behind too many units.
pub(in crate::media) fn sets_in(
    body: &[u8],
    length_size: usize,
    unit: fn(&[u8]) -> Unit,
) -> impl Iterator<Item = Option<&[u8]>> {
    let (framing, is_cut) = match Framing::of(body, length_size, unit) {
        Ok(framing) => (framing, false),
        Err(PartsError::Malformed) => (Framing::Lengths(length_size), false),
        Err(_) => (Framing::Lengths(length_size), true),
    };
    let nals = Nals::new(body, framing).map_while(Result::ok);
    let sets = nals.filter(move |nal| matches!(unit(nal), Unit::Parameters(_)));
    sets.map(Some).chain(is_cut.then_some(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets of sequences are 0x10, a number and more; those of pictures 0x20, a number, that of the sequence and more.
    const SYNTAX: Syntax = Syntax {
        unit,
        most: &[3, 3],
        number: |set| set.get(1).map(|&number| number.into()),
        sequence: |set| set.get(2).map(|&number| number.into()),
    };

    fn unit(nal: &[u8]) -> Unit {
        match nal[0] {
            0x10 => Unit::Parameters(0),
            0x20 => Unit::Parameters(1),
            _ => Unit::Other,
        }
    }

    fn merged(sets: &[&[u8]]) -> Option<[Vec<Vec<u8>>; 2]> {
        let (sequences, pictures) = (vec![vec![0x10, 0, 1]], vec![vec![0x20, 0, 0, 1], vec![0x20, 1, 0, 1]]);
        merge(&[&sequences, &pictures], sets, &SYNTAX)?.try_into().ok()
    }

    #[test]
    fn sets_that_are_held_change_nothing() {
        assert_eq!(merged(&[&[0x10, 0, 1], &[0x20, 1, 0, 1], &[9, 9]]), None);
        assert_eq!(merged(&[]), None);
    }

    #[test]
    fn a_new_set_takes_the_place_of_its_number_and_another_number_stands_beside_it() {
        let [sequences, pictures] = merged(&[&[0x20, 1, 0, 7]]).unwrap();
        assert_eq!(sequences, [vec![0x10, 0, 1]]);
        assert_eq!(pictures, [vec![0x20, 1, 0, 7], vec![0x20, 0, 0, 1]]);
        let [sequences, pictures] = merged(&[&[0x10, 5, 1], &[0x20, 5, 5, 1]]).unwrap();
        assert_eq!(sequences, [vec![0x10, 5, 1], vec![0x10, 0, 1]]);
        assert_eq!(pictures, [vec![0x20, 5, 5, 1], vec![0x20, 0, 0, 1], vec![0x20, 1, 0, 1]]);
    }

    #[test]
    fn with_a_set_of_a_sequence_go_those_of_its_pictures_that_do_not_come_again() {
        let [sequences, pictures] = merged(&[&[0x10, 0, 2], &[0x20, 0, 0, 1]]).unwrap();
        assert_eq!((sequences, pictures), (vec![vec![0x10, 0, 2]], vec![vec![0x20, 0, 0, 1]]));
        let [sequences, pictures] = merged(&[&[0x10, 0, 2]]).unwrap();
        assert_eq!((sequences.len(), pictures.len()), (1, 2), "they may still hold");
    }

    #[test]
    fn sets_are_held_to_their_number_and_bytes() {
        let [_, pictures] = merged(&[&[0x20, 7, 0, 7], &[0x20, 8, 0, 7]]).unwrap();
        assert_eq!(pictures, [vec![0x20, 7, 0, 7], vec![0x20, 8, 0, 7], vec![0x20, 0, 0, 1]]);
        let long = [vec![0x10, 0], vec![7; MAX_CONFIGURATION]].concat();
        assert_eq!(merged(&[&long]), None);
        assert!(merged(&[&long[..MAX_CONFIGURATION - 100]]).is_some());
    }

    #[test]
    fn codes_are_read_behind_a_header() {
        assert_eq!(codes(&[0x68, 0b1010_0000], 1), Some([0, 1]));
        assert_eq!(codes::<2>(&[0x68], 1), None);
        assert_eq!(codes::<1>(&[], 1), None);
    }
}
