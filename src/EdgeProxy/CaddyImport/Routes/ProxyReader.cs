using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary><c>reverse_proxy</c>: to the app with its slots, or to other servers.</summary>
/// <param name="app">The app's address, as a slot has it; null: it is not known, as a problem has said.</param>
/// <param name="behaviour">Of the app.</param>
internal sealed class ProxyReader(string? app, ImportRemarks remarks, SettingsDraft behaviour)
{
    /// <summary>What the app is called where there are no others.</summary>
    private const string AppName = "app";

    private readonly FieldChangeReader _fields = new(remarks);
    private readonly ReverseProxyOptions _ofApp = new(remarks, behaviour);

    /// <summary>A line that sends to the app.</summary>
    public SourceLine? AppLine { get; private set; }

    public RouteEnd? Read(Statement directive, Token[] arguments)
    {
        var upstreams = UpstreamNames.Of(directive, arguments);
        if (upstreams.Count == 0)
        {
            remarks.Problem(directive.At, "reverse_proxy names no upstream; write 'reverse_proxy 127.0.0.1:8000', the app's address");
            return null;
        }

        var isApp = upstreams is [var only] && ReverseProxyReader.AddressOf(only.Text) is { } address && app is not null && SlotChoice.IsSame(address, app);
        if (isApp)
        {
            AppLine ??= directive.At;
        }

        var addresses = isApp ? [] : upstreams.Select(Address).ToList();
        var others = new UpstreamOptions(remarks, directive);
        var (up, down) = (new List<FieldChange>(), new List<FieldChange>());
        foreach (var option in directive.Block ?? [])
        {
            switch (option.Name.Text)
            {
                case "to":
                    break;
                case "header_up":
                    ReadField(option, up, upstreams);
                    break;
                case "header_down":
                    ReadField(option, down, upstreams);
                    break;
                default:
                    if (isApp)
                    {
                        _ofApp.Read(option);
                    }
                    else
                    {
                        others.Read(option);
                    }

                    break;
            }
        }

        if (down.Count > 0)
        {
            remarks.NoteOnce(directive.At, "header_down", "what header_down changes is changed in EdgeProxy's error responses for these requests, too");
        }

        return addresses.Contains(null) ? null : new RouteEnd(
            isApp ? "App" : "Upstreams",
            isApp ? JsonValue.Create(AppName) : Condition.ListOf([.. addresses.OfType<string>()]))
        {
            Beside = isApp ? [] : others.ToJson(addresses.Count, !addresses.Exists(IsSecure), addresses.Exists(IsSecure)
                && !up.Exists(change => change.Field.Equals("Host", StringComparison.OrdinalIgnoreCase))),
            RequestFields = up,
            ResponseFields = down,
        };
    }

    private static bool IsSecure(string? address) => address!.StartsWith("https:", StringComparison.Ordinal);

    private string? Address(Token upstream)
    {
        if (UpstreamNames.AddressOf(upstream.Text) is not { } address)
        {
            remarks.Problem(upstream.At, $"the upstream {upstream.Text} cannot be translated: beside the app's, an upstream is HOST:PORT, http:// or https://");
            return null;
        }

        if (UpstreamNames.IsOfContainers(address))
        {
            var host = new Uri(address);
            remarks.Problem(
                upstream.At,
                $"the upstream {upstream.Text} is a container, whose name is known to the containers' network alone; publish its port on this machine " +
                    $"(ports: \"127.0.0.1:{host.Port}:{host.Port}\") and write 127.0.0.1:{host.Port}");
            return null;
        }

        return address;
    }

    private void ReadField(Statement option, List<FieldChange> changes, List<Token> upstreams)
    {
        var isUp = option.Name.Text == "header_up";
        if (option.Arguments is not [var name, .. var values])
        {
            remarks.Problem(option.At, $"{option.Name.Text} names no field");
        }
        else if (!isUp || !RequestHeaders.IsDone(option))
        {
            // What the upstream is called is known here where it is one.
            var known = isUp && upstreams is [var only] && UpstreamNames.AddressOf(only.Text) is { } address ? new Uri(address) : null;
            var filled = values.Select(value => value with { Text = known is null ? value.Text : FillUpstream(value.Text, known) }).ToArray();
            if (_fields.ReadLine(new Statement(name, filled, Block: null), isOfUpstream: !isUp) is { } change)
            {
                changes.Add(change);
            }
        }
    }

    private static string FillUpstream(string text, Uri upstream) => text
        .Replace("{http.reverse_proxy.upstream.hostport}", "{upstream_hostport}", StringComparison.Ordinal)
        .Replace("{upstream_hostport}", $"{upstream.Host}:{upstream.Port}", StringComparison.Ordinal)
        .Replace("{http.reverse_proxy.upstream.host}", upstream.Host, StringComparison.Ordinal);
}
