using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>What stands in the block of a <c>reverse_proxy</c>.</summary>
internal sealed partial class ReverseProxyOptions(ImportRemarks remarks, SettingsDraft draft)
{
    public static IReadOnlyList<string> PrivateRanges { get; } = ["192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8", "127.0.0.1/8", "fd00::/8", "::1"];

    private readonly RequestHeaderReader _headers = new(remarks);

    public void Read(Statement option)
    {
        switch (option.Name.Text)
        {
            case "health_uri" or "health_path" or "health_interval" or "health_timeout" or "health_status" or "health_body" or "health_headers":
                ReadHealth(option);
                break;
            case "lb_try_duration":
                SetDuration(option, "EdgeProxy:Upstream:HoldTimeout");
                break;
            case "lb_policy" or "lb_try_interval" or "lb_retries" or "lb_retry_match":
                break; // a choice among one; waiting for it is HoldTimeout
            case "health_passes" or "health_fails" or "health_follow_redirects" or "fail_duration" or "max_fails" or "unhealthy_status"
                or "unhealthy_latency" or "unhealthy_request_count":
                remarks.Note(
                    option.At,
                    $"{option.Name.Text} is left out: Caddy takes an upstream out of service, EdgeProxy holds requests while the only one refuses them");
                break;
            case "flush_interval" or "stream_timeout" or "stream_close_delay" or "stream_buffer_size" or "verbose_logs":
                break; // everything is flushed at once; streams have deadlines of their own
            case "buffer_requests" or "buffer_responses" or "max_buffer_size" or "request_buffers" or "response_buffers":
                remarks.Note(
                    option.At,
                    $"{option.Name.Text} is left out: EdgeProxy buffers request bodies within its own limits (Upstream:Buffering) and streams responses as " +
                        "they come");
                break;
            case "trusted_proxies":
                AppendTrusted(option.Arguments);
                break;
            case "header_up":
                _headers.Read(option);
                break;
            case "transport":
                ReadTransport(option);
                break;
            default:
                remarks.Problem(
                    option.At,
                    $"'{option}' of reverse_proxy cannot be translated: EdgeProxy sends requests and responses through as they are; let the app do it");
                break;
        }
    }

    /// <summary>Addresses and networks, <c>private_ranges</c> for those of private networks.</summary>
    public void AppendTrusted(IEnumerable<Token> ranges)
    {
        foreach (var range in ranges)
        {
            foreach (var network in range.Text == "private_ranges" ? PrivateRanges : [range.Text])
            {
                draft.Append("EdgeProxy:TrustedProxies", network, range.At);
            }
        }
    }

    private void ReadHealth(Statement option)
    {
        switch (option.Name.Text, option.Words.ToArray())
        {
            case ("health_uri" or "health_path", [['/', ..] path]):
                draft.Set("EdgeProxy:Health:Path", JsonValue.Create(path), option.At);
                break;
            case ("health_interval", [_]):
                SetDuration(option, "EdgeProxy:Health:MonitorInterval");
                break;
            case ("health_timeout", [_]):
                SetDuration(option, "EdgeProxy:Health:Timeout");
                break;
            case ("health_status", [var status]) when StatusText().IsMatch(status):
                draft.Set("EdgeProxy:Health:ExpectedStatus", JsonValue.Create(status is [var digit, 'x', 'x'] ? $"{digit}00-{digit}99" : status), option.At);
                break;
            case ("health_body", [var body]) when Regex.Escape(body) == body:
                draft.Set("EdgeProxy:Health:ExpectedBody", JsonValue.Create(body), option.At);
                break;
            case ("health_headers", _) when option.Block is [{ Name.Text: var name, Arguments: [var host] }]
                && name.Equals("Host", StringComparison.OrdinalIgnoreCase):
                draft.Set("EdgeProxy:Health:Host", JsonValue.Create(host.Text), option.At);
                break;
            default:
                remarks.Problem(
                    option.At,
                    $"'{option}' cannot be translated; EdgeProxy's probe has a path, a status such as 2xx, a text that the body must contain, and a Host: " +
                        "set EdgeProxy:Health by hand and remove the line");
                break;
        }
    }

    private void ReadTransport(Statement transport)
    {
        if (transport.Arguments is not [{ Text: "http" }])
        {
            remarks.Problem(transport.At, $"'{transport}' cannot be translated: slots speak plain HTTP/1.1");
            return;
        }

        foreach (var option in transport.Block ?? [])
        {
            switch (option.Name.Text)
            {
                case "dial_timeout":
                    SetDuration(option, "EdgeProxy:Upstream:ConnectTimeout");
                    break;
                case "read_timeout" or "response_header_timeout" when option.Arguments is [{ Text: "0" or "0s" }]:
                    break; // no limit, as without the line
                case "read_timeout" or "response_header_timeout":
                    SetDuration(option, "EdgeProxy:Upstream:ActivityTimeout");
                    break;
                case "keepalive" when option.Arguments is not [{ Text: "off" }]:
                    SetDuration(option, "EdgeProxy:Upstream:IdleConnectionTimeout");
                    break;
                case "keepalive" or "keepalive_interval" or "keepalive_idle_conns" or "keepalive_idle_conns_per_host" or "max_conns_per_host"
                    or "read_buffer" or "write_buffer"
                    or "write_timeout" or "max_response_header" or "compression" or "dial_fallback_delay" or "expect_continue_timeout":
                    remarks.Note(option.At, $"{option.Name.Text} is left out: EdgeProxy manages its connections to the app by itself");
                    break;
                case "versions" when option.Words.All(version => version is "1.1" or "2"):
                    break;
                default:
                    remarks.Problem(option.At, $"'{option}' cannot be translated: slots speak plain HTTP/1.1");
                    break;
            }
        }
    }

    private void SetDuration(Statement option, string key)
    {
        if (option.Arguments is [var text] && CaddyValue.TryDuration(text.Text, out var duration))
        {
            draft.Set(key, duration, option.At);
        }
        else
        {
            remarks.Problem(option.At, $"'{option}' must be a duration such as 30s");
        }
    }

    [GeneratedRegex(@"^[1-5](xx|\d\d)$")]
    private static partial Regex StatusText();
}
