using System.Net;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Slots;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>The upstreams of a <c>reverse_proxy</c>.</summary>
internal static class UpstreamNames
{
    /// <summary>Behind the matcher, and in lines <c>to</c>.</summary>
    public static List<Token> Of(Statement directive, Token[] arguments) =>
        [.. arguments, .. (directive.Block ?? []).Where(option => option.Name.Text == "to").SelectMany(option => option.Arguments)];

    /// <summary>Those of all <c>reverse_proxy</c> in a site, however deep.</summary>
    public static IEnumerable<List<Token>> OfAll(IEnumerable<Statement> statements) => statements.SelectMany(statement => statement.Name.Text == "reverse_proxy"
        ? [Of(statement, statement.Arguments is [{ Text: "*" or ['/' or '@', ..] }, .. var rest] ? rest : statement.Arguments)]
        : OfAll(statement.Block ?? []));

    /// <summary>Turns the name of a server into the form of <c>Upstreams</c> of a route.</summary>
    /// <returns>Null: it is no server that a route can name.</returns>
    public static string? AddressOf(string upstream)
    {
        var (scheme, authority) = upstream.StartsWith("https://", StringComparison.Ordinal) ? ("https", upstream["https://".Length..])
            : upstream.StartsWith("http://", StringComparison.Ordinal) ? ("http", upstream["http://".Length..])
            : ("http", upstream);
        authority = authority.TrimEnd('/');
        authority = authority.StartsWith(':') ? "127.0.0.1" + authority : authority;
        return !CaddyValue.HasPlaceholder(authority) && !authority.Contains('/', StringComparison.Ordinal)
            && Uri.TryCreate($"{scheme}://{authority}", UriKind.Absolute, out var uri) && uri.PathAndQuery == "/" && uri.UserInfo.Length == 0
            ? $"{scheme}://{authority}" : null;
    }

    /// <summary>It is a service of a Compose file: a name without a dot, known to the network of the containers alone.</summary>
    public static bool IsOfContainers(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && !IPAddress.TryParse(uri.Host.Trim('[', ']'), out _)
        && ((!uri.Host.Contains('.', StringComparison.Ordinal) && uri.Host != "localhost") || uri.Host.EndsWith(".docker.internal",
            StringComparison.OrdinalIgnoreCase));

    /// <summary>Which of the upstreams is the blue/green app.</summary>
    /// <param name="all">Of all sites.</param>
    /// <returns>As a slot's address; null: a problem has said why it is not known.</returns>
    public static string? Choose(IReadOnlyList<List<Token>> all, ImportOptions options, SourceLine file, ImportRemarks remarks)
    {
        var candidates = all.Where(upstreams => upstreams.Count == 1).Select(upstreams => ReverseProxyReader.AddressOf(upstreams[0].Text)).OfType<string>()
            .Aggregate(new List<string>(), (known, address) => known.Exists(other => SlotChoice.IsSame(other, address)) ? known : [.. known, address]);
        if (options.App is { } named)
        {
            var wanted = ReverseProxyReader.AddressOf(named);
            return candidates.Find(candidate => wanted is not null && SlotChoice.IsSame(candidate, wanted)) ?? Refuse(
                candidates.Count > 0 ? $"has no reverse_proxy to {named} alone (--app); those that it has are {string.Join(", ", candidates)}"
                    : $"has no reverse_proxy to {named} alone (--app)");
        }

        var known = candidates.FindAll(candidate => new[] { options.Blue, options.Green }.Any(slot => slot is not null && SlotChoice.IsSame(slot, candidate)));
        return candidates switch
        {
            [] when all.FirstOrDefault(upstreams => upstreams.Count > 1) is { } several => Say(several[1].At,
                $"names {several.Count} upstreams; EdgeProxy sends all requests to one slot, the active one: leave only the upstream that serves now " +
                    $"({several[0].Text}?)"),
            [] when all.FirstOrDefault(upstreams => upstreams.Count == 1) is { } other => Say(other[0].At,
                $"the upstream {other[0].Text} cannot be translated: a slot is {SlotAddress.Allowed}, plain HTTP and one port"),
            [] => Refuse("has no reverse_proxy: there is no app to serve, and EdgeProxy is the front door of an app"),
            [var only] => only,
            _ when known is [var slot] => slot,
            _ => Say(
                all.First(upstreams => upstreams is [var only] && ReverseProxyReader.AddressOf(only.Text) is { } address && SlotChoice.IsSame(address,
                    candidates[1]))[0].At,
                $"is one of several upstreams, {string.Join(", ", candidates)}; say which of them is the blue/green app with --app ADDRESS, the others are " +
                    "forwarded to as they are"),
        };

        string? Refuse(string message) => Say(file, message);

        string? Say(SourceLine at, string message)
        {
            remarks.Problem(at, message);
            return null;
        }
    }
}
