using System.Diagnostics.CodeAnalysis;
using EdgeProxy.Clients;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites.Placeholders;

/// <summary>What a template may ask for; Caddy's names.</summary>
internal sealed class Placeholder
{
    private readonly Func<RequestWords, string> _read;

    private Placeholder(string name, bool isEncoded, Func<RequestWords, string> read)
    {
        Name = name;
        IsEncoded = isEncoded;
        _read = read;
    }

    private static readonly Placeholder[] _all =
    [
        new("host", isEncoded: true, request => AppHosts.Of(request.Context.Request).ToString()),
        new("hostport", isEncoded: true, request => request.Context.Request.Headers.Host.ToString()),
        new("uri", isEncoded: true, request => request.Target),
        new("path", isEncoded: false, request => RequestPath.Decode(RequestPath.Of(request.Target))),
        new("query", isEncoded: true, request => request.Target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? request.Target[(at + 1)..] : ""),
        new("is_args", isEncoded: true, request => request.Target.Contains('?', StringComparison.Ordinal) && !request.Target.EndsWith('?') ? "?" : ""),
        new("method", isEncoded: true, request => request.Context.Request.Method),
        new("scheme", isEncoded: true, request => request.Context.Request.Scheme),
        new("remote_host", isEncoded: true, request => request.Context.Connection.RemoteIpAddress?.ToString() ?? ClientOrigin.UnixSocket),
    ];

    public static string AllNames { get; } = string.Join(", ", _all.Select(placeholder => $"{{{placeholder.Name}}}"));

    public string Name { get; }

    /// <summary>Its value stands in URLs as it is; otherwise it is decoded, and anything may be in it.</summary>
    public bool IsEncoded { get; }

    public static bool TryFind(string name, [NotNullWhen(true)] out Placeholder? found)
    {
        found = Array.Find(_all, placeholder => placeholder.Name == name);
        return found is not null;
    }

    public string Read(in RequestWords request) => _read(request);
}

/// <summary>What placeholders are read from.</summary>
/// <param name="Context">The request.</param>
/// <param name="Target">Its path and query, as they came or as a route has changed them.</param>
internal readonly record struct RequestWords(HttpContext Context, string Target);
