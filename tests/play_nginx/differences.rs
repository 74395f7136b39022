//! Where Millstream says or sends something else of files than nginx, and why.

/// What is said in another way in all lines: nginx's words, ours, and why.
pub const EVERYWHERE: &[(&str, &str, &str)] =
    &[("Begin Play.Start Recorded", "Recorded Begin Play.Start", "this is the order of Flash Media Server")];

/// The scenario and the step, what is heard of nginx and of Millstream, and why.
pub const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "whole MP4, 1: Play(\"mp4:cam.mp4\", [])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 200 pictures, 343 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 200 pictures, 346 sounds",
        "nginx ends with the track that ends first",
    ),
    (
        "MP4 by prefix, 1: Play(\"mp4:cam\", [])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 200 pictures, 343 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 200 pictures, 346 sounds",
        "nginx ends with the track that ends first",
    ),
    (
        "MP4 by suffix, 1: Play(\"cam.mp4\", [])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 200 pictures, 343 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 200 pictures, 346 sounds",
        "nginx ends with the track that ends first",
    ),
    (
        "again, 2: Play(\"other\", [])",
        " | 0 pictures, 0 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 0 sounds",
        "nginx plays one file in a session until it is closed",
    ),
    (
        "missing, 2: Play(\"cam\", [])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        " | 0 pictures, 0 sounds",
        "a client that is refused and does nothing else is closed",
    ),
    (
        "prefix, 1: Play(\"flv:cam\", [])",
        "Play.StreamNotFound | 0 pictures, 0 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "Flash Player sends this",
    ),
    (
        "out of the folder, 1: Play(\"../vod/cam\", [])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "Play.Failed | 0 pictures, 0 sounds",
        "no name leads out of a folder",
    ),
    (
        "seek, 3: Listen",
        "Begin media | Some((6000, true))",
        "Recorded Begin Play.Start media | Some((5000, true))",
        "at or before the time, so that nothing is missed",
    ),
    (
        "seek, 5: Listen",
        "Begin media | Some((3000, true))",
        "Recorded Begin Play.Start media | Some((2000, true))",
        "at or before the time, so that nothing is missed",
    ),
    (
        "seek, 7: Listen",
        "Begin media | Some((0, true))",
        "Recorded Begin Play.Start media | Some((0, true))",
        "as Flash Media Server",
    ),
    (
        "seek in MP4, 3: Listen",
        "Begin media | Some((6000, true))",
        "Recorded Begin Play.Start media | Some((5000, true))",
        "at or before the time, so that nothing is missed",
    ),
    (
        "seek in MP4, 5: Listen",
        "Begin media | Some((2000, true))",
        "Recorded Begin Play.Start media | Some((2000, true))",
        "as Flash Media Server",
    ),
    (
        "seek beyond the end, 3: Listen",
        "Begin media Eof [Play.Complete] Play.Stop | 26 pictures, 47 sounds",
        "Recorded Begin Play.Start media Eof [Play.Complete] Play.Stop | 26 pictures, 47 sounds",
        "as Flash Media Server",
    ),
    (
        "pause, 6: Listen",
        "media | from before",
        "Begin media | from there",
        "nginx goes back to where it was sought last",
    ),
    (
        "start, 1: Play(\"cam\", [Number(5500.0)])",
        "Begin Play.Start Recorded Access Metadata media | Some((6000, true))",
        "Recorded Begin Play.Start Access Metadata media | Some((0, true))",
        "rtmpdump adds the start to the times",
    ),
    (
        "start in MP4, 1: Play(\"mp4:cam\", [Number(5500.0)])",
        "Begin Play.Start Recorded Access Metadata media | Some((6000, true))",
        "Recorded Begin Play.Start Access Metadata media | Some((0, true))",
        "rtmpdump adds the start to the times",
    ),
    (
        "duration, 1: Play(\"cam\", [Number(0.0), Number(2000.0)])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 50 pictures, 84 sounds",
        "nginx ignores it",
    ),
    (
        "reset, 1: Play(\"cam\", [Number(-2000.0), Number(-1000.0), Flag(true)])",
        "Begin Play.Start Recorded Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "Recorded Begin Play.Reset Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "nginx ignores it",
    ),
    (
        "another one, 2: Play(\"other\", [Number(0.0), Number(-1.0), Flag(true)])",
        "media",
        "Recorded Begin Play.Reset Play.Start Access Metadata media",
        "nginx plays one file in a session until it is closed",
    ),
    (
        "another one, 3: Buffer(600000)",
        "media Eof [Play.Complete] Play.Stop | with sound",
        "media Eof [Play.Complete] Play.Stop | without sound",
        "nginx still plays the first one",
    ),
    (
        "switch, 2: Play2(\"other\")",
        "Eof Play.Stop Begin Play.Start Recorded Access Metadata",
        "Recorded Begin Play.Transition Play.Start Access Metadata",
        "it is no end",
    ),
    (
        "without sound, 3: Buffer(600000)",
        "media Eof [Play.Complete] Play.Stop | with sound",
        "media Eof [Play.Complete] Play.Stop | without sound",
        "nginx ignores it",
    ),
    (
        "both, a file, 1: Play(\"cam\", [])",
        "Begin Play.Start Recorded Access Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "Recorded Begin Play.Start Access Metadata media Eof [Play.Complete] Play.Stop | 201 pictures, 346 sounds",
        "nginx plays the live stream, too",
    ),
    (
        "both, no file, 1: Play(\"none\", [])",
        "Play.StreamNotFound Play.Start Access",
        "Play.Start Access",
        "it waits for the live stream",
    ),
];
