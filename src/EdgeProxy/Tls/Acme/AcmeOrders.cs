using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json.Serialization.Metadata;

namespace EdgeProxy.Tls.Acme;

/// <summary>The way of one certificate through an authority: order, prove, finalize, download (RFC 8555 section 7.4).</summary>
/// <param name="session">Signed in.</param>
/// <param name="challenges">Where the proofs are shown.</param>
/// <param name="shared">Where the other nodes of a fleet see them; null: there are none.</param>
/// <param name="time">The clock of the polling.</param>
internal sealed class AcmeOrders(AcmeSession session, PendingChallenges challenges, ISharedCertificates? shared, TimeProvider time)
{
    private const int MaxFinalizations = 10;
    private const string PemChain = "application/pem-certificate-chain"; // RFC 8555 section 9.1

    private static readonly SearchValues<char> _tokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>Authorities validate within seconds; one that takes longer has lost it.</summary>
    private static readonly TimeSpan _pollLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _firstPoll = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _slowestPoll = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _longestPollWait = TimeSpan.FromMinutes(1);

    /// <summary>Orders, and proves that the domain is ours.</summary>
    /// <param name="domain">In ASCII.</param>
    /// <param name="types">The challenges that may be used; the first that the authority offers is.</param>
    /// <param name="replaces">The id of the certificate that the new one is to replace (<see cref="RenewalId"/>); null: none.</param>
    /// <returns>The order, to be finished.</returns>
    public async Task<Uri> BeginAsync(string domain, IReadOnlyList<AcmeChallenge> types, string? replaces, CancellationToken cancellationToken)
    {
        var directory = await session.GetDirectoryAsync(cancellationToken);
        var (url, order) = await NewOrderAsync(directory, domain, directory.RenewalInfo is null ? null : replaces, cancellationToken);
        foreach (var authorization in order.Authorizations)
        {
            await AuthorizeAsync(authorization, types, cancellationToken);
        }

        return url;
    }

    /// <summary>Asks for the certificate of an order and downloads it. Also for an order that an earlier process has begun to finish.</summary>
    /// <param name="csr">The certificate signing request, DER.</param>
    /// <returns>The chain as the authority sends it, PEM.</returns>
    public async Task<string> FinishAsync(Uri order, byte[] csr, CancellationToken cancellationToken)
    {
        var isFinalized = false;
        for (var tries = 1; ; tries++)
        {
            var state = await PollAsync(
                order, AcmeJson.Default.AcmeOrder, state => state.IsUnderWay || (isFinalized && state.Status == "ready"), cancellationToken);
            switch (state)
            {
                case { Status: "valid", Certificate: { } certificate }:
                    return Encoding.UTF8.GetString((await session.ReadAsync(certificate, cancellationToken, PemChain)).Body);
                case { Status: "ready" } when tries <= MaxFinalizations:
                    isFinalized = await FinalizeAsync(state.Finalize, csr, cancellationToken);
                    break;
                default:
                    throw new AcmeException(
                        $"the order ended {state.Status}: {state.Error?.ToString() ?? "no reason given"}", state.Error ?? new AcmeProblem());
            }
        }
    }

    private async Task<(Uri Url, AcmeOrder Order)> NewOrderAsync(AcmeDirectory directory, string domain, string? replaces, CancellationToken cancellationToken)
    {
        var order = new NewOrder([new AcmeIdentifier("dns", domain)], replaces);
        try
        {
            var response = await session.PostAsync(directory.NewOrder, order, AcmeJson.Default.NewOrder, cancellationToken);
            return (response.Location ?? throw new AcmeException("the authority does not say where the order is"), response.Read(AcmeJson.Default.AcmeOrder));
        }
        catch (AcmeException refused) when (refused.IsAlreadyReplaced && replaces is not null)
        {
            return await NewOrderAsync(directory, domain, replaces: null, cancellationToken);
        }
    }

    /// <returns>False: too early, the order is not ready after all (RFC 8555 section 7.4).</returns>
    private async Task<bool> FinalizeAsync(Uri url, byte[] csr, CancellationToken cancellationToken)
    {
        try
        {
            await session.PostAsync(url, new FinalizeOrder(Base64Url.EncodeToString(csr)), AcmeJson.Default.FinalizeOrder, cancellationToken);
            return true;
        }
        catch (AcmeException early) when (early.Problem?.Kind == "orderNotReady")
        {
            await Task.Delay(_firstPoll, time, cancellationToken);
            return false;
        }
    }

    /// <summary>One challenge an authorization: where it fails the authorization is invalid, and another type needs another order (RFC 8555 section
    /// 7.1.6).</summary>
    private async Task AuthorizeAsync(Uri url, IReadOnlyList<AcmeChallenge> types, CancellationToken cancellationToken)
    {
        var authorization = (await session.ReadAsync(url, cancellationToken)).Read(AcmeJson.Default.AcmeAuthorization);
        if (authorization.Status == "valid")
        {
            return; // proved before
        }

        var domain = authorization.Identifier.Value;
        var (type, challenge) = Choose(authorization, types);
        var token = challenge.Token is { Length: > 0 } given && !given.AsSpan().ContainsAnyExcept(_tokenCharacters)
            ? given
            : throw new AcmeException($"the token of the challenge for {domain} is not base64url (RFC 8555 section 8.3)");
        var proof = session.Key.KeyAuthorization(token);
        using var shown = challenges.Show(type, domain, token, proof);
        if (shared is not null)
        {
            await shared.ShowAsync(type, domain, token, proof, cancellationToken); // before the authority is told: it may come to any node
        }

        if (challenge.Status == "pending")
        {
            await TriggerAsync(challenge.Url, cancellationToken);
        }

        authorization = await PollAsync(url, AcmeJson.Default.AcmeAuthorization, state => state.IsUnderWay, cancellationToken);
        if (authorization.Status != "valid")
        {
            var error = authorization.Challenges.FirstOrDefault(failed => failed.Error is not null)?.Error;
            throw new AcmeException(
                $"{domain} by {challenge.Type}: {error?.ToString() ?? $"the authorization is {authorization.Status}"}", error ?? new AcmeProblem());
        }
    }

    /// <summary>Once and never again: an authority may refuse a second trigger with 409, and a lost response says nothing. What becomes of it shows in the
    /// authorization.</summary>
    private async Task TriggerAsync(Uri challenge, CancellationToken cancellationToken)
    {
        try
        {
            await session.PostAsync(challenge, new Empty(), AcmeJson.Default.Empty, cancellationToken);
        }
        catch (AcmeException lost) when (lost.Problem is null || lost.IsConflict)
        {
            // The authorization tells.
        }
    }

    private static (AcmeChallenge Type, AcmeChallengeState Challenge) Choose(AcmeAuthorization authorization, IReadOnlyList<AcmeChallenge> types)
    {
        foreach (var type in types)
        {
            if (authorization.Challenges.FirstOrDefault(offered => offered.Type == NameOf(type)) is { } challenge)
            {
                return (type, challenge);
            }
        }

        throw new AcmeException(
            $"for {authorization.Identifier.Value} the authority offers {string.Join(", ", authorization.Challenges.Select(offered => offered.Type))}, and " +
                $"Tls:Acme:Challenges allows {string.Join(", ", types.Select(NameOf))}");
    }

    private static string NameOf(AcmeChallenge type) => type == AcmeChallenge.Http01 ? "http-01" : "tls-alpn-01";

    /// <summary>Reads a resource until the authority has done its part. A look that fails is no verdict: the next one may succeed.</summary>
    private async Task<T> PollAsync<T>(Uri url, JsonTypeInfo<T> type, Func<T, bool> isUnderWay, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        for (var delay = _firstPoll; ; delay = Min(2 * delay, _slowestPoll))
        {
            AcmeException? failure = null;
            TimeSpan? wait = null;
            try
            {
                var response = await session.ReadAsync(url, cancellationToken);
                var state = response.Read(type);
                if (!isUnderWay(state))
                {
                    return state;
                }

                wait = response.RetryAfter;
            }
            catch (AcmeException failed) when (failed.IsTransient && failed.RetryAfter is null)
            {
                failure = failed;
            }

            if (time.GetElapsedTime(started) > _pollLimit)
            {
                throw new AcmeException(
                    $"{url} is still under way after {_pollLimit.TotalMinutes} minutes{(failure is null ? "" : $" ({failure.Message})")}", inner: failure);
            }

            await Task.Delay(wait > delay ? Min(wait.Value, _longestPollWait) : delay, time, cancellationToken);
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
