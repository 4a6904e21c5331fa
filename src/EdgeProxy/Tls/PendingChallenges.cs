using System.Collections.Immutable;
using System.Net.Security;

namespace EdgeProxy.Tls;

/// <summary>What is shown to an authority while it looks whether a domain is ours. Nearly always empty, and then nothing is looked up.</summary>
/// <remarks>Written by orders; read by requests and handshakes, without a lock.</remarks>
internal sealed class PendingChallenges
{
    private ImmutableDictionary<string, string> _responses = ImmutableDictionary<string, string>.Empty;
    private ImmutableDictionary<string, SslServerAuthenticationOptions> _handshakes =
        ImmutableDictionary.Create<string, SslServerAuthenticationOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>An authority may come with <c>acme-tls/1</c>.</summary>
    public bool HasHandshakes => Elsewhere is not null || !Volatile.Read(ref _handshakes).IsEmpty;

    /// <summary>Shows a proof until the result is disposed.</summary>
    /// <param name="type">How.</param>
    /// <param name="domain">In ASCII.</param>
    /// <param name="token">The authority's, base64url.</param>
    /// <param name="keyAuthorization">What proves that it is our account that responds (RFC 8555 section 8.1).</param>
    public IDisposable Show(AcmeChallenge type, string domain, string token, string keyAuthorization)
    {
        if (type == AcmeChallenge.Http01)
        {
            ImmutableInterlocked.AddOrUpdate(ref _responses, token, keyAuthorization, (_, _) => keyAuthorization);
            return new Withdrawal(() => ImmutableInterlocked.TryRemove(ref _responses, token, out _));
        }

        var handshake = ChallengeCertificate.Create(domain, keyAuthorization);
        ImmutableInterlocked.AddOrUpdate(ref _handshakes, domain, handshake, (_, _) => handshake);
        return new Withdrawal(() => ImmutableInterlocked.TryRemove(ref _handshakes, domain, out _));
    }

    /// <summary>HTTP-01: the response to a token; null: none is awaited.</summary>
    public string? FindResponse(string token) => Volatile.Read(ref _responses).GetValueOrDefault(token);

    /// <summary>TLS-ALPN-01: the handshake for a domain; null: none is awaited.</summary>
    public SslServerAuthenticationOptions? FindHandshake(string? domain) =>
        domain is null ? null : Volatile.Read(ref _handshakes).GetValueOrDefault(domain);

    /// <summary>HTTP-01: whether any response is awaited, or may be where this process does not see it.</summary>
    public bool HasResponses => Elsewhere is not null || !Volatile.Read(ref _responses).IsEmpty;

    /// <summary>Looks for the proof that another node of a fleet awaits, of a token or, for TLS-ALPN-01, of a domain. Null: there is none. Set before anything
    /// listens.</summary>
    public Func<AcmeChallenge, string, CancellationToken, ValueTask<string?>>? Elsewhere { get; set; }

    private sealed class Withdrawal(Action withdraw) : IDisposable
    {
        public void Dispose() => withdraw();
    }
}
