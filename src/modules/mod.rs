//! The features, one file or folder each.

mod advice;
mod codec;
mod gop_cache;
mod hls;
mod http;
mod limits;
mod live;
mod page;
mod record;
mod shared_object;

use crate::engine::Module;

/// The table of modules. For every request, frame and event they are called in this order.
pub fn table() -> Vec<Box<dyn Module>> {
    vec![
        // Knows what is in a stream; those below use its facts and headers.
        Box::<codec::Codec>::default(),
        // What a publisher may send, before anybody gets it.
        Box::<limits::PublishLimits>::default(),
        // Holds what players begin with.
        Box::<gop_cache::GopCache>::default(),
        // Players, before anything that writes to a disk.
        Box::<live::Live>::default(),
        Box::<shared_object::SharedObjects>::default(),
        Box::<record::Record>::default(),
        Box::<hls::Hls>::default(),
        // What is wrong with a stream, as far as those above have found out.
        Box::<advice::Advice>::default(),
        // Of what answers HTTP, the page before the files.
        Box::<page::Page>::default(),
        Box::<http::Http>::default(),
    ]
}
