//! A folder that cannot be written to for a while.

use super::*;

/// Replaces the folder by a file, so that nothing can be written.
fn block(rig: &Rig) {
    fs::remove_dir_all(&*rig.folder).unwrap();
    fs::write(&*rig.folder, "").unwrap();
}

fn unblock(rig: &Rig) {
    fs::remove_file(&*rig.folder).unwrap();
}

/// A second of audio from `start`.
fn audio_second(rig: &mut Rig, start: u64) {
    (0..46).for_each(|index| rig.audio(start + index * 1000 / 46));
}

/// Three seconds, and two that cannot be written.
fn failed() -> Rig {
    let mut rig = Rig::with(|settings| settings.fragment = 1000);
    rig.headers();
    (0..3).for_each(|second| rig.second(second * 1000));
    assert!(!rig.shape().is_empty());
    block(&rig);
    (3..5).for_each(|second| rig.second(second * 1000));
    rig
}

#[test]
fn a_stream_whose_video_ended_meanwhile_continues_with_audio() {
    let mut rig = failed();
    unblock(&rig);
    (5..40).for_each(|second| audio_second(&mut rig, second * 1000));
    let demux = rig.demux();
    let (.., tables) = demux.last().unwrap();
    assert_eq!(tables.iter().map(|(_, pid)| *pid).collect::<Vec<_>>(), [AUDIO]);
}

#[test]
fn a_publisher_of_audio_alone_may_take_over_meanwhile() {
    let mut rig = failed();
    rig.discontinuity();
    rig.aac_header();
    audio_second(&mut rig, 5000);
    unblock(&rig);
    (6..40).for_each(|second| audio_second(&mut rig, second * 1000));
    assert!(!rig.shape().is_empty());
}

#[test]
fn both_tracks_continue() {
    let mut rig = failed();
    unblock(&rig);
    (5..20).for_each(|second| rig.second(second * 1000));
    let demux = rig.demux();
    assert!(demux.len() > 8, "{}", demux.len());
    let (.., tables) = demux.last().unwrap();
    assert_eq!(tables.len(), 2);
}

#[test]
fn a_stream_without_further_key_frames_continues() {
    let mut rig = failed();
    unblock(&rig);
    for index in 125..1000 {
        rig.inter(index * 40);
        rig.audio(index * 40);
    }
    assert!(!rig.shape().is_empty());
}
