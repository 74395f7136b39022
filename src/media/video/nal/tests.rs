//! NAL units behind lengths of every size, and frames as access units.

use super::*;
use crate::media::parts::{MAX_NAL_UNITS, MAX_PARAMETER_SETS, PartsError};

fn walk(length_size: usize, body: &[u8]) -> Vec<Result<&[u8], PartsError>> {
    Nals::new(body, Framing::Lengths(length_size)).collect()
}

#[test]
fn nals_are_found_behind_lengths_of_every_size() {
    assert_eq!(walk(1, &[1, 9, 0, 2, 5, 6]), [Ok(&[9][..]), Ok(&[5, 6][..])]);
    assert_eq!(walk(2, &[0, 1, 9, 0, 2, 5, 6]), [Ok(&[9][..]), Ok(&[5, 6][..])]);
    assert_eq!(walk(3, &[0, 0, 1, 9, 0, 0, 2, 5, 6]), [Ok(&[9][..]), Ok(&[5, 6][..])]);
    assert_eq!(walk(4, &[0, 0, 0, 1, 9, 0, 0, 0, 0]), [Ok(&[9][..])]);
}

#[test]
fn a_length_takes_all_its_bytes() {
    for size in 1..=4 {
        let nal = vec![0x65; if size == 1 { 255 } else { 0x0102 }];
        let length = &u32::try_from(nal.len()).unwrap().to_be_bytes()[4 - size..];
        let body = [length, &nal, length, &nal].concat();
        assert_eq!(walk(size, &body), [Ok(&nal[..]), Ok(&nal[..])]);
        for cut in 1..nal.len() {
            let is_padding = cut < size && body[..cut].iter().all(|&byte| byte == 0);
            let expected = if is_padding { vec![] } else { vec![Err(PartsError::Malformed)] };
            assert_eq!(walk(size, &body[..cut]), expected, "cut at {cut}");
        }
    }
}

#[test]
fn a_length_beyond_the_frame_is_the_last_item() {
    assert_eq!(walk(4, &[0, 0, 0, 1, 9, 0, 0, 0, 3, 5, 6]), [Ok(&[9][..]), Err(PartsError::Malformed)]);
    assert_eq!(walk(4, &[0xff, 0xff, 0xff, 0xff, 9]), [Err(PartsError::Malformed)]);
    assert_eq!(walk(4, &[0, 0, 1]), [Err(PartsError::Malformed)]);
    assert_eq!(walk(4, &[0, 0, 0]), []);
}

#[test]
fn emulation_prevention_is_removed_and_nothing_else() {
    assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(unescape(&[0, 3, 0, 0, 4, 3, 0, 0]), [0, 3, 0, 0, 4, 3, 0, 0]);
}

#[test]
fn emulation_prevention_is_put_in_where_it_is_needed() {
    assert_eq!(escape(&[1, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 4]), [1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 5, 0, 0, 4]);
}

/// A codec whose units say in their first byte what they are.
fn rewrite(body: &[u8], start: Start) -> (Result<AccessUnit, PartsError>, Vec<u8>) {
    rewrite_all(&[body], start)
}

fn rewrite_all(bodies: &[&[u8]], start: Start) -> (Result<AccessUnit, PartsError>, Vec<u8>) {
    let unit = |nal: &[u8]| match nal[0] {
        1 => Unit::Delimiter,
        2 => Unit::Parameters(usize::from(nal.get(1) == Some(&3))),
        3 => Unit::RandomAccess,
        4 => Unit::Slice,
        _ => Unit::Other,
    };
    let (first, second) = (vec![vec![2, 1], vec![2, 2]], vec![vec![2, 3]]);
    let rewriter =
        Rewriter { delimiter: &[1, 0xf0], parameters: [&first, &second, &[], &[]], pictures: 1, unit };
    let messages = bodies.iter().map(|body| Nals::new(body, Framing::Lengths(1)));
    let mut out = vec![0xee];
    let access_unit = rewriter.write(messages, start, &mut out);
    assert_eq!(out.remove(0), 0xee);
    (access_unit, out)
}

const DELIMITER: [u8; 6] = [0, 0, 0, 1, 1, 0xf0];
const PARAMETERS: [u8; 18] = [0, 0, 0, 1, 2, 1, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 3];

#[test]
fn a_picture_to_start_at_gets_a_delimiter_and_the_parameters_once() {
    // Its own delimiter and parameters in front: they go. What is in between stays.
    let body = [2, 1, 0x10, 2, 2, 1, 2, 2, 3, 2, 6, 7, 2, 3, 8];
    let (unit, out) = rewrite(&body, Start::Within);
    assert_eq!(unit, Ok(AccessUnit::RandomAccess));
    assert_eq!(out, [&DELIMITER[..], &PARAMETERS, &[0, 0, 0, 1, 6, 7], &[0, 0, 0, 1, 3, 8]].concat());
}

#[test]
fn other_pictures_get_the_parameters_at_a_fragments_start_only() {
    let slice = [0, 0, 0, 1, 4, 8];
    let alone = (Ok(AccessUnit::Picture), [&DELIMITER[..], &slice].concat());
    assert_eq!(rewrite(&[2, 4, 8], Start::Within), alone);
    let with = (Ok(AccessUnit::Picture), [&DELIMITER[..], &PARAMETERS, &slice].concat());
    assert_eq!(rewrite(&[2, 4, 8], Start::Fragment), with);
}

#[test]
fn a_new_set_of_a_sequence_comes_with_the_sets_of_pictures_that_it_brings() {
    // The set of a picture is held already, and belongs to the new sequence.
    let (_, out) = rewrite(&[2, 2, 9, 2, 2, 3, 2, 3, 8], Start::Within);
    let own = [0, 0, 0, 1, 2, 9, 0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 3, 8];
    assert_eq!(out, [&DELIMITER[..], &own].concat());
    // Without one, that which is held goes on.
    let (_, out) = rewrite(&[2, 2, 9, 2, 3, 8], Start::Within);
    let held = [0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2, 9, 0, 0, 0, 1, 3, 8];
    assert_eq!(out, [&DELIMITER[..], &held].concat());
}

#[test]
fn a_new_set_of_a_picture_comes_beside_those_that_are_held() {
    let (_, out) = rewrite(&[3, 2, 3, 9, 2, 3, 8], Start::Within);
    // Of the last list, as its second byte says.
    assert_eq!(out, [&DELIMITER[..], &PARAMETERS, &[0, 0, 0, 1, 2, 3, 9], &[0, 0, 0, 1, 3, 8]].concat());
}

#[test]
fn the_messages_of_a_picture_are_one_access_unit() {
    let bodies: [&[u8]; 3] = [&[2, 1, 0x10, 2, 6, 7], &[2, 3, 8], &[2, 3, 9]];
    let expected = [&DELIMITER[..], &[0, 0, 0, 1, 6, 7, 0, 0, 0, 1, 3, 8, 0, 0, 0, 1, 3, 9]].concat();
    let (unit, out) = rewrite_all(&bodies, Start::Within);
    assert_eq!(
        (unit, out),
        (Ok(AccessUnit::RandomAccess), [&expected[..6], &PARAMETERS, &expected[6..]].concat())
    );
}

#[test]
fn broken_and_empty_frames_write_nothing() {
    assert_eq!(rewrite(&[2, 3, 8, 9, 1], Start::Within), (Err(PartsError::Malformed), vec![]));
    assert_eq!(rewrite(&[2, 6, 7, 0], Start::Fragment), (Ok(AccessUnit::Empty), vec![]));
    assert_eq!(rewrite(&[], Start::Within), (Ok(AccessUnit::Empty), vec![]));
}

#[test]
fn a_frame_of_parameters_without_end_is_broken() {
    let frame = |parameters: usize| [[2u8, 2, 9].repeat(parameters), vec![2, 3, 8]].concat();
    assert_eq!(rewrite(&frame(MAX_PARAMETER_SETS), Start::Within).0, Ok(AccessUnit::RandomAccess));
    assert_eq!(
        rewrite(&frame(MAX_PARAMETER_SETS + 1), Start::Within),
        (Err(PartsError::TooManyParameterSets), vec![])
    );
}

#[test]
fn a_frame_of_units_without_end_is_left_at_the_first_that_is_too_many() {
    // Units of a byte, and of none.
    for unit in [&[1u8, 4][..], &[0]] {
        let most = unit.repeat(MAX_NAL_UNITS);
        assert!(walk(1, &most).iter().all(Result::is_ok));
        let more = [&most, unit, &[9]].concat();
        assert_eq!(walk(1, &more).last(), Some(&Err(PartsError::TooManyNalUnits)));
        assert_eq!(rewrite(&more, Start::Within), (Err(PartsError::TooManyNalUnits), vec![]));
    }
}

#[test]
fn a_recovery_point_is_found_among_other_messages() {
    assert!(has_recovery_point(&[6, 1, 0x84, 0x80]));
    assert!(has_recovery_point(&[1, 2, 0, 0, 6, 1, 0x84, 0x80]));
    assert!(has_recovery_point(&[&[0xff, 5, 1, 0, 6, 1][..], &[0x84, 0x80]].concat()));
    // Behind timing in which a byte stands against start codes.
    assert!(has_recovery_point(&[1, 4, 0, 0, 3, 0, 0x40, 6, 1, 0xc4, 0x80]));
    let late = [&[5, 255, 255, 2][..], &[7; 512], &[6, 1, 0xc4, 0x80]].concat();
    assert!(!has_recovery_point(&late), "beyond what is looked at");
    assert!(!has_recovery_point(&[5, 3, 6, 1, 0x84, 0x80]));
    assert!(
        !has_recovery_point(&[1, 9, 6, 1, 0x84])
            && !has_recovery_point(&[0xff; 9])
            && !has_recovery_point(&[])
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        for length_size in 1..=4 {
            assert!(walk(length_size, &bytes).len() <= bytes.len() / length_size + 1);
        }
        let _ = rewrite(&bytes, Start::Fragment);
        assert!(unescape(&bytes).len() <= bytes.len());
        assert_eq!(unescape(&escape(&bytes)), bytes);
    }
}
