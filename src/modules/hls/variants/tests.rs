//! What `hls_variant` takes, and what becomes of it.

use std::path::Path;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use super::super::settings::{Layout, Place};
use super::*;
use crate::engine::MemoryFiles;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn attributes_are_judged() {
    for text in [
        "_low",
        "_low BANDWIDTH=288000",
        "_720p BANDWIDTH=1 RESOLUTION=1280x720 CODECS=avc1.4d401f,mp4a.40.2 FRAME-RATE=29.97",
        "_a AUDIO=\"x\" VIDEO-RANGE=SDR",
    ] {
        assert_eq!(check(&words(text)), Ok(()), "{text}");
    }
    for (text, why) in [
        ("", "nothing is given"),
        ("../x", "ends no stream's name"),
        ("_low BANDWIDTH", "\"BANDWIDTH\" is not ATTRIBUTE=value"),
        ("_low BANDWIDTH=1m", "BANDWIDTH takes a number, not \"1m\""),
        ("_low RESOLUTION=720p", "RESOLUTION takes WIDTHxHEIGHT, not \"720p\""),
        ("_low bandwidth=1", "capital letters"),
        ("_low A=", "a value"),
        ("_low A=1 A=2", "A is given twice"),
    ] {
        let error = check(&words(text)).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(check(&["_low".to_owned(), "A=b\nc".to_owned()]).is_err());
}

#[test]
fn attributes_may_stand_in_one_argument_with_commas_between() {
    for (text, expected) in [
        ("_x BANDWIDTH=1,RESOLUTION=1280x720", "BANDWIDTH=1,RESOLUTION=1280x720"),
        ("_x BANDWIDTH=1, RESOLUTION=1280x720", "BANDWIDTH=1,RESOLUTION=1280x720"),
        (
            "_x BANDWIDTH=1,CODECS=avc1.4d401f,mp4a.40.2,FRAME-RATE=25",
            "BANDWIDTH=1,CODECS=\"avc1.4d401f,mp4a.40.2\",FRAME-RATE=25",
        ),
        ("_x CODECS=\"avc1.4d401f,A=b\",BANDWIDTH=1", "CODECS=\"avc1.4d401f,A=b\",BANDWIDTH=1"),
        ("_x BANDWIDTH=1 CODECS=\"a,b\"", "BANDWIDTH=1,CODECS=\"a,b\""),
    ] {
        assert_eq!(check(&words(text)), Ok(()), "{text}");
        assert_eq!(Variant::read(&words(text)).attributes.to_string(), expected, "{text}");
    }
    for (text, why) in [
        ("_x BANDWIDTH=1,BANDWIDTH=2", "BANDWIDTH is given twice"),
        ("_x BANDWIDTH=1,RESOLUTION=720p", "RESOLUTION takes WIDTHxHEIGHT, not \"720p\""),
        ("_x BANDWIDTH=1,720p", "BANDWIDTH takes a number, not \"1,720p\""),
    ] {
        let error = check(&words(text)).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}

fn settings(layout: Layout) -> Rc<Settings> {
    let variants = ["_low BANDWIDTH=100", "_very_low", "_high CODECS=x"];
    Rc::new(Settings {
        variants: variants.map(|text| Variant::read(&words(text))).to_vec(),
        layout,
        place: Place::Memory { limit: 1 << 20 },
        ..Settings::for_tests()
    })
}

#[test]
fn the_longest_suffix_counts() {
    let settings = settings(Layout::Flat);
    assert_eq!(base_of("cam_low", &settings), Some("cam"));
    assert_eq!(base_of("cam_very_low", &settings), Some("cam"));
    assert_eq!((base_of("cam", &settings), base_of("_low", &settings)), (None, None));
}

#[test]
fn what_is_given_takes_the_place_of_what_is_measured() {
    for (layout, path, uri) in [
        (Layout::Flat, "/hls/cam_low.m3u8", "cam_low.m3u8"),
        (Layout::Nested, "/hls/cam_low/index.m3u8", "cam_low/index.m3u8"),
    ] {
        let mut memory = MemoryFiles::default();
        let mut put = |path: &str, text: &str| memory.put(path.into(), text.as_bytes(), UNIX_EPOCH).unwrap();
        put(
            path,
            "#EXTM3U\n#millstream stream-inf BANDWIDTH=7,CODECS=\"a,b\"\n#EXTINF:1.000,\ncam_low-1.ts\n",
        );
        // One that lists nothing, and one of which too little is known.
        put("/hls/cam_very_low.m3u8", "#EXTM3U\n#millstream stream-inf BANDWIDTH=7\n");
        put("/hls/cam_high.m3u8", "#EXTM3U\n#EXTINF:1.000,\ncam_high-1.ts\n");
        let naming = Naming::new(Path::new("/hls"), "cam_low", &settings(layout));
        let mut files = Files::Memory(&mut memory);
        update(&mut files, &naming, "cam", UNIX_EPOCH).unwrap();
        let text = String::from_utf8(files.read(Path::new("/hls/cam.m3u8"), 1000).unwrap().unwrap()).unwrap();
        let expected =
            format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=100,CODECS=\"a,b\"\n{uri}\n");
        assert_eq!(text, expected);
        files.remove(Path::new(path));
        update(&mut files, &naming, "cam", UNIX_EPOCH).unwrap();
        assert!(files.read(Path::new("/hls/cam.m3u8"), 1000).unwrap().is_none());
    }
}
