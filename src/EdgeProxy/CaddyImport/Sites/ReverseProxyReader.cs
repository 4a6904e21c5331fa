using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Slots;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>reverse_proxy</c> with one upstream: the app.</summary>
internal sealed class ReverseProxyReader(ImportRemarks remarks, SettingsDraft draft)
{
    private readonly ReverseProxyOptions _options = new(remarks, draft);

    public ProxyStep Read(Statement directive, PathMatcher matcher, Token[] arguments)
    {
        var upstreams = arguments.ToList();
        foreach (var option in directive.Block ?? [])
        {
            if (option.Name.Text == "to")
            {
                upstreams.AddRange(option.Arguments);
            }
            else
            {
                _options.Read(option);
            }
        }

        return new ProxyStep(directive, matcher, Upstream(directive, upstreams));
    }

    private string? Upstream(Statement directive, List<Token> upstreams)
    {
        switch (upstreams)
        {
            case []:
                remarks.Problem(directive.At, "reverse_proxy names no upstream; write 'reverse_proxy 127.0.0.1:8000', the app's address");
                return null;
            case [var only]:
                if (AddressOf(only.Text) is { } address)
                {
                    return address;
                }

                remarks.Problem(only.At, $"the upstream {only.Text} cannot be translated: a slot is {SlotAddress.Allowed}, plain HTTP and one port");
                return null;
            default:
                remarks.Problem(
                    upstreams[1].At,
                    $"names {upstreams.Count} upstreams; EdgeProxy sends all requests to one slot, the active one: leave only the upstream that serves now " +
                        $"({upstreams[0].Text}?)");
                return null;
        }
    }

    /// <summary>Turns Caddy's <c>:8000</c> and <c>unix//run/app.sock</c> into the form of the settings.</summary>
    internal static string? AddressOf(string upstream)
    {
        if (upstream.StartsWith("unix/", StringComparison.Ordinal))
        {
            return Valid($"unix:{upstream["unix/".Length..]}");
        }

        var authority = upstream.StartsWith("http://", StringComparison.Ordinal) ? upstream["http://".Length..].TrimEnd('/') : upstream;
        if (authority.Contains("//", StringComparison.Ordinal) || CaddyValue.HasPlaceholder(authority))
        {
            return null;
        }

        return Valid($"http://{(authority.StartsWith(':') ? "127.0.0.1" : "")}{authority}");

        static string? Valid(string address) => SlotAddress.TryParse(address, out _) ? address : null;
    }
}
