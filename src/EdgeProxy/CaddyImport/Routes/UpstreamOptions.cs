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

    private static readonly TimeSpan _tryInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _longestTries = TimeSpan.FromMinutes(5);

    private readonly JsonObject _health = [];
    private string? _policy;
    private TimeSpan _tryDuration;
    private int _retries;
    private SourceLine? _triesAt;

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
            case ("max_fails", [var text]) when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most > 0:
                _health["MaxFails"] = most;
                break;
            case ("lb_try_duration", [var text]) when CaddyValue.TryDuration(text, out var duration):
                (_tryDuration, _triesAt) = (duration, option.At);
                break;
            case ("lb_retries", [var text]) when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var retries):
                (_retries, _triesAt) = (retries, option.At);
                break;
            case ("lb_try_interval" or "lb_retry_match" or "health_passes" or "health_fails", _):
                remarks.Note(option.At, $"{option.Name.Text} is left out: a request is tried on each server, and every 250 ms on all of them again");
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
    /// <param name="isClearText">None is reached by TLS.</param>
    /// <param name="isUnnamed">TLS to an upstream whose name is not that of the request.</param>
    public JsonObject ToJson(int count, bool isClearText, bool isUnnamed)
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

        if (TryDuration(count, isClearText) is { } tries && tries > TimeSpan.Zero)
        {
            json["TryDuration"] = Text(tries < _longestTries ? tries : _longestTries);
        }

        if (!_health.ContainsKey("FailDuration"))
        {
            _health.Remove("MaxFails"); // of no time
        }

        if (_health.ContainsKey("Path") || _health.ContainsKey("FailDuration"))
        {
            json["UpstreamHealth"] = _health;
        }

        return json;
    }

    /// <summary>What <c>lb_try_duration</c> and <c>lb_retries</c> come to.</summary>
    private TimeSpan TryDuration(int count, bool isClearText)
    {
        // A round of Caddy's tries takes 250 ms, and without a duration so many are made.
        var duration = _tryDuration > TimeSpan.Zero ? _tryDuration : _retries * _tryInterval;
        if (duration == TimeSpan.Zero)
        {
            return duration;
        }

        if (!isClearText)
        {
            remarks.Note(_triesAt!.Value, "is left out: a request is tried again where all upstreams are http://, others are 502 at once");
            return TimeSpan.Zero;
        }

        if (count > 1 && _policy == "First" && !_health.ContainsKey("Path") && !_health.ContainsKey("FailDuration"))
        {
            remarks.Note(_triesAt!.Value,
                "is left out: without fail_duration lb_policy first tries the first upstream again and again, and never the others; write " +
                    "'fail_duration 10s' beside it");
            return TimeSpan.Zero;
        }

        return duration;
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
