using System.Text;
using EdgeProxy.State;

namespace EdgeProxy.Tls.Acme;

/// <summary>An account with an authority, and its key.</summary>
/// <param name="Directory">The authority.</param>
/// <param name="Key">PEM.</param>
/// <param name="Url">What the authority calls it; null: it has not been registered yet.</param>
/// <param name="Email">What the authority was told; null: none.</param>
internal sealed record AcmeAccount(Uri Directory, string Key, Uri? Url = null, string? Email = null);

/// <summary>Accounts, unfinished orders and certificates in the state directory: readable by the owner alone, replaced as a whole or not at all.</summary>
/// <param name="state">Where.</param>
internal sealed class CertificateStore(StateDirectory state)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>In this order: a folder before what it holds.</summary>
    private static readonly string[] _folders = ["acme", "acme/orders", "certificates"];

    /// <exception cref="StateException">The account could not be kept, and must not be used.</exception>
    public void WriteAccount(AcmeAccount account) =>
        Write(AccountFile(account.Directory), System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(account, TlsJson.Default.AcmeAccount));

    public StateRead<AcmeAccount> ReadAccount(Uri directory) => state.ReadJson(AccountFile(directory), TlsJson.Default.AcmeAccount);

    public StateRead<StoredCertificate> ReadCertificate(string domain) => Read(CertificateFile(domain), StoredCertificate.FromText);

    /// <exception cref="StateException">It could not be kept.</exception>
    public void WriteCertificate(string domain, StoredCertificate certificate) => Write(CertificateFile(domain), Encoding.UTF8.GetBytes(certificate.ToText()));

    public StateRead<StoredOrder> ReadOrder(string domain) => Read(OrderFile(domain), StoredOrder.FromText);

    /// <exception cref="StateException">It could not be kept.</exception>
    public void WriteOrder(string domain, StoredOrder order) => Write(OrderFile(domain), Encoding.UTF8.GetBytes(order.ToText()));

    /// <exception cref="StateException">It is still there.</exception>
    public void DeleteOrder(string domain)
    {
        if (File.Exists(state.PathOf(OrderFile(domain))))
        {
            state.Delete(OrderFile(domain));
        }
    }

    private void Write(string file, byte[] content)
    {
        foreach (var folder in _folders)
        {
            state.CreateFolder(folder, OwnerOnly | UnixFileMode.UserExecute);
        }

        state.WriteAtomically(file, content, OwnerOnly);
    }

    private StateRead<T> Read<T>(string file, Func<string, T?> parse)
        where T : class
    {
        var read = state.Read(file);
        return read.Value is not { } content ? new(null, read.Problem)
            : parse(Encoding.UTF8.GetString(content)) is { } value ? new(value, null)
            : new(null, $"{state.PathOf(file)} is not a file of this version of EdgeProxy");
    }

    private static string CertificateFile(string domain) => $"certificates/{FileName(domain)}.pem";

    private static string OrderFile(string domain) => $"acme/orders/{FileName(domain)}.pem";

    /// <summary>The settings have been checked; this guards against a change of that.</summary>
    private static string FileName(string domain) =>
        DomainName.TryNormalize(domain, out var ascii) && ascii == domain
            ? domain
            : throw new ArgumentException($"\"{domain}\" is no domain name in ASCII", nameof(domain));

    /// <summary>One a directory: <c>acme-v02.api.letsencrypt.org-directory.json</c>.</summary>
    private static string AccountFile(Uri directory)
    {
        var name = directory.Authority + directory.AbsolutePath;
        return $"acme/{string.Concat(name.Select(character => char.IsAsciiLetterOrDigit(character) || character == '.' ? character : '-'))
            .Trim('.', '-')}.json";
    }
}
