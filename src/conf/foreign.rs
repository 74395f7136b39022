//! What nginx, nginx-rtmp and nginx-http-flv know and the tables here do not: to ignore, to refuse, to build.
//!
//! A row of the caller's table wins over everything said here, so a feature that arrives needs no
//! change in this file. Ignored is only what changes neither what is served nor who may do what.

use super::Context;

/// What becomes of a directive that no module declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Accepted without effect.
    Ignored,
    /// On the road map; an error until then.
    Planned,
    /// An error for good, and why.
    Refused(&'static str),
}

/// Names of one fate and one home. A name that ends in `*` stands for all that begin so.
struct Group {
    homes: &'static [Context],
    fate: Fate,
    names: &'static [&'static str],
}

const MAIN: &[Context] = &[Context::Main];
const EVENTS: &[Context] = &[Context::Events];
const RTMP: &[Context] = &[Context::Rtmp, Context::RtmpServer, Context::Application];
const HTTP: &[Context] = &[Context::Http, Context::HttpServer, Context::Location];

/// The first group that has a name decides; whole names stand before patterns that cover them.
#[rustfmt::skip]
const GROUPS: &[Group] = &[
    // One process and one loop: nothing to tune.
    Group { homes: MAIN, fate: Fate::Ignored, names: &[
        "worker_cpu_affinity", "worker_priority", "worker_rlimit_nofile", "worker_rlimit_core",
        "worker_shutdown_timeout", "worker_aio_requests", "master_process", "lock_file",
        "thread_pool", "timer_resolution", "pcre_jit", "ssl_engine", "debug_points", "working_directory", "env",
        "load_module", "google_perftools_profiles", "rtmp_auto_push", "rtmp_auto_push_reconnect", "rtmp_socket_dir",
    ] },
    Group { homes: EVENTS, fate: Fate::Ignored, names: &[
        "worker_connections", "worker_aio_requests", "use", "multi_accept", "accept_mutex", "accept_mutex_delay",
        "epoll_events", "debug_connection",
    ] },
    // Buffers, hashes and logs of nginx's own, or never used by the modules themselves.
    Group { homes: RTMP, fate: Fate::Ignored, names: &[
        "stream_buckets", "sync", "buflen", "hls_muxdelay", "so_keepalive", "connection_pool_size", "tcp_nopush", "tcp_nodelay",
        "send_lowat", "error_log", "access_log", "log_format", "log_interval", "log_size",
    ] },
    Group { homes: HTTP, fate: Fate::Ignored, names: &[
        "sendfile", "sendfile_max_chunk", "tcp_nopush", "tcp_nodelay", "send_lowat", "aio", "aio_write",
        "directio", "directio_alignment", "output_buffers", "postpone_output", "read_ahead", "open_file_cache",
        "open_file_cache_*", "gzip", "gzip_*", "gunzip", "gunzip_*", "brotli", "brotli_*", "zstd", "zstd_*",
        "keepalive_requests", "keepalive_time", "keepalive_disable", "keepalive_min_timeout",
        "lingering_close", "lingering_time", "lingering_timeout", "reset_timedout_connection", "client_body_timeout",
        "client_header_timeout", "client_header_buffer_size", "large_client_header_buffers", "client_max_body_size",
        "client_body_buffer_size", "client_body_temp_path", "client_body_in_file_only",
        "client_body_in_single_buffer", "connection_pool_size", "request_pool_size", "server_tokens",
        "server_names_hash_*", "types_hash_*", "variables_hash_*", "map_hash_*",
        "log_not_found", "log_subrequest", "open_log_file_cache", "charset", "charset_types", "override_charset",
        "source_charset", "etag", "if_modified_since", "chunked_transfer_encoding", "absolute_redirect",
        "port_in_redirect", "server_name_in_redirect", "msie_padding", "msie_refresh", "ignore_invalid_headers",
        "underscores_in_headers", "subrequest_output_buffer_size", "resolver", "resolver_timeout", "http2",
        "http2_*", "http3", "http3_*", "quic_*", "error_log",
    ] },

    // The road map: first the rest of nginx-rtmp and nginx-http-flv.
    Group { homes: RTMP, fate: Fate::Planned, names: &[
        "server_name", "send_timeout",
        "merge_slashes", "resolver", "resolver_timeout",
        "gop_cache_count", "gop_max_video_count", "gop_max_audio_count",
        "allow", "deny",
        "push", "pull", "relay_buffer", "push_reconnect", "pull_reconnect", "session_relay",
        "play", "play_temp_path", "play_local_path",
        "netcall_timeout", "netcall_buffer", "on_connect", "on_disconnect", "on_publish", "on_publish_done",
        "on_play", "on_play_done", "on_done", "on_record_done", "on_update", "notify_method",
        "notify_update_timeout", "notify_update_strict", "notify_relay_redirect", "notify_no_resolve",
        "exec", "exec_push", "exec_pull", "exec_static", "exec_publish", "exec_publish_done", "exec_play",
        "exec_play_done", "exec_record_done", "exec_kill_signal", "exec_options", "respawn", "respawn_timeout",
        "hls_nested_index_filename", "hls_dir_access",
        "dash", "dash_path", "dash_fragment", "dash_playlist_length", "dash_cleanup", "dash_nested",
    ] },
    Group { homes: &[Context::Recorder], fate: Fate::Planned, names: &["on_record_done", "exec_record_done"] },
    // Then what configurations of those have beside it.
    Group { homes: HTTP, fate: Fate::Planned, names: &[
        "rtmp_stat", "rtmp_stat_stylesheet", "rtmp_stat_format", "rtmp_control", "flv_live", "recursive_error_pages", "stub_status", "disable_symlinks", "max_ranges", "merge_slashes", "ssl", "ssl_*",
    ] },

    // Without these, something else would be served, or to someone else.
    Group { homes: MAIN, fate: Fate::Refused("it serves RTMP and HTTP only"), names: &["stream", "mail"] },
    Group { homes: HTTP, fate: Fate::Refused("it forwards no requests"), names: &[
        "proxy_*", "fastcgi_*", "uwsgi_*", "scgi_*", "grpc_*", "memcached_*", "upstream", "mirror", "mirror_*",
        "perl", "perl_*", "js_*", "content_by_lua*", "access_by_lua*", "rewrite_by_lua*",
    ] },
    Group { homes: HTTP, fate: Fate::Refused("it asks nobody who may read"), names: &[
        "auth_basic", "auth_basic_*", "auth_request", "auth_request_*", "auth_jwt", "auth_jwt_*", "satisfy",
        "limit_except", "valid_referers", "secure_link", "secure_link_*",
    ] },
    Group { homes: HTTP, fate: Fate::Refused("it does not throttle requests"), names: &[
        "limit_req", "limit_req_*", "limit_conn", "limit_conn_*", "limit_rate", "limit_rate_after",
    ] },
    Group { homes: HTTP, fate: Fate::Refused("a request is answered at the path it asks for"), names: &[
        "rewrite", "rewrite_log", "break", "random_index", "post_action",
    ] },
    Group { homes: HTTP, fate: Fate::Refused("it has no variables of the user's"), names: &[
        "set", "map", "geo", "geoip_*", "split_clients", "userid", "userid_*", "set_real_ip_from", "real_ip_*",
    ] },
    Group { homes: HTTP, fate: Fate::Refused("it sends files as they are"), names: &[
        "sub_filter", "sub_filter_*", "add_before_body", "add_after_body", "addition_types", "ssi", "ssi_*", "xslt_*",
        "xml_entities", "image_filter", "image_filter_*", "charset_map", "mp4", "mp4_*", "flv", "slice",
        "f4f", "f4f_*", "add_trailer", "empty_gif",
    ] },
    Group { homes: HTTP, fate: Fate::Refused("it takes no files over HTTP"), names: &[
        "dav_*", "create_full_put_path", "min_delete_depth",
    ] },
];

/// What becomes of `name` in a context, if anything is known of it there.
pub(super) fn fate(name: &str, context: Context) -> Option<Fate> {
    let group = GROUPS.iter().find(|group| group.homes.contains(&context) && group.has(name))?;
    Some(group.fate)
}

/// The contexts in which a name is known, each once.
pub(super) fn homes(name: &str) -> Vec<Context> {
    let mut homes = Vec::new();
    for context in GROUPS.iter().filter(|group| group.has(name)).flat_map(|group| group.homes) {
        if !homes.contains(context) {
            homes.push(*context);
        }
    }
    homes
}

/// Every whole name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.names).copied().filter(|name| !name.ends_with('*'))
}

impl Group {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *known == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_fate_in_a_context() {
        for (at, group) in GROUPS.iter().enumerate() {
            for name in group.names {
                let later = GROUPS.iter().skip(at + 1).filter(|other| other.homes == group.homes);
                let twice = later.filter(|other| other.has(name.trim_end_matches('*'))).count();
                let here = group.names.iter().filter(|other| *other == name).count();
                assert_eq!((twice, here), (0, 1), "{name}");
            }
        }
    }

    #[test]
    fn tuning_is_ignored_features_are_planned_and_forwarding_is_refused() {
        for (name, context, expected) in [
            ("sendfile", Context::Location, Some(Fate::Ignored)),
            ("gzip_types", Context::Http, Some(Fate::Ignored)),
            ("worker_connections", Context::Events, Some(Fate::Ignored)),
            ("worker_connections", Context::Main, None),
            ("stream_buckets", Context::Application, Some(Fate::Ignored)),
            ("rtmp_auto_push", Context::Main, Some(Fate::Ignored)),
            ("push", Context::Application, Some(Fate::Planned)),
            ("push", Context::Location, None),
            ("stub_status", Context::Location, Some(Fate::Planned)),
            ("ssl_certificate_key", Context::HttpServer, Some(Fate::Planned)),
            ("proxy_pass", Context::Location, Some(Fate::Refused("it forwards no requests"))),
            ("nonsense", Context::Main, None),
            ("sendfile", Context::Events, None),
        ] {
            assert_eq!(fate(name, context), expected, "{name} {context}");
        }
    }

    #[test]
    fn suggestions_are_whole_names() {
        assert!(names().any(|name| name == "gzip"));
        assert!(names().all(|name| !name.contains('*')));
        assert_eq!(homes("use"), [Context::Events]);
        assert_eq!(homes("worker_aio_requests"), [Context::Main, Context::Events]);
    }
}
