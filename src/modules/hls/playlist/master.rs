//! The master playlist: the streams whose names differ in a suffix, each with its attributes.
//!
//! The attributes of a variant are a comment in its own playlist. So the master playlist is made from the playlists
//! that are there: of variants that are live or whose files have not been removed yet, also after a restart.

use std::io;
use std::time::SystemTime;

use crate::modules::hls::files::Files;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::playlist::{self, MAX_TEXT};

/// Writes the master playlist of a variant anew, from those variants whose playlists list anything; without any it is
/// removed.
pub fn write(files: &mut Files<'_>, naming: &Naming, modified: SystemTime) -> io::Result<()> {
    let Some(base) = naming.base() else { return Ok(()) };
    let path = naming.master(base);
    match render(files, naming, base) {
        Some(text) => files.write(&path, text.as_bytes(), modified),
        None => {
            files.remove(&path);
            Ok(())
        }
    }
}

fn render(files: &Files<'_>, naming: &Naming, base: &str) -> Option<String> {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n");
    let before = text.len();
    for variant in &naming.settings().variants {
        let naming = Naming::new(naming.root(), &format!("{base}{}", variant.suffix()), naming.settings());
        let Ok(Some(list)) = files.read(&naming.playlist(), MAX_TEXT) else { continue };
        let Some(mut attributes) = std::str::from_utf8(&list).ok().and_then(playlist::stream_inf) else {
            continue;
        };
        attributes.set_all(variant.attributes());
        if attributes.get("BANDWIDTH").is_some() {
            text.extend(["#EXT-X-STREAM-INF:", &attributes.to_string(), "\n", &naming.playlist_uri(), "\n"]);
        }
    }
    (text.len() > before).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::engine::MemoryFiles;
    use crate::modules::hls::settings::variant::Variant;
    use crate::modules::hls::settings::{Layout, Settings, Storage};

    fn settings(layout: Layout) -> Arc<Settings> {
        let variants = ["_low BANDWIDTH=100", "_very_low", "_high CODECS=x"];
        Arc::new(Settings {
            variants: variants
                .map(|text| Variant::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap())
                .to_vec(),
            layout,
            storage: Storage::Memory,
            ..Settings::for_tests()
        })
    }

    #[test]
    fn configured_attributes_are_listed_in_place_of_measured_ones() {
        for (layout, path, uri) in [
            (Layout::Flat, "/hls/cam_low.m3u8", "cam_low.m3u8"),
            (Layout::Nested, "/hls/cam_low/index.m3u8", "cam_low/index.m3u8"),
        ] {
            let mut memory = MemoryFiles::default();
            let mut put =
                |path: &str, text: &str| memory.put(path.into(), text.as_bytes(), UNIX_EPOCH).unwrap();
            put(
                path,
                "#EXTM3U\n#millstream stream-inf BANDWIDTH=7,CODECS=\"a,b\"\n#EXTINF:1.000,\ncam_low-1.ts\n",
            );
            // One that lists nothing, and one of which too little is known.
            put("/hls/cam_very_low.m3u8", "#EXTM3U\n#millstream stream-inf BANDWIDTH=7\n");
            put("/hls/cam_high.m3u8", "#EXTM3U\n#EXTINF:1.000,\ncam_high-1.ts\n");
            let naming = Naming::new(Path::new("/hls"), "cam_low", &settings(layout));
            let mut files = Files::Memory(&mut memory);
            write(&mut files, &naming, UNIX_EPOCH).unwrap();
            let text =
                String::from_utf8(files.read(Path::new("/hls/cam.m3u8"), 1000).unwrap().unwrap()).unwrap();
            let expected =
                format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=100,CODECS=\"a,b\"\n{uri}\n");
            assert_eq!(text, expected);
            files.remove(Path::new(path));
            write(&mut files, &naming, UNIX_EPOCH).unwrap();
            assert!(files.read(Path::new("/hls/cam.m3u8"), 1000).unwrap().is_none());
        }
    }
}
