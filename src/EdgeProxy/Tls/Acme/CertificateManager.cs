namespace EdgeProxy.Tls.Acme;

/// <summary>Keeps a certificate for each domain of the settings.</summary>
/// <remarks>Owned by the host: certificates on disk are served before anything listens; ordering begins when everything does, as the authority will come and
/// look.</remarks>
internal sealed class CertificateManager(
    IReadOnlyList<CertificateLoop> loops, IHostApplicationLifetime host, ISharedCertificates? shared) : BackgroundService
{
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var loop in loops)
        {
            loop.Load();
        }

        return base.StartAsync(cancellationToken);
    }

    /// <summary>Makes an attempt for one domain, or for all, and waits for its end.</summary>
    /// <param name="domain">In ASCII; null: all.</param>
    /// <returns>Why they failed, by domain; null as the whole: no certificate of that name comes from an authority.</returns>
    public async Task<IReadOnlyDictionary<string, string>?> RenewAsync(string? domain, CancellationToken cancellationToken)
    {
        var asked = loops.Where(loop => domain is null || loop.Domain == domain).ToList();
        if (asked.Count == 0)
        {
            return null;
        }

        var errors = await Task.WhenAll(asked.Select(loop => loop.RenewAsync())).WaitAsync(cancellationToken);
        return asked.Zip(errors).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First.Domain, pair => pair.Second!);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, host.ApplicationStarted).WaitAsync(stoppingToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
        await Task.WhenAll(loops.Select(loop => loop.RunAsync(stoppingToken)).Append(FollowAsync(stoppingToken)));
    }

    /// <summary>What another node of the fleet has got is served here at once.</summary>
    private Task FollowAsync(CancellationToken stopping)
    {
        var byFile = loops.ToDictionary(loop => CertificateStore.CertificateFile(loop.Domain));
        return shared is null || loops.Count == 0 ? Task.CompletedTask
            : shared.FollowAsync(byFile.Keys, (file, text) => byFile[file].Offer(text), stopping);
    }
}
