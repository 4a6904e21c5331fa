using System.Text.Json;
using EdgeProxy.Fleet;
using EdgeProxy.State;
using EdgeProxy.Tests.Fleet;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>A machine with certificates of its own that joins a fleet, or gives way to its next process.</summary>
public sealed class SharedCertificatesTests : IAsyncDisposable
{
    private const string Name = "shop.example.com";

    private readonly TemporaryDirectory _directory = new();
    private readonly StubAuthority _authority = new(TimeProvider.System);
    private AcmeSite? _site;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await (_site?.DisposeAsync() ?? ValueTask.CompletedTask);
        _directory.Dispose();
    }

    /// <summary>Only the key of an account can end it, or revoke what it was issued.</summary>
    [Fact]
    public async Task The_account_of_a_fleet_takes_the_place_of_the_machines_own_whose_key_is_kept()
    {
        await using var etcd = await EtcdCluster.StartAsync();
        await StartAsync();
        var file = Assert.Single(Directory.GetFiles(Path.Combine(_site!.StatePath, "acme"), "*.json"));
        var own = await File.ReadAllTextAsync(file, Cancellation);
        await _site.StopAsync();
        await File.WriteAllTextAsync(_directory["fleet.key"], FleetKey.Create(), Cancellation);
        var options = new FleetOptions { Name = "shop", Node = "a", KeyFile = _directory["fleet.key"], Etcd = etcd.Options };
        var theirs = new AcmeAccount(new Uri(_authority.DirectoryUrl), AcmeKey.NewPem());
        using (var node = new FleetNode(options, TimeProvider.System))
        {
            var shared = new FleetCertificates(node, new PendingChallenges(), TimeProvider.System, NullLogger<FleetCertificates>.Instance);
            await shared.PutAsync($"acme/{Path.GetFileName(file)}", JsonSerializer.Serialize(theirs, TlsJson.Default.AcmeAccount), Cancellation);
        }

        _site.Add = services =>
        {
            services.AddSingleton(_ => new FleetNode(options, TimeProvider.System));
            services.AddSingleton<FleetMembers>();
            services.AddSingleton<ISharedCertificates, FleetCertificates>();
        };
        await _site.StartAsync();
        Assert.Null(await _site.RenewAsync().Within());

        Assert.Equal(theirs.Key, JsonSerializer.Deserialize(await File.ReadAllTextAsync(file, Cancellation), TlsJson.Default.AcmeAccount)!.Key);
        Assert.Equal(own, await File.ReadAllTextAsync(file + ".before", Cancellation));
    }

    [Fact]
    public async Task A_comparison_with_the_fleet_that_breaks_does_not_end_the_loop()
    {
        await StartAsync();
        await _site!.StopAsync();
        var broken = new BrokenAtFirst();
        _site.Add = services => services.AddSingleton<ISharedCertificates>(broken);

        await _site.StartAsync();
        await Eventually.TrueAsync(() => broken.Asked > 0, "it is compared");

        Assert.Null(await _site.RenewAsync().Within());
    }

    /// <summary>The next process orders; an order of this one could not be kept.</summary>
    [Fact]
    public async Task A_process_that_has_given_its_state_away_orders_nothing()
    {
        await StartAsync();
        var orders = _authority.Count("new-order");
        _site!.Get<StateDirectory>().GiveAway(true);

        Assert.Contains("has taken over", await _site.RenewAsync(), StringComparison.Ordinal);

        Assert.Equal(orders, _authority.Count("new-order"));
        _site.Get<StateDirectory>().GiveAway(false);
        Assert.Null(await _site.RenewAsync().Within());
    }

    private async Task StartAsync()
    {
        _site = await AcmeSite.StartAsync(_authority, [Name], TimeProvider.System);
        await _site.WaitForCertificateAsync();
    }

    /// <summary>What no etcd does on demand: a failure that is nobody's own.</summary>
    private sealed class BrokenAtFirst : ISharedCertificates, IOrderTurn
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public string? Failure => null;

        public Task<string> AgreeAsync(string file, string content, CancellationToken cancellationToken) =>
            Interlocked.Increment(ref _asked) == 1 ? throw new IOException("the connection was reset") : Task.FromResult(content);

        public Task<IOrderTurn> TakeTurnAsync(string domain, CancellationToken cancellationToken) => Task.FromResult<IOrderTurn>(this);

        public Task<string?> FindAsync(string file, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

        public Task PutAsync(string file, string content, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task DeleteAsync(string file, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task ShowAsync(AcmeChallenge type, string domain, string token, string keyAuthorization, CancellationToken cancellationToken) =>
            Task.CompletedTask;

        public Task FollowAsync(IReadOnlyCollection<string> files, Action<string, string> changed, CancellationToken cancellationToken) =>
            Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);

        public Task FailAsync(string reason, TimeSpan retryAfter) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
