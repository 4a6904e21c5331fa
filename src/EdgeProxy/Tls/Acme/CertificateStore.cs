using System.Globalization;
using System.Text;
using System.Text.Json;
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
/// <param name="shared">What a fleet has of them; null: this machine is alone.</param>
internal sealed class CertificateStore(StateDirectory state, ISharedCertificates? shared = null)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>In this order: a folder before what it holds.</summary>
    private static readonly string[] _folders = ["acme", "acme/orders", "certificates"];

    /// <exception cref="StateException">The account could not be kept, and must not be used.</exception>
    public void WriteAccount(AcmeAccount account) =>
        Write(AccountFile(account.Directory), JsonSerializer.SerializeToUtf8Bytes(account, TlsJson.Default.AcmeAccount));

    /// <summary>Keeps an account that another one takes the place of: only its key can end it, or revoke what it was issued.</summary>
    /// <returns>Where.</returns>
    /// <exception cref="StateException">It could not be kept.</exception>
    public string KeepFormerAccount(AcmeAccount account)
    {
        var before = AccountFile(account.Directory) + ".before";
        var file = before;
        for (var number = 2; File.Exists(state.PathOf(file)); number++)
        {
            file = string.Create(CultureInfo.InvariantCulture, $"{before}.{number}"); // an earlier one's is worth as much
        }

        Write(file, JsonSerializer.SerializeToUtf8Bytes(account, TlsJson.Default.AcmeAccount));
        return state.PathOf(file);
    }

    /// <summary>Before something is asked for that only this process could keep.</summary>
    /// <exception cref="StateException">Another process has the state directory, or is about to.</exception>
    public void DemandOurs() => state.DemandOurs();

    /// <summary>What the nodes of a fleet use: this one if they have none yet. The machine's own where it is alone.</summary>
    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public async Task<AcmeAccount> AgreeOnAccountAsync(AcmeAccount account, CancellationToken cancellationToken)
    {
        if (shared is null)
        {
            return account;
        }

        var agreed = await shared.AgreeAsync(AccountFile(account.Directory), JsonSerializer.Serialize(account, TlsJson.Default.AcmeAccount), cancellationToken);
        return JsonSerializer.Deserialize(agreed, TlsJson.Default.AcmeAccount) ?? account;
    }

    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public Task ShareAccountAsync(AcmeAccount account, CancellationToken cancellationToken) => shared is null ? Task.CompletedTask
        : shared.PutAsync(AccountFile(account.Directory), JsonSerializer.Serialize(account, TlsJson.Default.AcmeAccount), cancellationToken);

    public StateRead<AcmeAccount> ReadAccount(Uri directory) => state.ReadJson(AccountFile(directory), TlsJson.Default.AcmeAccount);

    public StateRead<StoredCertificate> ReadCertificate(string domain) => Read(CertificateFile(domain), StoredCertificate.FromText);

    /// <exception cref="StateException">It could not be kept.</exception>
    public void WriteCertificate(string domain, StoredCertificate certificate) => Write(CertificateFile(domain), Encoding.UTF8.GetBytes(certificate.ToText()));

    /// <summary>The certificate of the fleet: this node's if there is none yet.</summary>
    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public async Task<string?> AgreeOnCertificateAsync(string domain, StoredCertificate? own, CancellationToken cancellationToken) => shared is null ? null
        : own is null ? await shared.FindAsync(CertificateFile(domain), cancellationToken)
        : await shared.AgreeAsync(CertificateFile(domain), own.ToText(), cancellationToken);

    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public Task ShareCertificateAsync(string domain, StoredCertificate certificate, CancellationToken cancellationToken) =>
        shared?.PutAsync(CertificateFile(domain), certificate.ToText(), cancellationToken) ?? Task.CompletedTask;

    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public async Task<StateRead<StoredOrder>> ReadOrderAsync(string domain, CancellationToken cancellationToken) =>
        shared is not null && await shared.FindAsync(OrderFile(domain), cancellationToken) is { } text && StoredOrder.FromText(text) is { } order
            ? new(order, null)
            : Read(OrderFile(domain), StoredOrder.FromText);

    /// <exception cref="StateException">It could not be kept.</exception>
    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public async Task WriteOrderAsync(string domain, StoredOrder order, CancellationToken cancellationToken)
    {
        Write(OrderFile(domain), Encoding.UTF8.GetBytes(order.ToText()));
        if (shared is not null)
        {
            await shared.PutAsync(OrderFile(domain), order.ToText(), cancellationToken);
        }
    }

    /// <summary>The fleet's, and this node's.</summary>
    /// <exception cref="StateException">It is still there.</exception>
    /// <exception cref="AcmeException">The fleet's cannot be reached.</exception>
    public async Task DeleteOrderAsync(string domain, CancellationToken cancellationToken)
    {
        if (shared is not null)
        {
            await shared.DeleteAsync(OrderFile(domain), cancellationToken);
        }

        DeleteOrder(domain);
    }

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

    /// <summary>Its name below the state directory.</summary>
    public static string CertificateFile(string domain) => $"certificates/{FileName(domain)}.pem";

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
