"""Devices and programs that cannot be run here: what is known of each, and the test that does the same."""

CAMERAS = "tests/cameras.rs"

KNOWN = [
    ("DJI Osmo Action", "a chunk stream begins with a header of type 2", "src/rtmp/chunk/reader/tests.rs"),
    ("encoders whose timestamps go back", "extended timestamps with negative steps", "src/rtmp/chunk/reader/dialects.rs"),
    ("Uniview cameras", "numbers in front of `@setDataFrame`", "tests/encoder_oddities.rs"),
    ("PTZOptics and other PTZ cameras", "control messages on other chunk streams than 2", "tests/hls_codecs.rs"),
    ("Dahua cameras", "a delimiter before each NAL unit", f"{CAMERAS}, `units-between`"),
    ("V380 Pro cameras", "start codes in place of lengths", f"{CAMERAS}, `start-codes`"),
    ("RootEncoder on RK3588", "all NAL units of a picture under one length", f"{CAMERAS}, `in-one-unit`"),
    ("HaishinKit for iOS 1.8.1 to 1.9.1", "all pictures tagged as key frames", f"{CAMERAS}, `all-key`"),
    ("Kendryte K510 boards, MiBeeNvr", "key frames tagged as inter frames", f"{CAMERAS}, `all-inter`"),
    ("MiBeeNvr and other restreamers", "a message for each slice", f"{CAMERAS}, `slices`; shape/slices"),
    ("yasea on a phone that is turned", "new parameter sets in the stream", f"{CAMERAS}, `new-sets`; shape/new-sets"),
    ("Ecamm Live", "negative composition times", f"{CAMERAS}, `negative`"),
    ("cameras that save bandwidth", "one video frame in 1 to 10 s", f"{CAMERAS}, `slow`; slow/..."),
    ("broadcast encoders", "open GOPs, or no key frame except the first", f"{CAMERAS}, `open-groups`, `intra-refresh`"),
    ("ffmpeg that copies MPEG-TS", "an empty AAC header", "ffmpeg-ts/...; shape/empty-header"),
    ("go-oryx-lib (SRS's tools)", "cannot read arrays in the response to connect", "src/rtmp/server/tests.rs"),
    ("GoPro, Restreamer", "a query string after the stream's name", "tests/publish_play.rs"),
]
