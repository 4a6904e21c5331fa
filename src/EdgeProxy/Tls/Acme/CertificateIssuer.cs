using EdgeProxy.State;


namespace EdgeProxy.Tls.Acme;

/// <summary>A new certificate.</summary>
/// <param name="Stored">As it is to be kept.</param>
/// <param name="Serving">As it is to be served.</param>
internal sealed record IssuedCertificate(StoredCertificate Stored, ServingCertificate Serving);

/// <summary>Has one certificate made: one attempt, from the account to the PEM.</summary>
internal sealed partial class CertificateIssuer(
    AcmeOptions options,
    AcmeAuthorities authorities,
    CertificateStore store,
    PendingChallenges challenges,
    HttpsEndpoints endpoints,
    TimeProvider time,
    ILogger<CertificateIssuer> logger,
    ISharedCertificates? shared = null)
{
    /// <summary>One bad domain must not delay the others, and a hundred new ones must not fall upon the authority at once.</summary>
    private readonly SemaphoreSlim _room = new(4);

    /// <summary>Orders a certificate, or finishes the order that an earlier process has left.</summary>
    /// <param name="domain">In ASCII.</param>
    /// <param name="old">What the new one replaces; null: nothing.</param>
    /// <param name="issuer">The directory of the authority that has issued that.</param>
    /// <param name="failures">How often it has failed in a row: each time another type of challenge comes first.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="AcmeException">It failed, with every authority.</exception>
    /// <exception cref="CertificateException">What the authority sent cannot be served.</exception>
    /// <exception cref="StateException">Nothing can be kept, so nothing is ordered.</exception>
    public async Task<IssuedCertificate> ObtainAsync(
        string domain, ServingCertificate? old, Uri? issuer, int failures, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        try
        {
            if (failures > 0 && authorities.Rehearsal is { } rehearsal)
            {
                await RehearseAsync(rehearsal, domain, failures, cancellationToken);
            }

            List<(Uri Directory, Exception Why)> refusals = [];
            foreach (var accounts in authorities.InOrder)
            {
                store.DemandOurs(); // the next process orders, and has what this one has begun
                try
                {
                    var replaced = accounts.Directory == issuer ? old : null; // another authority knows nothing of it
                    return await InSessionAsync(
                        accounts,
                        async orders => await ResumeAsync(accounts.Directory, orders, domain, old, cancellationToken)
                            ?? await OrderAsync(accounts.Directory, orders, domain, replaced, failures, cancellationToken),
                        cancellationToken);
                }
                catch (Exception refused) when (refused is AcmeException or CertificateException && authorities.InOrder.Count > 1)
                {
                    Log.Refused(logger, accounts.Directory, domain, refused.Message);
                    refusals.Add((accounts.Directory, refused));
                }
            }

            throw new AcmeException(
                string.Join("; ", refusals.Select(refusal => $"{refusal.Directory.Authority}: {refusal.Why.Message}")),
                retryAfter: refusals.Max(refusal => (refusal.Why as AcmeException)?.RetryAfter), // an authority that asks for time gets it
                inner: refusals[^1].Why);
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>Proves the domain where a failure costs nothing: Let's Encrypt refuses orders after five failed proofs an hour
    /// (https://letsencrypt.org/docs/rate-limits).</summary>
    /// <exception cref="AcmeException">The proof failed, and would have failed with the authority.</exception>
    private async Task RehearseAsync(AcmeAccounts accounts, string domain, int failures, CancellationToken cancellationToken)
    {
        try
        {
            await InSessionAsync(accounts, orders => orders.BeginAsync(domain, Challenges(failures), replaces: null, cancellationToken), cancellationToken);
        }
        catch (AcmeException away) when (away.IsTransient)
        {
            Log.NotRehearsed(logger, accounts.Directory, domain, away.Message);
        }
        catch (AcmeException failed)
        {
            throw new AcmeException($"at a rehearsal with {accounts.Directory.Authority}: {failed.Message}", failed.Problem, failed.RetryAfter, failed);
        }
    }

    /// <summary>Does something with a signed-in session; once more where the authority does not know the account any more.</summary>
    private async Task<T> InSessionAsync<T>(AcmeAccounts accounts, Func<AcmeOrders, Task<T>> act, CancellationToken cancellationToken)
    {
        for (var isSecond = false; ; isSecond = true)
        {
            using var session = await accounts.SignInAsync(cancellationToken);
            try
            {
                return await act(new AcmeOrders(session, challenges, shared, time));
            }
            catch (AcmeException unknown) when (unknown.IsAccountGone && !isSecond)
            {
                await accounts.ForgetAsync(session.Account, cancellationToken);
            }
        }
    }

    /// <returns>Null: nothing was left, or it came to nothing.</returns>
    private async Task<IssuedCertificate?> ResumeAsync(
        Uri directory, AcmeOrders orders, string domain, ServingCertificate? old, CancellationToken cancellationToken)
    {
        if ((await store.ReadOrderAsync(domain, cancellationToken)).Value is not { } left || left.Directory != directory)
        {
            return null;
        }

        try
        {
            var obtained = await FinishAsync(orders, domain, left, cancellationToken);
            if (obtained.Serving.Leaf.SerialNumber != old?.Leaf.SerialNumber)
            {
                Log.Resumed(logger, domain, left.Url);
                return obtained;
            }
        }
        catch (Exception verdict) when (verdict is CertificateException or AcmeException { IsTransient: false, IsAccountGone: false })
        {
            // Too old, or refused meanwhile. The new order tells more.
        }

        return null;
    }

    private async Task<IssuedCertificate> OrderAsync(
        Uri directory, AcmeOrders orders, string domain, ServingCertificate? replaced, int failures, CancellationToken cancellationToken)
    {
        var url = await orders.BeginAsync(domain, Challenges(failures), replaced is null ? null : RenewalId.Of(replaced.Leaf), cancellationToken);
        var order = new StoredOrder(directory, url, CertificateKey.NewPem(options.KeyType));
        await store.WriteOrderAsync(domain, order, cancellationToken); // from here on there may be a certificate that only this key fits
        return await FinishAsync(orders, domain, order, cancellationToken);
    }

    private async Task<IssuedCertificate> FinishAsync(AcmeOrders orders, string domain, StoredOrder order, CancellationToken cancellationToken)
    {
        var chain = await orders.FinishAsync(order.Url, CertificateKey.CreateRequest(domain, order.KeyPem), cancellationToken);
        var serving = ServingCertificate.FromPem(chain, order.KeyPem);
        var now = time.GetUtcNow();
        if (!serving.Leaf.MatchesHostname(domain, allowWildcards: true, allowCommonName: false) || serving.NotAfter <= now)
        {
            throw new CertificateException($"is for {string.Join(", ", serving.Names)} until {serving.NotAfter:u}, which is of no use for {domain}");
        }

        await serving.PrepareAsync();
        var key = order.KeyPem[order.KeyPem.IndexOf("-----BEGIN", StringComparison.Ordinal)..];
        return new IssuedCertificate(new StoredCertificate(order.Directory, now, chain.TrimEnd() + "\n" + key), serving);
    }

    /// <summary>In the order of the settings, turned by one with each failure. TLS-ALPN-01 is no way without an endpoint that speaks TLS.</summary>
    private List<AcmeChallenge> Challenges(int failures)
    {
        AcmeChallenge[] all = options.Challenges is { Length: > 0 } set ? set : [AcmeChallenge.TlsAlpn01, AcmeChallenge.Http01];
        AcmeChallenge[] possible = [.. all.Where(type => type == AcmeChallenge.Http01 || endpoints.Port is not null)];
        possible = possible.Length > 0 ? possible : all;
        var first = failures % possible.Length;
        return [.. possible[first..], .. possible[..first]];
    }

    private static partial class Log
    {
        [LoggerMessage(1123, LogLevel.Information, "The order {Order} for {Domain}, which an earlier attempt had left, has been finished")]
        public static partial void Resumed(ILogger logger, string domain, Uri order);

        [LoggerMessage(1126, LogLevel.Warning, "{Directory} issues no certificate for {Domain}: {Reason}")]
        public static partial void Refused(ILogger logger, Uri directory, string domain, string reason);

        [LoggerMessage(1127, LogLevel.Information, "The proof for {Domain} could not be tried with {Directory} first: {Reason}")]
        public static partial void NotRehearsed(ILogger logger, Uri directory, string domain, string reason);
    }
}
