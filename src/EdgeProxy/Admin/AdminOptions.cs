using EdgeProxy.Api;

namespace EdgeProxy.Admin;

/// <summary>Where the admin API listens and which users may use it.</summary>
internal sealed class AdminOptions
{
    /// <summary>The path of the Unix socket; its file permissions say who has access. Null or empty: there is none. Default
    /// <c>/run/edgeproxy/admin.sock</c>.</summary>
    public string? Socket { get; set; } = AdminApi.DefaultSocket;

    /// <summary>The mode of the Unix socket, octal. Default <c>0660</c>.</summary>
    public string SocketMode { get; set; } = "0660";

    /// <summary>The listener for the browser and for remote calls; null or empty: none. Loopback unless <see cref="TokenForReads"/>. Default
    /// <c>http://127.0.0.1:9900</c>.</summary>
    public string? Url { get; set; } = "http://127.0.0.1:9900";

    /// <summary>The bearer token of <see cref="Url"/>, made at first start. Default <c>/var/lib/edgeproxy/admin.token</c>.</summary>
    public string TokenFile { get; set; } = "/var/lib/edgeproxy/admin.token";

    /// <summary>Whether reads need the token, too. Default false.</summary>
    public bool TokenForReads { get; set; }

    /// <summary><see cref="SocketMode"/>; null: it is not a mode.</summary>
    internal UnixFileMode? ParsedSocketMode =>
        SocketMode.TrimStart('0').Length <= 3 && SocketMode.All(digit => digit is >= '0' and <= '7') && SocketMode.Length >= 3
            ? (UnixFileMode)SocketMode.Aggregate(0, (mode, digit) => (mode << 3) + (digit - '0'))
            : null;
}
