using EdgeProxy.AdminCalls;

namespace EdgeProxy.Tls;

/// <summary>The admin calls of certificates: for their server, and for the client of the command line.</summary>
internal static class CertificateApi
{
    public const string Renew = "/certificates/renew";
    public const string Root = "/certificates/root";
}

/// <summary>The body of <c>POST /certificates/renew</c>.</summary>
/// <param name="Name">The domain; null: all that come from an authority.</param>
internal sealed record RenewBody(string? Name = null) : RequestBody;

/// <summary>The response to <c>GET /certificates/root</c>.</summary>
/// <param name="Root">The root certificate of the local authority, PEM.</param>
internal sealed record RootView(string Root);
