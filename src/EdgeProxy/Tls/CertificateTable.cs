using System.Collections.Frozen;
using System.Net;

namespace EdgeProxy.Tls;

/// <summary>Which certificate serves which name. A new one takes its place by one reference write, visible to the next handshake.</summary>
/// <remarks>Read by every handshake, without a lock; written by loads and renewals.</remarks>
internal sealed class CertificateTable
{
    private readonly Lock _publishing = new();

    /// <summary>One a source.</summary>
    /// <remarks>Hold <see cref="_publishing"/>.</remarks>
    private readonly Dictionary<string, ServingCertificate> _bySource = [];

    private Names _names = new([]);

    /// <summary>The certificate for a name as a client gave it, in either script and any case, also with the dot of the root, or for an address, IPv6 with or
    /// without brackets; null: none, also for no name and for what is no name.</summary>
    public ServingCertificate? Find(string? asked)
    {
        if (string.IsNullOrEmpty(asked) || DomainName.ToAscii(asked) is not { } name)
        {
            return null;
        }

        name = name.EndsWith('.') ? name[..^1] : name.Contains(':') && IPAddress.TryParse(name.Trim('[', ']'), out var address) ? address.ToString() : name;
        var names = Volatile.Read(ref _names);
        if (names.Exact.TryGetValue(name, out var certificate))
        {
            return certificate;
        }

        // A wildcard stands for one whole label (RFC 6125 section 6.4.3), which must be one: the name may end up in a Location.
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && DomainName.IsLabel(name.AsSpan(0, dot)) && names.Wildcards.TryGetValue(name.AsSpan(dot), out certificate) ? certificate : null;
    }

    /// <summary>Serves a certificate in place of the one that the same source had before.</summary>
    public void Publish(string source, ServingCertificate certificate)
    {
        _ = certificate.PrepareAsync();
        lock (_publishing)
        {
            _bySource[source] = certificate;
            Volatile.Write(ref _names, new Names(_bySource.Values));
        }
    }

    /// <summary>Completes when no handshake has to wait for what is published by now.</summary>
    public Task WhenPreparedAsync()
    {
        lock (_publishing)
        {
            return Task.WhenAll(_bySource.Values.Select(certificate => certificate.PrepareAsync()));
        }
    }

    /// <summary>Serves the source's certificate no more.</summary>
    public void Withdraw(string source)
    {
        lock (_publishing)
        {
            _bySource.Remove(source);
            Volatile.Write(ref _names, new Names(_bySource.Values));
        }
    }

    /// <summary>Immutable. Of two certificates for a name the one that lives longer serves it: the old server's until the first own one is there.</summary>
    private sealed class Names
    {
        public Names(IEnumerable<ServingCertificate> certificates)
        {
            var exact = new Dictionary<string, ServingCertificate>(StringComparer.OrdinalIgnoreCase);
            var wildcards = new Dictionary<string, ServingCertificate>(StringComparer.OrdinalIgnoreCase);
            foreach (var certificate in certificates.OrderByDescending(certificate => certificate.NotAfter))
            {
                foreach (var name in certificate.Names)
                {
                    var (table, key) = name.StartsWith("*.", StringComparison.Ordinal) ? (wildcards, name[1..]) : (exact, name);
                    table.TryAdd(key, certificate);
                }
            }

            Exact = exact.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
            Wildcards = wildcards.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        }

        public FrozenDictionary<string, ServingCertificate> Exact { get; }

        /// <summary>By what follows the star: <c>.example.com</c>.</summary>
        public FrozenDictionary<string, ServingCertificate>.AlternateLookup<ReadOnlySpan<char>> Wildcards { get; }
    }
}
