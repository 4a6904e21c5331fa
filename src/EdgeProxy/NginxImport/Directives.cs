using System.Collections.Frozen;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>Which directives are known, so that no line is passed over in silence.</summary>
internal sealed class Directives(ImportRemarks remarks)
{
    private static readonly FrozenSet<string> _read = FrozenSet.Create(
        StringComparer.Ordinal,
        "server", "upstream", "map", "server_name", "listen", "location", "if", "return", "root", "alias", "index", "try_files", "autoindex",
        "expires", "add_header", "proxy_pass", "proxy_set_header", "proxy_hide_header", "client_max_body_size", "proxy_connect_timeout",
        "proxy_read_timeout", "allow", "deny", "error_page", "access_log", "gzip", "gzip_types", "gzip_min_length", "ssl_certificate",
        "ssl_certificate_key", "default_type", "internal", "proxy_redirect", "proxy_intercept_errors", "http2", "merge_slashes", "absolute_redirect",
        "proxy_method", "charset", "rewrite", "auth_basic", "auth_basic_user_file", "satisfy", "proxy_cache", "underscores_in_headers",
        "proxy_pass_request_headers", "proxy_pass_request_body", "proxy_pass_header", "set_real_ip_from", "real_ip_header", "real_ip_recursive");

    /// <summary>They change how nginx works, and not what clients and apps see.</summary>
    private static readonly FrozenSet<string> _ofNginx = FrozenSet.Create(
        StringComparer.Ordinal,
        "sendfile", "sendfile_max_chunk", "tcp_nopush", "tcp_nodelay", "aio", "directio", "keepalive_timeout", "keepalive_requests",
        "keepalive_disable", "types_hash_max_size", "types_hash_bucket_size", "server_names_hash_bucket_size", "server_names_hash_max_size",
        "variables_hash_max_size", "variables_hash_bucket_size", "map_hash_bucket_size", "map_hash_max_size", "proxy_headers_hash_max_size",
        "proxy_headers_hash_bucket_size", "server_tokens", "types", "log_format", "log_not_found", "error_log", "proxy_http_version",
        "proxy_buffering", "proxy_request_buffering", "proxy_buffers", "proxy_buffer_size", "proxy_busy_buffers_size", "proxy_max_temp_file_size",
        "proxy_temp_file_write_size", "proxy_temp_path", "client_body_temp_path", "client_body_buffer_size", "client_header_buffer_size",
        "large_client_header_buffers", "client_body_timeout", "client_header_timeout", "send_timeout", "proxy_send_timeout",
        "reset_timedout_connection", "lingering_close", "open_file_cache", "open_file_cache_valid", "open_file_cache_min_uses",
        "open_file_cache_errors", "gzip_vary", "gzip_proxied", "gzip_comp_level", "gzip_buffers", "gzip_http_version", "gzip_disable", "gzip_static",
        "etag", "proxy_next_upstream", "proxy_next_upstream_tries", "proxy_next_upstream_timeout", "proxy_socket_keepalive", "resolver",
        "resolver_timeout", "limit_rate_after", "http2_max_concurrent_streams", "http3", "msie_padding", "port_in_redirect",
        "server_name_in_redirect", "if_modified_since", "proxy_ignore_client_abort", "proxy_cache_bypass", "proxy_no_cache", "max_ranges",
        "uwsgi_temp_path", "scgi_temp_path", "fastcgi_temp_path", "rewrite_log", "uninitialized_variable_warn", "ignore_invalid_headers",
        "client_body_in_file_only", "client_body_in_single_buffer", "http2_push_preload", "log_subrequest", "read_ahead", "output_buffers", "postpone_output");

    private static readonly FrozenDictionary<string, string> _instead = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["limit_req_zone"] = "remove it together with the limit_req",
        ["limit_req_status"] = "RateLimits refuse with 429; remove it together with the limit_req",
        ["limit_req_log_level"] = "remove it together with the limit_req",
        ["limit_conn"] = "requests at work are counted here, and not connections; remove the line, and write the number as Upstream:MaxConcurrentPerClient " +
            "into the settings",
        ["limit_conn_zone"] = "remove it together with the limit_conn",
        ["limit_conn_status"] = "remove it together with the limit_conn",
        ["limit_rate"] = "responses are sent as fast as clients take them; remove it",
        ["uwsgi_pass"] = "slots speak HTTP; let gunicorn serve the app, or uWSGI with --http-socket, and write proxy_pass",
        ["fastcgi_pass"] = "slots speak HTTP; let a server of HTTP serve the app, and write proxy_pass",
        ["sub_filter"] = "responses pass as they are; change the text in the app, and remove the line",
        ["set"] = "variables of one's own are not known; write the value where it is used",
        ["break"] = "let the if have a return, or write a location for its paths",
        ["stub_status"] = "EdgeProxy's metrics are at its own address (Admin:Url, /metrics); remove the location",
        ["brotli"] = "compression is by Compression:Encodings of the settings; remove it",
        ["brotli_types"] = "compression is by Compression of the settings; remove it",
        ["auth_request"] = "no other server is asked who may come; let the app check it",
        ["mirror"] = "requests go to one server only; remove it",
        ["dav_methods"] = "files are only read here; let the app take uploads",
        ["ssl_verify_client"] = "certificates of clients are not asked for; keep nginx for that server, or let the app know its users otherwise",
        ["ssl_client_certificate"] = "certificates of clients are not asked for; remove it",
        ["if"] = "an if is translated within a server or a location; write it there",
        ["error_page"] = "error pages are for the whole server; write it there",
        ["set_real_ip_from"] = "proxies are trusted for all of a server; write it there",
        ["real_ip_header"] = "proxies are trusted for all of a server; write it there",
        ["real_ip_recursive"] = "proxies are trusted for all of a server; write it there",
        ["types"] = "types are for all files; write it outside of the server",
        ["location"] = "a location within a location is not translated; write both into the server",
        ["proxy_cache"] = "EdgeProxy keeps no responses; remove it",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Names each line that is not understood, however deep.</summary>
    /// <param name="http">Of the level of all servers.</param>
    /// <param name="outer">What it is within; null: <paramref name="http"/>.</param>
    public void Check(IReadOnlyList<Directive> http, Directive? outer = null)
    {
        var within = outer?.Name ?? "http";
        foreach (var line in outer?.Block ?? http)
        {
            var isNested = line.Name == "location" && within == "location";
            if (isNested || !(_read.Contains(line.Name) || _ofNginx.Contains(line.Name) || line.Name.StartsWith("ssl_", StringComparison.Ordinal))
                || line.Name is "ssl_verify_client" or "ssl_client_certificate" || (line.Name == "if" && within == "http")
                || (line.Name is "error_page" or "types" or "set_real_ip_from" or "real_ip_header" or "real_ip_recursive" && within == "location"))
            {
                var instead = line.Name == "limit_req" ? LimitAdvice.Of(line, outer, http)
                    : line.Name.StartsWith("proxy_cache_", StringComparison.Ordinal) ? _instead["proxy_cache"]
                    : _instead.GetValueOrDefault(line.Name, "EdgeProxy has nothing like it; remove it if it is not needed");
                remarks.Problem(line.At, $"'{line}' cannot be translated: {instead}");
            }
            else if (Fault(line) is { } fault)
            {
                remarks.Problem(line.At, $"'{line}' cannot be translated: {fault}");
            }
            else if (line is { Name: "charset", Arguments: not ["off"] })
            {
                remarks.NoteOnce(line.At, "charset", "charset is left out: files of text are UTF-8 here in any case; a text of the app that names no " +
                    "character set passes as it is, and Django and Flask name it");
            }

            if (line is { Name: "server" or "location", Block: not null })
            {
                Check(http, line);
            }
        }
    }

    /// <summary>Values that change what is served.</summary>
    private static string? Fault(Directive line) => line.Name switch
    {
        "proxy_redirect" when line.Arguments is not (["off"] or ["default"]) =>
            "the Location of a response passes as the app writes it; let the app know its own URL, and remove the line",
        "proxy_intercept_errors" when line.Arguments is not ["off"] =>
            "errors of the app pass as they are; show the page in the app, and remove the line (error_page is for EdgeProxy's own errors)",
        "merge_slashes" when line.Arguments is not ["on"] => "slashes in a row count as one; remove the line",
        "proxy_method" => "requests keep their method; remove the line",
        "satisfy" when line.Arguments is not ["all"] => "a password and an address are both required here; write a location for either, or deny nobody there",
        "proxy_cache" when line.Arguments is not ["off"] => _instead["proxy_cache"],
        "underscores_in_headers" when line.Arguments is not ["off"] =>
            "fields with an underscore in their name are removed, as an app cannot tell X_A from X-A; let clients write a hyphen, and remove the line",
        "proxy_pass_request_headers" or "proxy_pass_request_body" when line.Arguments is not ["on"] => "requests are forwarded whole; remove the line",
        "proxy_pass_header" when line.Arguments is not ["Server" or "Date"] => "only Server and Date can be let through; remove the line",
        "charset" when line.Arguments is not ([var name] and [not ['$', ..]]) || !(name == "off" || name.Equals("utf-8", StringComparison.OrdinalIgnoreCase)) =>
            "files of text are UTF-8; convert them, and remove the line",
        "server_name_in_redirect" or "http3" when line.Arguments is ["on"] => "remove it",
        "if_modified_since" when line.Arguments is not ["exact"] => "remove it",
        _ => null,
    };
}
