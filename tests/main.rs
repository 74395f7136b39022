//! All integration tests in one program, one module a feature: it links once, and their waits overlap.

mod common;

mod cameras;
mod config;
mod descriptors;
mod directives;
mod encoder_oddities;
mod enhanced;
mod hls;
mod hls_codecs;
mod hls_keys;
mod hls_memory;
mod hls_playlist;
mod hls_restart;
mod hls_sound;
mod hls_variants;
mod hostile;
mod http;
mod http_access;
mod http_idioms;
mod http_routing;
mod latency;
mod layers;
mod limits;
mod logging;
mod memory;
mod publish_play;
mod record;
mod record_disk;
mod record_faults;
mod record_limits;
mod record_repair;
mod rollover;
mod rtmp_dialects;
mod signals;
mod takeover;
