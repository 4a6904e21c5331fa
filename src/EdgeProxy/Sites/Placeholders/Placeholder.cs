using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using EdgeProxy.Clients;
using EdgeProxy.Http;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites.Placeholders;

/// <summary>What a template may ask for; Caddy's names.</summary>
internal sealed class Placeholder
{
    private readonly Func<RequestWords, string> _read;

    /// <summary>More are in no expression that people read.</summary>
    private const int LastGroup = 20;

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

    /// <summary>What the regular expression of the path has found: the groups by their numbers, of which 0 is all of it.</summary>
    private static readonly Placeholder[] _captures = [.. Enumerable.Range(0, LastGroup + 1).Select(group => new Placeholder(
        string.Create(CultureInfo.InvariantCulture, $"re.{group}"),
        isEncoded: false,
        request => request.Context.Features.Get<ISiteRequest>() is ICaptures captures ? captures.Capture(group) : "") { Group = group })];

    public static string AllNames { get; } =
        string.Join(", ", _all.Select(placeholder => $"{{{placeholder.Name}}}")) + " and, where Match:PathRegex has a group, {re.1}";

    public string Name { get; }

    /// <summary>Its value stands in URLs as it is; otherwise it is decoded, and anything may be in it.</summary>
    public bool IsEncoded { get; }

    /// <summary>It is the whole path, which the target has in its encoded form, too.</summary>
    public bool IsPath => !IsEncoded && Group is null;

    /// <summary>The group of <c>Match:PathRegex</c> that it is; null: it is none.</summary>
    public int? Group { get; private init; }

    public static bool TryFind(string name, [NotNullWhen(true)] out Placeholder? found)
    {
        found = Array.Find(_all, placeholder => placeholder.Name == name) ?? Array.Find(_captures, placeholder => placeholder.Name == name);
        return found is not null;
    }

    public string Read(in RequestWords request) => _read(request);
}

/// <summary>An <see cref="ISiteRequest"/> that knows what the regular expression of its route has found.</summary>
internal interface ICaptures
{
    /// <summary>What a group of the route's <c>Match:PathRegex</c> has found in the path that the client has sent, decoded.</summary>
    /// <returns>Empty: nothing.</returns>
    string Capture(int group);
}

/// <summary>What placeholders are read from.</summary>
/// <param name="Context">The request.</param>
/// <param name="Target">Its path and query, as they came or as a route has changed them.</param>
internal readonly record struct RequestWords(HttpContext Context, string Target);
