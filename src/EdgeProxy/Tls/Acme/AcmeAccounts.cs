using System.Security.Cryptography;

namespace EdgeProxy.Tls.Acme;

/// <summary>Signs in with one authority: with the account that is on disk, or a new one (RFC 8555 section 7.3).</summary>
internal sealed partial class AcmeAccounts(
    Uri authority,
    ExternalAccountOptions? externalAccount,
    AcmeOptions options,
    AcmeHttp http,
    CertificateStore store,
    TimeProvider time,
    ILogger<AcmeAccounts> logger)
{
    /// <summary>One registration at a time: the second caller uses what the first has got.</summary>
    private readonly SemaphoreSlim _one = new(1);

    /// <remarks>Hold <see cref="_one"/>.</remarks>
    private AcmeAccount? _account;

    /// <summary>The authority.</summary>
    public Uri Directory => authority;

    /// <summary>A conversation without an account, for what is everybody's to read. The caller disposes it.</summary>
    public AcmeSession Visit() => new(http.Client, Directory, key: null, time);

    /// <summary>Begins a conversation. The caller disposes it.</summary>
    /// <exception cref="AcmeException">The authority has no account for us.</exception>
    /// <exception cref="State.StateException">The account cannot be kept. An authority limits how many may be made.</exception>
    public async Task<AcmeSession> SignInAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            _account ??= await LoadAsync(cancellationToken);
            var session = new AcmeSession(http.Client, Directory, AcmeKey.FromPem(_account.Key), time) { Account = _account.Url };
            try
            {
                if (_account.Url is null || _account.Email != Email)
                {
                    _account = await RegisterAsync(session, _account, cancellationToken);
                    session.Account = _account.Url;
                }

                return session;
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The authority does not know the account any more: the next sign-in registers its key again.</summary>
    public async Task ForgetAsync(Uri? account, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_account is not null && _account.Url == account)
            {
                Log.Forgotten(logger, account, Directory);
                _account = _account with { Url = null };
            }
        }
        finally
        {
            _one.Release();
        }
    }

    private string? Email => string.IsNullOrEmpty(options.Email) ? null : options.Email;

    /// <summary>The account on disk, or a new key that is on disk before it is used; in a fleet the one that its nodes have agreed on.</summary>
    private async Task<AcmeAccount> LoadAsync(CancellationToken cancellationToken)
    {
        var own = LoadOwn();
        var agreed = await store.AgreeOnAccountAsync(own, cancellationToken);
        string? problem = null;
        if (agreed == own || agreed.Directory != Directory || !IsUsable(agreed.Key, ref problem))
        {
            return own;
        }

        if (own.Url is not null && own.Key != agreed.Key)
        {
            Log.Replaced(logger, own.Url, Directory, store.KeepFormerAccount(own)); // a key that was not registered yet is worth nothing
        }

        store.WriteAccount(agreed);
        return agreed;
    }

    private AcmeAccount LoadOwn()
    {
        var (account, problem) = store.ReadAccount(Directory);
        if (account is not null && account.Directory == Directory && IsUsable(account.Key, ref problem))
        {
            return account;
        }

        if (problem is not null)
        {
            Log.Unusable(logger, problem);
        }

        account = new AcmeAccount(Directory, AcmeKey.NewPem());
        store.WriteAccount(account);
        return account;
    }

    private static bool IsUsable(string key, ref string? problem)
    {
        try
        {
            AcmeKey.FromPem(key).Dispose();
            return true;
        }
        catch (CryptographicException e)
        {
            problem = $"its key cannot be used: {e.Message}";
            return false;
        }
    }

    /// <summary>Registers the key, which finds an account that it has already, or tells the authority a changed address.</summary>
    private async Task<AcmeAccount> RegisterAsync(AcmeSession session, AcmeAccount account, CancellationToken cancellationToken)
    {
        var directory = await session.GetDirectoryAsync(cancellationToken);
        if (account.Url is null && externalAccount is null && directory.Meta?.ExternalAccountRequired == true)
        {
            throw new AcmeException(
                $"{Directory.Host} issues only to its customers: set ExternalAccount, beside its DirectoryUrl in EdgeProxy:Tls:Acme, to the key that it " +
                    "gave you");
        }

        var binding = account.Url is null && externalAccount is { } external ? session.Key.BindTo(external, directory.NewAccount) : null;
        var response = await session.PostAsync(
            account.Url ?? directory.NewAccount,
            new NewAccount(options.AcceptTermsOfService, Email is null ? [] : [$"mailto:{Email}"], binding),
            AcmeJson.Default.NewAccount,
            cancellationToken);
        account = account with
        {
            Url = account.Url ?? response.Location ?? throw new AcmeException("the authority does not say where the account is"),
            Email = Email,
        };
        store.WriteAccount(account);
        await store.ShareAccountAsync(account, cancellationToken);
        Log.SignedIn(logger, account.Url, Directory, directory.Meta?.TermsOfService ?? "none");
        return account;
    }

    private static partial class Log
    {
        [LoggerMessage(1120, LogLevel.Information, "The account {Account} with {Directory} is registered; its terms of service: {TermsOfService}")]
        public static partial void SignedIn(ILogger logger, Uri? account, Uri directory, string termsOfService);

        [LoggerMessage(1121, LogLevel.Warning, "{Directory} does not know the account {Account} any more; its key is registered again")]
        public static partial void Forgotten(ILogger logger, Uri? account, Uri directory);

        [LoggerMessage(1122, LogLevel.Warning, "The stored account cannot be used, a new one is made: {Problem}")]
        public static partial void Unusable(ILogger logger, string problem);

        [LoggerMessage(
            1128, LogLevel.Warning,
            "This node has joined a fleet: its account {Account} with {Directory} is not used any more, but the fleet's. Its key is kept in {File}")]
        public static partial void Replaced(ILogger logger, Uri account, Uri directory, string file);
    }
}
