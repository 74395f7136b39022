//! The features, one file or folder each.

mod access;
mod advice;
mod api;
mod browse;
mod codec;
mod control;
mod exec;
mod flv_live;
mod gop_cache;
mod hls;
mod http;
mod limits;
mod live;
mod log;
mod metrics;
mod notify;
mod page;
mod play;
mod record;
mod relay;
mod shared_object;
mod stat;
mod views;

use crate::engine::Module;

/// The table of modules. For every request, frame and event they are called in this order.
pub fn table() -> Vec<Box<dyn Module>> {
    vec![
        // Who may publish and play, before any other module is asked.
        Box::<access::Access>::default(),
        // Backends that decide about them, or hear of them.
        Box::<notify::Notify>::default(),
        // Commands of the operator, which run with streams.
        Box::<exec::Exec>::default(),
        // Files for players, where no live stream has the name.
        Box::<play::Play>::default(),
        // Streams that travel, once their names are decided, and before anybody gets a frame.
        Box::<relay::Relay>::default(),
        // The facts and headers of a stream, which those below use.
        Box::<codec::CodecFacts>::default(),
        // Limits of publishers, before anybody gets a frame.
        Box::<limits::PublishLimits>::default(),
        // The frames that players begin with.
        Box::<gop_cache::GopCache>::default(),
        // Players, before anything that writes to a disk.
        Box::<live::Live>::default(),
        Box::<shared_object::SharedObjects>::default(),
        Box::<record::Record>::default(),
        Box::<hls::Hls>::default(),
        // Warnings of a stream, from what those above have found out.
        Box::<advice::Advice>::default(),
        // What clients have asked for, after all who may refuse it or change its name.
        Box::<log::Log>::default(),
        // What answers before the files of the same location.
        Box::<metrics::Metrics>::default(),
        Box::<api::Api>::default(),
        Box::<control::Control>::default(),
        Box::<browse::Browse>::default(),
        Box::<page::Page>::default(),
        // The stylesheet of statistics stands in for a file that is missing.
        Box::<stat::Stat>::default(),
        Box::<views::Views>::default(),
        // A live stream goes before a file of its name.
        Box::<flv_live::FlvLive>::default(),
        Box::<http::Http>::default(),
    ]
}
