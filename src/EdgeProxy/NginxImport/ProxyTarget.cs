using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;
using EdgeProxy.Slots;

namespace EdgeProxy.NginxImport;

/// <summary>Where a <c>proxy_pass</c> sends requests.</summary>
/// <param name="Servers">In the form of the settings: <c>http://HOST:PORT</c>, or <c>unix:/run/app.sock</c>.</param>
/// <param name="Host">What nginx sends as <c>Host</c> unless it is told otherwise.</param>
/// <param name="Uri">What stands in place of the location's prefix; null: the client's own target goes on.</param>
/// <param name="Policy">Of several servers, as <c>LoadBalancing</c> has it.</param>
internal sealed record ProxyTarget(IReadOnlyList<string> Servers, string Host, string? Uri, string Policy)
{
    /// <summary>What the client has sent: no rewrite is seen in it.</summary>
    public const string RequestUri = "$request_uri";

    /// <returns>Null: a problem has said why.</returns>
    public static ProxyTarget? Read(Directive pass, IReadOnlyList<Directive> http, ImportRemarks remarks)
    {
        var url = pass.Arguments is [var written] ? written : "";
        if (url.EndsWith(RequestUri, StringComparison.Ordinal) && url.Count('/') == 2)
        {
            url = url[..^RequestUri.Length]; // what goes on without a URI
        }

        if (url.Length == 0 || Variables.AreIn(url)
            || !(url.StartsWith("http://", StringComparison.Ordinal) || url.StartsWith("https://", StringComparison.Ordinal)))
        {
            remarks.Problem(
                pass.At, $"'{pass}' cannot be translated: write http:// with a host and a port, a socket or the name of an upstream, without variables");
            return null;
        }

        var scheme = url[..url.IndexOf("://", StringComparison.Ordinal)];
        var rest = url[(scheme.Length + "://".Length)..];
        if (rest.StartsWith("unix:", StringComparison.Ordinal))
        {
            var (socket, own) = rest["unix:".Length..].Split(':', 2) is [var path, var after] ? (path, after) : (rest["unix:".Length..], null);
            return new([$"unix:{socket}"], "localhost", own, "RoundRobin");
        }

        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (authority, uri) = slash < 0 ? (rest, null) : (rest[..slash], rest[slash..]);
        if (http.FirstOrDefault(directive => directive.Name == "upstream" && directive.Arguments is [var name] && name == authority) is { } upstream)
        {
            return OfUpstream(upstream, scheme, authority, uri, remarks);
        }

        return new([AddressOf(scheme, authority)], authority.EndsWith(scheme == "http" ? ":80" : ":443", StringComparison.Ordinal)
            ? authority[..authority.LastIndexOf(':')] : authority, uri, "RoundRobin");
    }

    private static ProxyTarget? OfUpstream(Directive upstream, string scheme, string name, string? uri, ImportRemarks remarks)
    {
        var (servers, spare, policy) = (new List<string>(), new List<string>(), "RoundRobin");
        var before = remarks.ProblemCount;
        foreach (var line in upstream.Block ?? [])
        {
            switch (line.Name)
            {
                case "server" when line.Arguments is [_, .. var rest] && rest.Contains("down"):
                    break; // gets no request
                case "server" when line.Arguments is [var address, .. var rest] && !rest.Any(IsForeign):
                    (rest.Contains("backup") ? spare : servers).Add(
                        address.StartsWith("unix:", StringComparison.Ordinal) ? address : AddressOf(scheme, address));
                    break;
                case "least_conn":
                    policy = "LeastRequests";
                    break;
                case "random" when line.Arguments.Length == 0:
                    policy = "Random";
                    break;
                case "keepalive" or "keepalive_timeout" or "keepalive_requests" or "keepalive_time" or "zone":
                    break; // EdgeProxy keeps its connections anyway
                case "ip_hash" or "hash" or "sticky":
                    remarks.Problem(line.At, $"'{line}' of upstream {name} cannot be translated: no client is kept at one of several servers; let them share " +
                        "their sessions, and remove the line");
                    break;
                default:
                    remarks.Problem(line.At, $"'{line}' of upstream {name} cannot be translated: servers have an address here, and are alike; remove what " +
                        "says otherwise");
                    break;
            }
        }

        if (servers.Count == 1 && spare.Count == 1)
        {
            policy = "First"; // the second is asked where the first is not reached
        }
        else if (spare.Count > 0)
        {
            remarks.Problem(upstream.At, $"upstream {name} cannot be translated: a backup is that of one server here; name one server and one backup, or let " +
                "all servers be alike");
        }

        servers.AddRange(spare);

        if (!(upstream.Block ?? []).Any(line => line is { Name: "server", Arguments: [_, .. var rest] } && !rest.Contains("down")))
        {
            remarks.Problem(upstream.At, $"upstream {name} has no server; write one");
        }

        return remarks.ProblemCount > before ? null : new(servers, name, uri, policy);

        static bool IsForeign(string parameter) => !parameter.StartsWith("fail_timeout=", StringComparison.Ordinal)
            && !parameter.StartsWith("max_fails=", StringComparison.Ordinal) && parameter is not ("weight=1" or "backup");
    }

    /// <summary>Of one server, as a slot has it; null: no slot can be there.</summary>
    public string? Slot => Servers is [var only] && SlotAddress.TryParse(only, out _) ? only : null;

    private static string AddressOf(string scheme, string authority)
    {
        var hasPort = authority.LastIndexOf(':') is >= 0 and var colon && !authority[colon..].Contains(']', StringComparison.Ordinal);
        return $"{scheme}://{authority}{(hasPort ? "" : scheme == "http" ? ":80" : ":443")}";
    }
}
