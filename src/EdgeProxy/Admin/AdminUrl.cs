using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace EdgeProxy.Admin;

/// <summary>The address that <see cref="AdminOptions.Url"/> says to listen on.</summary>
internal sealed class AdminUrl
{
    /// <summary>What <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Allowed = "http://ADDRESS:PORT without a path, where ADDRESS is localhost or an IP address of this machine";

    private AdminUrl(IPEndPoint endPoint) => EndPoint = endPoint;

    public IPEndPoint EndPoint { get; }

    /// <summary>Whether only this machine reaches it.</summary>
    public bool IsLoopback => IPAddress.IsLoopback(EndPoint.Address);

    /// <summary>It listens on every address.</summary>
    public bool IsAny => EndPoint.Address.Equals(IPAddress.Any) || EndPoint.Address.Equals(IPAddress.IPv6Any);

    public static bool TryParse(string? text, [NotNullWhen(true)] out AdminUrl? url)
    {
        url = null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri)
            || uri.Scheme != Uri.UriSchemeHttp
            || uri is not { PathAndQuery: "/", UserInfo: "", Fragment: "" })
        {
            return false;
        }

        // As for slots: "localhost" is 127.0.0.1, whatever a resolver says.
        var host = uri.Host == "localhost" ? "127.0.0.1" : uri.DnsSafeHost;
        url = IPAddress.TryParse(host, out var address) ? new AdminUrl(new IPEndPoint(address, uri.Port)) : null;
        return url is not null;
    }
}
