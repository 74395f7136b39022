//! Directives of nginx, nginx-rtmp and nginx-http-flv that no table here has: ignored, refused or planned.
//!
//! A row of the caller's table comes before these, so a feature that arrives needs no
//! change in this file. Ignored is only what changes neither what is served nor who may do what.

use super::directive::Context;

/// The treatment of a directive that no module declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Accepted without effect.
    Ignored,
    /// Accepted without effect, as it is done in another way. The text completes "it is accepted, and ...".
    Differs(&'static str),
    /// On the road map, and an error until then. The text is what to do instead.
    Planned(&'static str),
    /// An error, with the reason.
    Refused(&'static str),
}

/// The advice for a directive that hardly anybody needs.
pub(super) const LEAVE_OUT: &str = "leave it out";

/// The end of the message about a directive that is planned.
pub const MORE: &str = "docs/nginx-rtmp.md has more";

/// Names with one treatment in the same contexts. A name that ends in `*` stands for all that begin so.
struct Group {
    contexts: &'static [Context],
    treatment: Treatment,
    names: &'static [&'static str],
}

const MAIN: &[Context] = &[Context::Main];
const EVENTS: &[Context] = &[Context::Events];
const RTMP: &[Context] = Context::APPLICATIONS;
const HTTP: &[Context] = Context::LOCATIONS;
/// Servers, which have certificates.
const WEB: &[Context] = &[Context::Http, Context::HttpServer];
const TLS: &[Context] = &[Context::Http, Context::HttpServer, Context::Rtmp, Context::RtmpServer];

/// The first group that has a name decides; whole names stand before patterns that cover them.
#[rustfmt::skip]
const GROUPS: &[Group] = &[
    // One process and one loop: nothing to tune.
    Group { contexts: MAIN, treatment: Treatment::Ignored, names: &[
        "worker_cpu_affinity", "worker_priority", "worker_rlimit_nofile", "worker_rlimit_core",
        "worker_shutdown_timeout", "worker_aio_requests", "master_process", "lock_file",
        "thread_pool", "timer_resolution", "pcre_jit", "ssl_engine", "debug_points", "working_directory",
        "load_module", "google_perftools_profiles", "rtmp_auto_push", "rtmp_auto_push_reconnect", "rtmp_socket_dir",
    ] },
    Group { contexts: EVENTS, treatment: Treatment::Ignored, names: &[
        "worker_connections", "worker_aio_requests", "use", "multi_accept", "accept_mutex", "accept_mutex_delay",
        "epoll_events", "debug_connection",
    ] },
    // Buffers, hashes and logs of nginx's own, or never used by the modules themselves.
    Group { contexts: RTMP, treatment: Treatment::Ignored, names: &[
        "stream_buckets", "sync", "hls_muxdelay", "so_keepalive", "connection_pool_size", "tcp_nopush", "tcp_nodelay",
        "send_lowat", "error_log",
    ] },
    Group { contexts: HTTP, treatment: Treatment::Ignored, names: &[
        "sendfile", "sendfile_max_chunk", "tcp_nopush", "tcp_nodelay", "send_lowat", "aio", "aio_write",
        "directio", "directio_alignment", "output_buffers", "postpone_output", "read_ahead", "open_file_cache",
        "open_file_cache_*", "gzip", "gzip_*", "gunzip", "gunzip_*", "brotli", "brotli_*", "zstd", "zstd_*",
        "keepalive_requests", "keepalive_time", "keepalive_disable", "keepalive_min_timeout",
        "lingering_close", "lingering_time", "lingering_timeout", "reset_timedout_connection", "client_body_timeout",
        "client_header_timeout", "client_header_buffer_size", "large_client_header_buffers", "client_max_body_size",
        "client_body_buffer_size", "client_body_temp_path", "client_body_in_file_only",
        "client_body_in_single_buffer", "connection_pool_size", "request_pool_size", "server_tokens",
        "server_names_hash_*", "types_hash_*", "variables_hash_*", "map_hash_*",
        "log_subrequest", "open_log_file_cache", "charset", "charset_types", "override_charset",
        "source_charset", "etag", "if_modified_since", "chunked_transfer_encoding", "absolute_redirect",
        "port_in_redirect", "server_name_in_redirect", "msie_padding", "msie_refresh", "ignore_invalid_headers",
        "underscores_in_headers", "subrequest_output_buffer_size", "resolver", "resolver_timeout",
        "http2_*", "http3", "http3_*", "quic_*", "error_log",
    ] },

    Group { contexts: TLS, treatment: Treatment::Ignored, names: &[
        "ssl_buffer_size", "ssl_object_cache_inheritable", "ssl_certificate_cache", "ssl_certificate_compression",
        "ssl_handshake_timeout",
    ] },
    // TLS as rustls has it.
    Group { contexts: TLS, treatment: Treatment::Differs("keys are exchanged by curves (ECDHE), which need no such file"), names: &["ssl_dhparam"] },
    Group { contexts: TLS, treatment: Treatment::Differs(
        "nothing is stapled: clients that want to know whether a certificate is revoked ask its authority"
    ), names: &["ssl_stapling", "ssl_stapling_*"] },
    Group { contexts: WEB, treatment: Treatment::Differs(
        "nothing is stapled, and the certificates of clients are verified by ssl_client_certificate alone"
    ), names: &["ssl_trusted_certificate"] },
    Group { contexts: TLS, treatment: Treatment::Differs(
        "the keys of tickets are made at the start, and changed every ssl_session_timeout"
    ), names: &["ssl_session_ticket_key"] },
    Group { contexts: WEB, treatment: Treatment::Differs("HTTP/1.1 is spoken, which clients of HTTP/2 speak as well"), names: &["http2"] },

    // The road map: first the rest of nginx-rtmp and nginx-http-flv.
    Group { contexts: RTMP, treatment: Treatment::Differs(
        "names are looked up by the system when they are needed (/etc/resolv.conf)"
    ), names: &["resolver", "resolver_timeout", "notify_no_resolve"] },
    Group { contexts: RTMP, treatment: Treatment::Planned("use hls, which browsers play with hls.js"), names: &[
        "dash", "dash_*",
    ] },
    Group { contexts: RTMP, treatment: Treatment::Planned("use gop_max_frame_count, gop_max_size and gop_max_time"), names: &[
        "gop_cache_count", "gop_max_video_count", "gop_max_audio_count",
    ] },
    Group { contexts: RTMP, treatment: Treatment::Planned("use timeout"), names: &["send_timeout"] },
    Group { contexts: RTMP, treatment: Treatment::Planned(LEAVE_OUT), names: &[
        "server_name", "merge_slashes", "hls_nested_index_filename", "hls_dir_access",
    ] },
    // Then what configurations of those have beside it.
    Group { contexts: HTTP, treatment: Treatment::Planned(LEAVE_OUT), names: &[
        "recursive_error_pages", "disable_symlinks", "max_ranges", "merge_slashes",
    ] },

    // Without these, something else would be served, or to someone else.
    Group { contexts: TLS, treatment: Treatment::Refused(
        "it asks for no password: write the key without one, by \"openssl pkey -in KEY -out NEW\", into a file that only its user may read (mode 0600)"
    ), names: &["ssl_password_file"] },
    Group { contexts: TLS, treatment: Treatment::Refused(
        "it reads no lists of revoked certificates: have an authority of your own for clients, and change it, or check $ssl_client_serial where you decide"
    ), names: &["ssl_crl", "ssl_ocsp", "ssl_ocsp_*"] },
    Group { contexts: &[Context::Location], treatment: Treatment::Refused("locations do not nest; write it beside the outer one"), names: &["location"] },
    Group { contexts: MAIN, treatment: Treatment::Refused(
        "it serves RTMP and HTTP only; leave the block out: RTMPS is \"listen 1936 ssl;\" with ssl_certificate in a server of rtmp"
    ), names: &["stream"] },
    Group { contexts: MAIN, treatment: Treatment::Refused("it serves RTMP and HTTP only; leave the block out"), names: &["mail"] },
    Group { contexts: HTTP, treatment: Treatment::Refused("it forwards no requests; a proxy in front can"), names: &[
        "proxy_*", "fastcgi_*", "uwsgi_*", "scgi_*", "grpc_*", "memcached_*", "upstream", "mirror", "mirror_*",
        "perl", "perl_*", "js_*", "content_by_lua*", "access_by_lua*", "rewrite_by_lua*",
    ] },
    Group { contexts: HTTP, treatment: Treatment::Refused(
        "it asks no other server who may read: use auth_basic; secure_link for links to files; or, for HLS, hls_sessions and on_play in the application"
    ), names: &["auth_request", "auth_request_*", "auth_jwt", "auth_jwt_*"] },
    Group { contexts: HTTP, treatment: Treatment::Refused(
        "it decides by none of that who may read; allow, deny, auth_basic and secure_link do"
    ), names: &["limit_except", "valid_referers"] },
    Group { contexts: HTTP, treatment: Treatment::Differs(
        "an address that has shown too many wrong passwords has to wait"
    ), names: &["auth_delay"] },
    Group { contexts: HTTP, treatment: Treatment::Refused("it counts no requests; max_connections_per_address limits the connections of a client, and limit_rate the rate of a response"), names: &[
        "limit_req", "limit_req_*", "limit_conn", "limit_conn_*",
    ] },
    Group { contexts: HTTP, treatment: Treatment::Refused("a request is answered at the path it asks for; return, try_files and error_page lead elsewhere"), names: &[
        "rewrite_log", "break", "random_index", "post_action", "fancyindex", "fancyindex_*",
    ] },
    Group { contexts: HTTP, treatment: Treatment::Refused("it has no variables of the user's; write the value where it is used"), names: &[
        "set", "map", "geo", "geoip_*", "split_clients", "userid", "userid_*",
    ] },
    Group { contexts: HTTP, treatment: Treatment::Refused("it sends files as they are; leave it out"), names: &[
        "sub_filter", "sub_filter_*", "add_before_body", "add_after_body", "addition_types", "ssi", "ssi_*", "xslt_*",
        "xml_entities", "image_filter", "image_filter_*", "charset_map", "mp4", "mp4_*", "flv", "slice",
        "f4f", "f4f_*", "add_trailer", "empty_gif",
    ] },
    Group { contexts: HTTP, treatment: Treatment::Refused("it takes no files over HTTP; leave it out"), names: &[
        "dav_*", "create_full_put_path", "min_delete_depth",
    ] },
];

/// Planned directives whose value "off" says what is so without them.
const OFF_ANYWAY: &[&str] = &["dash", "dash_nested"];

/// Whether a planned directive asks for nothing.
pub(super) fn is_off_anyway(name: &str, args: &[String]) -> bool {
    OFF_ANYWAY.contains(&name) && matches!(args, [word] if word.eq_ignore_ascii_case("off"))
}

/// The treatment of `name` in a context, if it is known there.
pub(super) fn treatment(name: &str, context: Context) -> Option<Treatment> {
    let group = GROUPS.iter().find(|group| group.contexts.contains(&context) && group.has(name))?;
    Some(group.treatment)
}

/// The contexts in which a name is known, each once.
pub(super) fn contexts(name: &str) -> Vec<Context> {
    let mut contexts = Vec::new();
    for context in GROUPS.iter().filter(|group| group.has(name)).flat_map(|group| group.contexts) {
        if !contexts.contains(context) {
            contexts.push(*context);
        }
    }
    contexts
}

/// The names of all that is planned; one that ends in `*` stands for all that begin so.
pub fn planned() -> impl Iterator<Item = &'static str> {
    let planned = GROUPS.iter().filter(|group| matches!(group.treatment, Treatment::Planned(_)));
    planned.flat_map(|group| group.names).copied()
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
    fn a_name_has_one_treatment_in_a_context() {
        for (at, group) in GROUPS.iter().enumerate() {
            for name in group.names {
                let later = GROUPS.iter().skip(at + 1).filter(|other| other.contexts == group.contexts);
                let twice = later.filter(|other| other.has(name.trim_end_matches('*'))).count();
                let here = group.names.iter().filter(|other| *other == name).count();
                assert_eq!((twice, here), (0, 1), "{name}");
            }
        }
    }

    #[test]
    fn tuning_is_ignored_features_are_planned_and_forwarding_is_refused() {
        for (name, context, expected) in [
            ("sendfile", Context::Location, Some(Treatment::Ignored)),
            ("gzip_types", Context::Http, Some(Treatment::Ignored)),
            ("worker_connections", Context::Events, Some(Treatment::Ignored)),
            ("worker_connections", Context::Main, None),
            ("stream_buckets", Context::Application, Some(Treatment::Ignored)),
            ("rtmp_auto_push", Context::Main, Some(Treatment::Ignored)),
            ("dash", Context::Location, None),
            (
                "proxy_pass",
                Context::Location,
                Some(Treatment::Refused("it forwards no requests; a proxy in front can")),
            ),
            ("nonsense", Context::Main, None),
            ("sendfile", Context::Events, None),
        ] {
            assert_eq!(treatment(name, context), expected, "{name} {context}");
        }
    }

    #[test]
    fn all_that_is_planned_is_named() {
        for name in ["dash", "dash_*", "send_timeout"] {
            assert!(planned().any(|planned| planned == name), "{name}");
        }
        assert!(planned().all(|name| !["sendfile", "access_log", "proxy_*"].contains(&name)));
    }

    #[test]
    fn a_planned_directive_that_is_off_asks_for_nothing() {
        let off = ["off".to_owned()];
        assert!(is_off_anyway("dash", &off) && is_off_anyway("dash_nested", &off));
        assert!(!is_off_anyway("dash", &["on".to_owned()]) && !is_off_anyway("send_timeout", &off));
        let is_planned = |name: &&str| GROUPS.iter().any(|group| group.has(name));
        assert!(OFF_ANYWAY.iter().all(is_planned));
    }

    #[test]
    fn suggestions_are_whole_names() {
        assert!(names().any(|name| name == "gzip"));
        assert!(names().all(|name| !name.contains('*')));
        assert_eq!(contexts("use"), [Context::Events]);
        assert_eq!(contexts("worker_aio_requests"), [Context::Main, Context::Events]);
    }
}
