using System.Globalization;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Clients;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>An address in front of a site's block: <c>api.example.com</c>, <c>http://api.example.com</c>, <c>:80</c>,
/// <c>https://*.example.com:8443</c>.</summary>
/// <param name="IsHttps">Caddy speaks TLS there: unless the scheme or the port of HTTP is given, or only a port.</param>
/// <param name="Host">Empty: any.</param>
/// <param name="At">Where it stands.</param>
internal sealed record SiteAddress(bool IsHttps, string Host, int Port, SourceLine At)
{
    private static readonly string[] _local = [".localhost", ".local"];

    /// <summary>Ends that no name in public has (RFC 2606, RFC 6762 appendix G, RFC 8375, and what ICANN keeps free).</summary>
    private static readonly string[] _private =
        [".internal", ".home.arpa", ".test", ".example", ".invalid", ".lan", ".home", ".corp", ".intranet", ".private"];

    /// <summary>An address, or a name that Caddy makes certificates of its own for whatever authority is set.</summary>
    public bool IsLocal =>
        HostHeader.TryParseAddress(Host, out _)
        || Host is "localhost"
        || (IsWildcard && Host.Count(character => character == '.') == 1)
        || Array.Exists(_local, end => Host.EndsWith(end, StringComparison.Ordinal));

    /// <summary>No public authority certifies the name.</summary>
    public bool IsPrivate =>
        IsLocal || !Host.Contains('.', StringComparison.Ordinal) || Array.Exists(_private, end => Host.EndsWith(end, StringComparison.Ordinal));

    public override string ToString() => $"{(IsHttps ? "https" : "http")}://{Host}:{Port}";

    public bool IsWildcard => Host.StartsWith("*.", StringComparison.Ordinal);

    /// <returns>Null: it cannot be translated, and a problem says why.</returns>
    public static SiteAddress? Parse(Token token, int httpPort, int httpsPort, ImportRemarks remarks)
    {
        var text = token.Text;
        var scheme = text.IndexOf("://", StringComparison.Ordinal) is > 0 and var end ? text[..end].ToLowerInvariant() : "";
        var authority = scheme.Length > 0 ? text[(scheme.Length + "://".Length)..] : text;
        if (authority.Contains('/', StringComparison.Ordinal))
        {
            remarks.Problem(
                token.At, $"{text} has a path, but EdgeProxy has one site for a host's whole name; write the host alone, and the path in a handle block");
            return null;
        }

        var (host, digits) = Split(authority);
        var port = 0;
        if (scheme is not ("" or "http" or "https")
            || (digits.Length > 0 && (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65535))
            || (host.Length > 0 && Uri.CheckHostName(host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host) == UriHostNameType.Unknown))
        {
            remarks.Problem(token.At, $"{text} is not understood as a site's address; write it as api.example.com, http://api.example.com or :80");
            return null;
        }

        var isHttps = scheme == "https" || (scheme.Length == 0 && (port == 0 ? host.Length > 0 : port == httpsPort || (port != httpPort && host.Length > 0)));
        return new SiteAddress(isHttps, Normalize(host), port > 0 ? port : isHttps ? httpsPort : httpPort, token.At);
    }

    /// <summary>In the one form that clients send, as Caddy has it.</summary>
    private static string Normalize(string host) =>
        HostHeader.TryParseAddress(host, out var address) ? HostHeader.Of(address) : host.ToLowerInvariant();

    /// <summary>At the last colon, unless that is one of an IPv6 address.</summary>
    private static (string Host, string Port) Split(string authority) =>
        authority.LastIndexOf(':') is >= 0 and var colon && !authority[colon..].Contains(']', StringComparison.Ordinal)
            ? (authority[..colon], authority[(colon + 1)..])
            : (authority, "");
}
