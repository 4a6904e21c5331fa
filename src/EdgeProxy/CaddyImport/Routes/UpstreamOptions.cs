using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What stands in the block of a <c>reverse_proxy</c> to servers that are not the app.</summary>
internal sealed class UpstreamOptions(ImportRemarks remarks, Statement directive)
{
    private static readonly Dictionary<string, string> _policies = new(StringComparer.Ordinal)
    {
        ["random"] = "Random",
        ["round_robin"] = "RoundRobin",
        ["least_conn"] = "LeastRequests",
        ["random_choose"] = "PowerOfTwoChoices",
        ["first"] = "First",
    };

    private readonly JsonObject _health = [];
    private string? _policy;

    public void Read(Statement option)
    {
        switch (option.Name.Text, option.Words.ToArray())
        {
            case ("lb_policy", [var policy, .. [] or ["2"]]) when _policies.TryGetValue(policy, out var known):
                _policy = known;
                break;
            case ("health_uri" or "health_path", [['/', ..] path]):
                _health["Path"] = path;
                break;
            case ("health_interval", [var text]) when CaddyValue.TryDuration(text, out var interval):
                _health["Interval"] = Text(interval);
                break;
            case ("health_timeout", [var text]) when CaddyValue.TryDuration(text, out var timeout):
                _health["Timeout"] = Text(timeout);
                break;
            case ("fail_duration", [var text]) when CaddyValue.TryDuration(text, out var duration):
                if (duration > TimeSpan.Zero)
                {
                    _health["FailDuration"] = Text(duration);
                }

                break;
            case ("lb_try_duration" or "lb_try_interval" or "lb_retries" or "lb_retry_match" or "max_fails" or "health_passes" or "health_fails", _):
                remarks.Note(option.At,
                    $"{option.Name.Text} is left out: only the app's requests wait for it, another server that cannot be reached is 502 at once");
                break;
            case ("flush_interval" or "stream_timeout" or "stream_close_delay" or "stream_buffer_size" or "verbose_logs", _):
                break; // everything is flushed at once
            case ("buffer_requests" or "buffer_responses" or "max_buffer_size" or "request_buffers" or "response_buffers", _):
                remarks.Note(option.At, $"{option.Name.Text} is left out: requests and responses of other servers are streamed");
                break;
            case ("trusted_proxies", _):
                remarks.Problem(option.At,
                    "trusted_proxies is for the whole server here; write it in the global options: servers { trusted_proxies static 10.0.0.0/8 }");
                break;
            case ("transport", ["http"]):
                ReadTransport(option);
                break;
            default:
                remarks.Problem(option.At, $"'{option}' of reverse_proxy cannot be translated for a server that is not the app; remove it if it is not needed");
                break;
        }
    }

    /// <summary>The keys of the route.</summary>
    /// <param name="count">How many upstreams there are.</param>
    /// <param name="isUnnamed">TLS to an upstream whose name is not that of the request.</param>
    public JsonObject ToJson(int count, bool isUnnamed)
    {
        if (isUnnamed)
        {
            remarks.Problem(
                directive.At,
                "https to an upstream is made with the name that the request is for, for which it has no certificate; add 'header_up Host " +
                    "{upstream_hostport}'");
        }

        var json = new JsonObject();
        if (count > 1 && _policy is not null)
        {
            json["LoadBalancing"] = _policy;
        }

        if (_health.ContainsKey("Path") || (count > 1 && _health.ContainsKey("FailDuration")))
        {
            json["UpstreamHealth"] = _health;
        }

        return json;
    }

    private void ReadTransport(Statement transport)
    {
        foreach (var option in transport.Block ?? [])
        {
            switch (option.Name.Text)
            {
                case "dial_timeout" or "read_timeout" or "write_timeout" or "response_header_timeout" or "keepalive" or "keepalive_interval"
                    or "keepalive_idle_conns"
                    or "keepalive_idle_conns_per_host" or "max_conns_per_host" or "read_buffer" or "write_buffer" or "max_response_header" or "compression"
                    or "dial_fallback_delay" or "expect_continue_timeout":
                    remarks.Note(option.At, $"{option.Name.Text} is left out for servers that are not the app; a cluster of ReverseProxy:Clusters can have it");
                    break;
                case "versions" when option.Words.All(version => version is "1.1" or "2"):
                    break;
                default:
                    remarks.Problem(option.At,
                        $"'{option}' cannot be translated for a server that is not the app: it speaks HTTP/1.1, or https that can be verified");
                    break;
            }
        }
    }

    private static string Text(TimeSpan duration) => duration.ToString("c", CultureInfo.InvariantCulture);
}
