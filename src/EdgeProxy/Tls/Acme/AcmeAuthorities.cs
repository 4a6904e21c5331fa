namespace EdgeProxy.Tls.Acme;

/// <summary>The accounts with the authorities of the settings.</summary>
/// <param name="inOrder">Whom to ask, one after the other until one issues. At least one.</param>
/// <param name="rehearsal">The authority that has to accept a proof before a failed order is made again; null: none.</param>
internal sealed class AcmeAuthorities(IReadOnlyList<AcmeAccounts> inOrder, AcmeAccounts? rehearsal)
{
    private static readonly Uri _letsEncrypt = new("https://acme-v02.api.letsencrypt.org/directory");
    private static readonly Uri _letsEncryptStaging = new("https://acme-staging-v02.api.letsencrypt.org/directory");

    public IReadOnlyList<AcmeAccounts> InOrder => inOrder;

    public AcmeAccounts? Rehearsal => rehearsal;

    /// <summary>The settings' authorities; they have been checked.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="accountsWith">Makes the accounts with one.</param>
    public static AcmeAuthorities Of(AcmeOptions options, Func<Uri, ExternalAccountOptions?, AcmeAccounts> accountsWith)
    {
        var first = Directory(options.DirectoryUrl) ?? (options.Staging ? _letsEncryptStaging : _letsEncrypt);
        var rehearsal = Directory(options.RehearsalDirectoryUrl) ?? (first == _letsEncrypt ? _letsEncryptStaging : null);
        return new AcmeAuthorities(
            [accountsWith(first, options.ExternalAccount), .. (options.Fallbacks ?? [])
                .Select(fallback => accountsWith(new Uri(fallback.DirectoryUrl!), fallback.ExternalAccount))],
            rehearsal is null ? null : accountsWith(rehearsal, null));
    }

    /// <summary>The one that has issued a certificate; null: it is asked no more.</summary>
    public AcmeAccounts? Find(Uri directory) => inOrder.FirstOrDefault(accounts => accounts.Directory == directory);

    private static Uri? Directory(string? url) => string.IsNullOrEmpty(url) ? null : new Uri(url);
}
